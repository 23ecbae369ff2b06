import '@arena/decoder/ops';
import { wasmConformance } from '../../runtime/test/wasm-conformance.js';

wasmConformance('@arena/decoder');
