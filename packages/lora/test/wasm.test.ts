import '@arena/lora/ops';
import { wasmConformance } from '../../runtime/test/wasm-conformance.js';

wasmConformance('@arena/lora');
