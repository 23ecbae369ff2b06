import '@arena/decoder/ops';
import { blasConformance, wasmConformance } from '../../runtime/test/wasm-conformance.js';

wasmConformance('@arena/decoder');
blasConformance('@arena/decoder');
