import { goldenTests } from '../browser/golden.js';

// nf4 is the host's own arithmetic but for its checkpoints, which area gemma's products cover
goldenTests('webgpu', ['gemma', 'gemma3', 'gguf', 'lora', 'lora3', 'trainer']);
