import { fileURLToPath } from 'node:url';
import { bytesSource } from '@arena/files';
import { GgufError, ggufTokenizerFields, openGguf } from '@arena/gguf';
import { describe, expect, test } from 'vitest';
import { type Pair, writeGguf } from './write-gguf.js';

const VOCAB = fileURLToPath(new URL('../../conformance/fixtures/gguf/tokenizer/vocab.gguf', import.meta.url));

const LISTS: Pair[] = [
  ['tokenizer.ggml.model', 'string', 'llama'],
  ['tokenizer.ggml.tokens', ['string'], ['<unk>', '<s>', '</s>', '▁a']],
  ['tokenizer.ggml.scores', ['f32'], [0, 0, 0, -1]],
  ['tokenizer.ggml.token_type', ['i32'], [2, 3, 3, 1]],
];

async function fieldsOf(pairs: Pair[]) {
  const file = await openGguf(bytesSource(writeGguf({ pairs })));
  return ggufTokenizerFields(file.metadata, 'tiny.gguf');
}

test('a file of a vocabulary alone', async () => {
  const file = await openGguf(VOCAB);
  const { tokens, scores, types, ...rest } = ggufTokenizerFields(file.metadata);
  expect(rest).toEqual({
    model: 'llama',
    pre: 'default',
    bosId: 2,
    eosId: 1,
    unkId: 3,
    padId: 0,
    addBos: true,
    addEos: false,
    addSpacePrefix: false,
  });
  expect([tokens.length, scores.length, types.length]).toEqual([1600, 1600, 1600]);
  expect([0, 1, 2, 3, 4].map((id) => [tokens.at(id), types[id]])).toEqual([
    ['<pad>', 3],
    ['</s>', 3],
    ['<s>', 3],
    ['<unk>', 2],
    ['<start_of_turn>', 4],
  ]);
  await file.close();
});

test("where the file is silent, llama.cpp's words for SentencePiece", async () => {
  const fields = await fieldsOf(LISTS);
  expect(fields).toMatchObject({
    pre: 'default',
    bosId: 1,
    eosId: 2,
    unkId: 0,
    addBos: true,
    addEos: false,
    addSpacePrefix: true,
  });
  expect(fields.padId).toBeUndefined();
  expect([...fields.tokens]).toEqual(['<unk>', '<s>', '</s>', '▁a']);
});

describe('a tokenizer that cannot be read is refused', () => {
  const but = (key: string, ...pair: [Pair[1], unknown] | []): Pair[] => [
    ...LISTS.filter(([name]) => name !== `tokenizer.ggml.${key}`),
    ...(pair.length ? [[`tokenizer.ggml.${key}`, ...pair] as Pair] : []),
  ];
  test.each<[string, Pair[], RegExp]>([
    ['none', [], /the file has no tokenizer; take a GGUF file of the model that has one/],
    ['another kind', but('model', 'string', 'gpt2'), /ggml.model": is "gpt2"; "llama"/],
    ['no tokens', but('tokens'), /ggml.tokens": is missing/],
    ['no scores', but('scores'), /ggml.scores": is missing/],
    ['few scores', but('scores', ['f32'], [1]), /ggml.scores": is an array of 1, where 4 tokens are/],
    ['types as text', but('token_type', ['string'], ['a', 'b', 'c', 'd']), /ggml.token_type": is an array of 4/],
    ['an id outside', but('bos_token_id', 'u32', 4), /ggml.bos_token_id": is 4, there are 4 tokens/],
    ['a flag of another type', but('add_bos_token', 'u8', 1), /ggml.add_bos_token": is 1, neither/],
  ])('%s', async (_, pairs, message) => {
    const error = await fieldsOf(pairs).catch((reason) => reason);
    expect(error).toBeInstanceOf(GgufError);
    expect(error.message).toMatch(message);
    expect(error.code).toBe('metadata');
  });
});
