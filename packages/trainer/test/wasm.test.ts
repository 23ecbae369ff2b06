import '@arena/trainer/optimizer';
import { wasmConformance } from '../../runtime/test/wasm-conformance.js';

wasmConformance('@arena/trainer');
