/** @file Launches of a training step by kernel: adapters on all seven linears of all layers of the shape tiny, one short sequence. */
import { trainableParameters, trainingPass } from '@arena/decoder';
import { bytesFolder } from '@arena/files';
import { loadGemma } from '@arena/gemma';
import { randomCheckpointFiles } from '@arena/gemma/checkpoint';
import { loraConfig } from '@arena/lora';
import { startProfile } from '@arena/runtime';
import { adamW } from '@arena/trainer';
import { dispose } from '@tensorflow/tfjs-core';
import { SHAPES } from '../shapes.mjs';

export async function countLaunches() {
  const { config } = SHAPES.tiny;
  const model = await loadGemma(bytesFolder(randomCheckpointFiles(config, { seed: 1 })), {
    quantization: {},
    lora: { config: loraConfig({ r: 16, target_modules: 'all-linear' }), seed: 1 },
  });
  const parameters = trainableParameters(model);
  const optimizer = adamW(parameters);
  const ids = Int32Array.from({ length: 64 }, (_, i) => 3 + i);
  const profile = startProfile();
  const { loss, logits } = await trainingPass(model, { ids, offsets: Int32Array.of(0, 64) }, [1]);
  dispose([loss, logits]);
  await optimizer.step(1e-4);
  const times = await profile.stop();
  optimizer.dispose();
  await model.dispose();
  return {
    layers: config.numHiddenLayers,
    trained: parameters.length,
    launches: times.reduce((sum, { calls }) => sum + calls, 0),
    kernels: times.toSorted((a, b) => b.calls - a.calls),
  };
}
