import '@arena/lora';
import { wasmConformance } from '../../runtime/test/wasm-conformance.js';

wasmConformance('@arena/lora');
