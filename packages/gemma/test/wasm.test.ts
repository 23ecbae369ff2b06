import '@arena/gemma';
import { wasmConformance } from '../../runtime/test/wasm-conformance.js';

wasmConformance('@arena/gemma');
