import '@arena/trainer';
import { wasmConformance } from '../../runtime/test/wasm-conformance.js';

wasmConformance('@arena/trainer');
