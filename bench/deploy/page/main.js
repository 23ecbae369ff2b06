/** @file The page: transformers.js on wasm here, as its pages have it, and Arena in a Worker, as its pages have it. */

globalThis.judges = {
  /** The judge in Arena: P(A) and milliseconds of each battle. */
  async arena(options, battles) {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    const ask = (message) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
        worker.onerror = ({ message: why }) => reject(new Error(`the worker failed: ${why}`));
        worker.postMessage(message);
      });
    const begin = performance.now();
    await ask({ open: options });
    const opened = performance.now() - begin;
    const said = { p: [], times: [] };
    await ask({ battle: battles[0] }); // not counted, as in the others
    for (const battle of battles) {
      const start = performance.now();
      said.p.push((await ask({ battle })).p);
      said.times.push(performance.now() - start);
    }
    return { opened, said };
  },

  /** An exported folder in `pipeline`: logits and milliseconds of each battle's sequences. */
  async transformers({ model, dtype, threads, profile = false }, battles) {
    const { env, pipeline, Tensor } = await import('@huggingface/transformers');
    env.allowRemoteModels = false;
    env.allowLocalModels = true;
    env.useBrowserCache = false;
    env.localModelPath = '/models/';
    env.backends.onnx.wasm.wasmPaths = '/modules/onnxruntime-web/dist/';
    env.backends.onnx.wasm.numThreads = threads;
    const begin = performance.now();
    const session_options = profile ? { enableProfiling: true } : {};
    const pipe = await pipeline('text-classification', model, { dtype, device: 'wasm', session_options });
    const opened = performance.now() - begin;
    const logits = [];
    const times = [];
    const tensor = (ids) => new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);
    const answer = async (sequences) => {
      const said = [];
      for (const ids of sequences) {
        const inputs = { input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)) };
        said.push(...(await pipe.model(inputs)).logits.data);
      }
      return said;
    };
    if (!profile) await answer(battles[0]);
    for (const sequences of battles) {
      const start = performance.now();
      logits.push(await answer(sequences));
      times.push(performance.now() - start);
    }
    if (profile) pipe.model.sessions.model.endProfiling(); // onnxruntime writes it to the console
    return { opened, logits, times };
  },
};
