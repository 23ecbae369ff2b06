/** @file Several adapters over one base, one of them in use: they share the frozen weights. */

import { type AdapterFiles, checkAdapter } from '@arena/lora';
import { resolveTargets, SCORE_KEY } from '@arena/lora/names';
import { disposeParameter, type Parameter, parameter } from '@arena/runtime';
import { type Tensor2D, tensor2d } from '@tensorflow/tfjs-core';
import { DecoderError } from './error.js';

import { type Classifier, type Linear, linearsOf } from './model.js';
import { linearModules } from './tensors.js';
import { uploadLora } from './upload-adapter.js';

/** The named adapters of one model, at most one of them in use. Switching copies nothing. */
export interface AdapterSet {
  /** Name of the adapter in use, null for the base alone. */
  readonly active: string | null;
  names(): string[];
  /**
   * Puts an adapter on the engine; it is not used yet. One without a score head takes the head that the model had.
   * @throws DecoderError when the name is taken, or the adapter is of another base.
   */
  add(name: string, adapter: AdapterFiles): void;
  /**
   * Makes the model compute, train and save with an adapter, or with the base and its head alone. Matrices that training changed stay
   * changed.
   * @throws DecoderError when there is none of that name.
   */
  use(name: string | null): void;
  /** @throws DecoderError when there is none of that name or it is in use. */
  remove(name: string): void;
  /** Frees the adapters that are not in use; that one goes with the model. */
  dispose(): void;
}

/** An adapter on the engine. */
interface Resident {
  /** By module path. */
  loras: Map<string, NonNullable<Linear['lora']>>;
  /** Absent where the model's own head is used. */
  score?: Parameter;
  lora: NonNullable<Classifier['lora']>;
}

/** The set of a model; the adapter that it was loaded with is in it under PEFT's name, `default`, and in use. */
export function adapterSet(model: Classifier): AdapterSet {
  const linears = model.layers.flatMap(linearsOf);
  const residents = new Map<string, Resident>();
  const ownScore = model.score;
  let active: string | null = null;
  if (model.lora) {
    const loras = new Map(linears.flatMap(({ path, lora }) => (lora ? [[path, lora] as const] : [])));
    residents.set('default', { loras, lora: model.lora });
    active = 'default';
  }
  const find = (name: string): Resident => {
    const resident = residents.get(name);
    if (!resident)
      throw new DecoderError(
        'adapter',
        `no adapter '${name}': there are ${[...residents.keys()].join(', ') || 'none'}`,
      );
    return resident;
  };
  const free = ({ loras, score }: Resident) => {
    for (const { A, B } of loras.values()) for (const matrix of [A, B]) disposeParameter(matrix);
    if (score) disposeParameter(score);
  };
  return {
    get active() {
      return active;
    },
    names: () => [...residents.keys()],
    add(name, adapter) {
      if (residents.has(name)) throw new DecoderError('adapter', `there is an adapter '${name}' already`);
      residents.set(name, upload(model, name, adapter));
    },
    use(name) {
      const resident = name === null ? undefined : find(name);
      for (const linear of linears) linear.lora = resident?.loras.get(linear.path);
      model.lora = resident?.lora;
      model.score = resident?.score ?? ownScore;
      active = name;
    },
    remove(name) {
      const resident = find(name);
      if (name === active)
        throw new DecoderError('adapter', `the adapter '${name}' is in use: switch to another first`);
      free(resident);
      residents.delete(name);
    },
    dispose() {
      for (const [name, resident] of residents) if (name !== active) free(resident);
      if (model.score !== ownScore) disposeParameter(ownScore);
      residents.clear();
    },
  };
}

function upload(model: Classifier, name: string, { config, weights, score }: AdapterFiles): Resident {
  const targets = resolveTargets(config, linearModules(model.config));
  checkAdapter({ config, weights }, targets, name);
  const shape: [number, number] = [model.config.numLabels, model.config.hiddenSize];
  if (score && score.shape.join() !== shape.join()) {
    throw new DecoderError(
      'adapter',
      `${name}: the adapter's score head is [${score.shape}], the base wants [${shape}]`,
    );
  }
  const loras = new Map(
    targets.map((target, i) => [target.path, uploadLora(target, i, weights.get(target.path)!, config)]),
  );
  const head = score && parameter(SCORE_KEY, tensor2d(score.values, shape) as Tensor2D);
  return { loras, lora: { config, targets }, ...(head && { score: head }) };
}
