import '@arena/lora/ops';
import { blasConformance, wasmConformance } from '../../runtime/test/wasm-conformance.js';

wasmConformance('@arena/lora');
blasConformance('@arena/lora');
