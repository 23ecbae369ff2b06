export declare class TextClassificationPipeline {
  constructor(parts: { task: string; model: unknown; tokenizer: unknown });
  dispose(): Promise<void>;
}

export declare class Tensor {
  constructor(type: string, data: Float32Array, dims: number[]);
  readonly data: Float32Array;
  readonly dims: number[];
}

export declare const env: { useCustomCache: boolean; customCache: unknown };
