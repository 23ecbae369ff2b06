/** @file Any tokenizer that can be called packs: Hugging Face's JavaScript library as a second opinion on ours. */
import { readFileSync } from 'node:fs';
import { packer } from '@arena/data';
import { loadTokenizer } from '@arena/tokenizer';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyBattle } from './sample.js';

test('packs as ours does, where special tokens in the texts are let through', () => {
  const path = new URL('../../tokenizer/test/fixtures/tiny-tokenizer.json', import.meta.url);
  const file = JSON.parse(readFileSync(path, 'utf8'));
  const theirs = new Tokenizer(file, {});
  const options = { maxTokens: 400, neutralizeSpecialTokens: false };
  const ours = packer(loadTokenizer(file), options);
  const other = packer(
    {
      encode: (text) => theirs.encode(text, { add_special_tokens: false }).ids,
      tokenToId: (token) => theirs.token_to_id(token),
    },
    options,
  );
  fc.assert(
    fc.property(anyBattle, (battle) => {
      expect(other(battle)).toEqual(ours(battle));
    }),
    { numRuns: 200, seed: 5 },
  );
});
