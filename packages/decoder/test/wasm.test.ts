import '@arena/decoder';
import { wasmConformance } from '../../runtime/test/wasm-conformance.js';

wasmConformance('@arena/decoder');
