/** transformers.js brings its own types; this repository builds without it. */
declare module '@huggingface/transformers';
