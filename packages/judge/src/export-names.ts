/** @file What the files of an export say of the base and of the frame around a text. */
import { GEMMA_ANSWER_FRAME, GEMMA_FRAME } from '@arena/data';
import type { Base } from './base.js';
import type { ModelCard } from './card.js';

/** A base's name for other people: a hub id stays; of a path, which is another machine's, the last part. */
export function baseId(name: string): string {
  return /^[\w.-]+\/[\w.-]+$/.test(name) && !name.startsWith('.') ? name : (name.split(/[\\/]/).at(-1) ?? name);
}

/** The text of the tokens that the tokenizer puts before every text by itself, such as `<bos>`. */
export function ownStart({ tokenizer }: Pick<Base, 'tokenizer'>): string {
  const bare = Array.from(tokenizer.encode('', { addSpecialTokens: true }));
  return tokenizer.decode(Int32Array.from(bare));
}

/** A stretch of a packed text: the frame's own words, or one of the three texts that a user gives. */
export type FramePart = { text: string } | { field: 'prompt' | 'answer' | 'a' | 'b' };

/** The stretches of a text that a judge reads, in order. */
export function frameParts({ head, pack }: Pick<ModelCard, 'head' | 'pack'>): FramePart[] {
  const isReward = head === 'reward';
  const frame: Record<string, string> = { ...(pack.frame ?? (isReward ? GEMMA_ANSWER_FRAME : GEMMA_FRAME)) };
  const answers: FramePart[] = isReward
    ? [{ text: frame.response }, { field: 'answer' }]
    : [{ text: frame.responseA }, { field: 'a' }, { text: frame.responseB }, { field: 'b' }];
  return [{ text: frame.start + frame.prompt }, { field: 'prompt' }, ...answers, { text: frame.end }];
}
