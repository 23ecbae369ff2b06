/**
 * @file The chat frame around a battle. It is plain JSON, stored with the model, so that inference packs as training
 * did.
 */

import { DataError } from '../error.js';

/** Fixed texts around the three fields. Their special tokens count; special tokens in the fields are read as text. */
export interface Frame {
  /** Start of the sequence, with `<bos>` where the model wants it. */
  start: string;
  /** Before each prompt turn. */
  prompt: string;
  /** Before each turn of answer A. */
  responseA: string;
  /** Before each turn of answer B. */
  responseB: string;
  /** End of the sequence. The classifier reads its last token. */
  end: string;
  /** Replaces text cut from a field. */
  marker: string;
  /** Follows `start` where earlier rounds were dropped. */
  omitted: string;
}

/** Fixed texts around a prompt and one answer, for a model that scores each answer by itself. */
export interface AnswerFrame extends Omit<Frame, 'responseA' | 'responseB'> {
  /** Before each turn of the answer. */
  response: string;
}

const FIELDS = ['start', 'prompt', 'responseA', 'responseB', 'end', 'marker', 'omitted'];
const ANSWER_FIELDS = ['start', 'prompt', 'response', 'end', 'marker', 'omitted'];

/** For instruction-tuned Gemma: one user turn with the question and both answers, then the model's turn to choose. */
export const GEMMA_FRAME: Frame = {
  start: '<bos><start_of_turn>user\nWhich of the two answers is better?',
  prompt: '\n\nQuestion:\n',
  responseA: '\n\nAnswer A:\n',
  responseB: '\n\nAnswer B:\n',
  end: '<end_of_turn>\n<start_of_turn>model\nChoice:',
  marker: ' [...] ',
  omitted: '\n\n[earlier turns left out]',
};

/** Few tokens, for small models and base models: the classifier reads `<eos>`. */
export const COMPACT_FRAME: Frame = {
  start: '<bos>',
  prompt: '\nQ: ',
  responseA: '\nA: ',
  responseB: '\nB: ',
  end: '\n<eos>',
  marker: ' [...] ',
  omitted: '\n[...]',
};

/** {@link GEMMA_FRAME} for one answer: then the model's turn to score it. */
export const GEMMA_ANSWER_FRAME: AnswerFrame = {
  start: '<bos><start_of_turn>user\nHow good is the answer?',
  prompt: '\n\nQuestion:\n',
  response: '\n\nAnswer:\n',
  end: '<end_of_turn>\n<start_of_turn>model\nScore:',
  marker: ' [...] ',
  omitted: '\n\n[earlier turns left out]',
};

/** {@link COMPACT_FRAME} for one answer. */
export const COMPACT_ANSWER_FRAME: AnswerFrame = {
  start: '<bos>',
  prompt: '\nQ: ',
  response: '\nA: ',
  end: '\n<eos>',
  marker: ' [...] ',
  omitted: '\n[...]',
};

/** Checks a frame read from a file. @throws DataError when a text is missing, or `end` is empty */
export function checkFrame(frame: unknown): Frame {
  return checkTexts(frame, FIELDS) as Frame;
}

/** {@link checkFrame} for a frame around one answer. */
export function checkAnswerFrame(frame: unknown): AnswerFrame {
  return checkTexts(frame, ANSWER_FIELDS) as AnswerFrame;
}

function checkTexts(frame: unknown, names: string[]): unknown {
  const value = frame as Record<string, unknown> | null;
  for (const name of names) {
    if (typeof value?.[name] !== 'string')
      throw new DataError('argument', `the frame has no text "${name}"; it needs ${names.join(', ')}`);
  }
  if (value?.end === '')
    throw new DataError(
      'argument',
      'the frame\'s "end" is empty; the classifier reads its last token, so it needs one',
    );
  return value;
}
