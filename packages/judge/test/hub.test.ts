/** @file Where a base is on the hub, and the model card. */
import { describe, expect, test } from 'vitest';
import { ggufHubId } from '../../gemma/src/gguf-hub-id.js';
import { judgeReadme } from '../src/card/index.js';
import { yaml } from '../src/card/yaml.js';
import type { ModelCard } from '../src/card.js';
import { hubPlaceOf, pinnedCommit } from '../src/hub-place.js';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const SNAPSHOT = `/home/me/.cache/huggingface/hub/models--google--gemma-2-2b/snapshots/${COMMIT}`;

describe('a base on the hub', () => {
  test.each<[string, string, string, object | undefined, string | null]>([
    ['an id from the cache', 'google/gemma-2-2b', SNAPSHOT, { id: 'google/gemma-2-2b', commit: COMMIT }, null],
    ['a revision', 'google/gemma-2-2b@main', SNAPSHOT, { id: 'google/gemma-2-2b', commit: COMMIT }, COMMIT],
    ['the path of a snapshot', SNAPSHOT, SNAPSHOT, { id: 'google/gemma-2-2b', commit: COMMIT }, COMMIT],
    [
      'a GGUF file of a model',
      'o/m/x-q4.gguf',
      SNAPSHOT.replace('google--gemma-2-2b', 'o--m'),
      { id: 'o/m', commit: COMMIT },
      null,
    ],
    ['a folder', '/models/gemma', '/models/gemma', undefined, null],
    ['a folder that looks like an id', 'models/gemma', 'models/gemma/', undefined, null],
    ['a name with a place elsewhere', 'google/gemma-2-2b', 'https://host/x', { id: 'google/gemma-2-2b' }, null],
  ])('%s', (_, name, location, place, pinned) => {
    expect(hubPlaceOf(name, location)).toEqual(place);
    expect(pinnedCommit(name, place as ReturnType<typeof hubPlaceOf>)).toBe(pinned);
  });

  test('a GGUF file says what it holds', () => {
    expect(hubPlaceOf('/x/y.gguf', '/x/y.gguf', 'google/gemma-3-270m')).toEqual({ id: 'google/gemma-3-270m' });
    const id = (fields: Record<string, unknown>) => ggufHubId(new Map(Object.entries(fields)));
    expect(id({ 'general.name': 'Gemma 3 270m' })).toBe('google/gemma-3-270m');
    expect(id({ 'general.name': 'Gemma 2 2b It' })).toBe('google/gemma-2-2b-it');
    expect(id({ 'general.name': 'Gemma 3 1b' })).toBeUndefined(); // -pt or -it
    expect(id({ 'general.name': 'My Gemma' })).toBeUndefined();
    expect(id({ 'general.source.repo_url': 'https://huggingface.co/o/m' })).toBe('o/m');
    expect(id({ 'general.base_model.0.repo_url': 'https://huggingface.co/o/parent' })).toBeUndefined();
    expect(id({ 'general.source.repo_url': 'https://host/o/m' })).toBeUndefined();
  });
});

// Right values: YAML 1.2's rules by hand; PyYAML reads the same
test('YAML quotes what would be read as something else', () => {
  const value = {
    a: 'owner/name',
    b: 'yes',
    c: '1.5',
    d: 'x: y',
    e: '',
    f: '- x',
    g: true,
    h: 0.5,
    i: null,
    j: 'lora:adapter:o/m',
  };
  expect(yaml(value)).toBe(
    'a: owner/name\nb: "yes"\nc: "1.5"\nd: "x: y"\ne: ""\nf: "- x"\ng: true\nh: 0.5\ni: null\nj: lora:adapter:o/m\n',
  );
  expect(yaml({ l: [{ a: 1, b: [{ c: 2 }, 'x'] }, 'z'], m: { n: { o: 'p' } } })).toBe(
    'l:\n- a: 1\n  b:\n  - c: 2\n  - x\n- z\nm:\n  n:\n    o: p\n',
  );
});

const card = {
  format: 'arena-model-1',
  base: '/home/me/base',
  head: 'reward',
  pack: { maxTokens: 256 },
  quantization: null,
} as ModelCard;

test('a card without anything known has no base, no figures, and no path', () => {
  const text = judgeReadme({ form: 'adapter', card, labels: ['reward'] });
  expect(text).toMatch(/^---\nlibrary_name: peft\npipeline_tag: text-classification\nlicense: gemma\ntags:\n/);
  expect(text).not.toMatch(/home|base_model|model-index|datasets:/);
  expect(text).toContain('Gemma is provided under and subject to the Gemma Terms of Use');
});

test('a judge of the lower layers: Python cuts the base alike, but not what is merged', () => {
  const python = (form: 'adapter' | 'merged') =>
    judgeReadme({ form, card: { ...card, layers: 6 }, labels: ['reward'] });
  expect(python('adapter')).toContain('config.layer_types = config.layer_types[:6]\nmodel = AutoModel');
  expect(python('adapter')).toContain('from_pretrained("the-base", config=config, attn_implementation="eager")');
  expect(python('merged')).not.toContain('config.layer_types');
});

test('data sets of the hub are named once, files of a person not at all', () => {
  const settings = { hubData: [`o/votes:a@${COMMIT}`, `o/votes/x:b@${COMMIT}`], data: ['/home/me/v.jsonl'] };
  const text = judgeReadme({ form: 'adapter', card, labels: ['reward'], settings });
  expect(text).toContain('datasets:\n- o/votes\ntags:');
  expect(text).not.toContain('/home');
});

test('Python reads each part and each field by itself, as packing does: a token across a seam would be another', () => {
  const frame = { start: '<bos>{x}', prompt: '\nQ: ', response: '\n"A": ', end: '\n', marker: '', omitted: '' };
  const text = judgeReadme({
    form: 'adapter',
    card: { ...card, pack: { maxTokens: 99, frame } } as ModelCard,
    labels: ['reward'],
  });
  expect(text).toContain('parts = ["<bos>{x}\\nQ: ", prompt, "\\n\\"A\\": ", answer, "\\n"]');
  expect(text).toContain('for part in parts for token in tokenizer(part, add_special_tokens=False)');
});
