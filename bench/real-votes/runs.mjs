/**
 * @file The runs of the bench of real votes, as data. Settings are those of `arena train`; what a run does not name is its default
 * (chat frame, rank 16, alpha 32, dropout 0.05, batch 8, rate 2e-4, linear with a warm-up of 3 %).
 */

/** Settings of every run. A fifth of the steps lies between two measurements; the best weights by validation log loss stay. */
export const COMMON = { maxTokens: 512, evalEvery: 0.2 };
export const SPLIT_SEED = 42;
/** Seed of the runs that choose. */
const FIRST_SEED = 42;
const SEEDS = [42, 43, 44];

const ALL = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const CLASSIFIER = { loss: 'cross-entropy', targets: ALL, firstLayer: 0, learningRate: 1e-4 };
const REWARD = { loss: 'bradley-terry', targets: ALL, firstLayer: 0, learningRate: 1e-4 };

/** What stage 1 tries, with one seed. The order is the order of the runs. */
const TRIED = {
  'bt-all': REWARD,
  'classifier-all': { ...CLASSIFIER, epochs: 2 },
  'classifier-qkv-upper': { loss: 'cross-entropy', targets: ALL.slice(0, 3), firstLayer: 6, epochs: 2 },
  'classifier-all-swap': { ...CLASSIFIER, swapAugment: true },
  'bt-all-5e-5': { ...REWARD, learningRate: 5e-5 },
  'bt-all-2e-4': { ...REWARD, learningRate: 2e-4 },
  'bt-all-two-epochs': { ...REWARD, epochs: 2 },
  'bt-all-smooth': { ...REWARD, labelSmoothing: 0.1 },
  'bt-upper': { ...REWARD, firstLayer: 6 },
  'bt-all-r8': { ...REWARD, rank: 8, alpha: 16 },
};
/** The run that PEFT makes in any case: the best of the peer's own runs. */
const REFERENCE = 'bt-all';
/** Smaller judges: the lower layers alone, and with the probabilities of a larger judge in their targets. */
const SMALLER = {
  'bt-12-layers': { ...REWARD, layers: 12 },
  'bt-6-layers': { ...REWARD, layers: 6 },
  'bt-6-layers-distilled': { ...REWARD, layers: 6, softLabels: 0.5 },
};
/** The judge that a distilled one learns from, and that a cascade asks second. */
export const TEACHER = `arena-${REFERENCE}-s${FIRST_SEED}`;
const SHARES = [1 / 8, 1 / 4, 1 / 2];
const KINDS = ['bradley-terry', 'cross-entropy'];

/** Figures without training: they need no seed. */
const BASELINES = ['longer', 'style', 'words', 'letters'];

/**
 * @typedef {{ key: string, stage: number, who: 'arena' | 'peft' | 'baseline', name: string, settings: object, seed: number, share: number }} Run
 * @param {object[]} rows Lines of the .jsonl: the later stages follow from what the first chose.
 * @returns {Run[]} In the order to run them.
 */
export function runsOf(rows) {
  const tried = Object.keys(TRIED).map((name) => run(1, 'arena', name, FIRST_SEED));
  const chosen = chosenOf(rows);
  const peft = [...new Set([REFERENCE, ...chosen])].flatMap((name) => SEEDS.map((seed) => run(2, 'peft', name, seed)));
  const seeds = [...new Set([...chosen, REFERENCE])].flatMap((name) =>
    SEEDS.map((seed) => run(2, 'arena', name, seed)),
  );
  const shares = chosen.flatMap((name) => SHARES.map((share) => run(3, 'arena', name, FIRST_SEED, share)));
  const baselines = BASELINES.map((name) => run(0, 'baseline', name, FIRST_SEED));
  const smaller = Object.keys(SMALLER).map((name) => run(4, 'arena', name, FIRST_SEED));
  const all = [...baselines, ...tried, ...seeds, ...peft, ...shares, ...smaller];
  return all.filter(({ key }, i) => all.findIndex((one) => one.key === key) === i);
}

/** Names of the best of each kind in stage 1 by validation log loss, once all runs of the kind are there. */
export function chosenOf(rows) {
  return KINDS.flatMap((loss) => {
    const names = Object.keys(TRIED).filter((name) => TRIED[name].loss === loss);
    const done = names.flatMap((name) => rows.find(({ key }) => key === run(1, 'arena', name, FIRST_SEED).key) ?? []);
    if (done.length < names.length) return [];
    return done.reduce((best, one) => (one.validation.logLoss[0] < best.validation.logLoss[0] ? one : best)).name;
  });
}

function run(stage, who, name, seed, share = 1) {
  const part = share === 1 ? '' : `-of-${1 / share}`;
  const key = who === 'baseline' ? `baseline-${name}` : `${who}-${name}${part}-s${seed}`;
  return { key, stage, who, name, settings: { ...TRIED[name], ...SMALLER[name] }, seed, share };
}
