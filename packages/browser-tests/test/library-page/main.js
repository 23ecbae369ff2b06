/** @file What tests ask of the page. */

globalThis.library = {
  /** Logits of rows of token ids, one by one, in onnxruntime-web. */
  async logits(url, rows) {
    const ort = await import('onnxruntime-web');
    ort.env.wasm.wasmPaths = '/modules/onnxruntime-web/dist/';
    ort.env.wasm.numThreads = 2;
    const session = await ort.InferenceSession.create(url, { executionProviders: ['wasm'] });
    const tensor = (values) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
    const all = [];
    for (const row of rows) {
      const { logits } = await session.run({ input_ids: tensor(row), attention_mask: tensor(row.map(() => 1)) });
      all.push([...logits.data]);
    }
    await session.release();
    return all;
  },

  /** Scores of every class that `pipeline` of transformers.js gives. */
  async scores(model, dtype, texts) {
    const { env, pipeline } = await import('@huggingface/transformers');
    env.allowRemoteModels = false;
    env.allowLocalModels = true;
    env.localModelPath = '/models/';
    env.backends.onnx.wasm.wasmPaths = '/modules/onnxruntime-web/dist/';
    const pipe = await pipeline('text-classification', model, { dtype, device: 'wasm' });
    const scores = await pipe(texts, { top_k: null });
    await pipe.dispose();
    return scores;
  },
};
