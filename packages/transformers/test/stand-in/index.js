/** @file As transformers.js makes its pipelines: objects that are called. */

export class TextClassificationPipeline {
  constructor(parts) {
    const closure = (...args) => closure._call(...args);
    // biome-ignore lint/correctness/noConstructorReturn: theirs does so
    return Object.setPrototypeOf(Object.assign(closure, parts), new.target.prototype);
  }

  async dispose() {
    await this.model.dispose();
  }
}

export class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data, dims });
  }
}

export const env = { useCustomCache: false, customCache: null };
