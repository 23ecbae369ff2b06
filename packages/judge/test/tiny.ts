/** @file A tiny base made for some votes, and the settings that suit it. */
import type { Battle } from '@arena/data';
import { bytesFolder } from '@arena/files';
import { type GivenSettings, tinyBaseFor } from '@arena/judge';
import type { Base } from '@arena/judge/card';
import { openBase } from '@arena/judge/run';

export function tinyBase(battles: Battle[]): Promise<Base> {
  return openBase(bytesFolder(tinyBaseFor(battles, { hiddenSize: 32, layers: 2, vocabSize: 700 })), 'tiny');
}

export const TINY: GivenSettings = {
  base: 'tiny',
  data: ['made-up votes'],
  maxTokens: 256,
  frame: 'compact',
  firstLayer: 1,
  targets: ['q_proj', 'down_proj'],
};
