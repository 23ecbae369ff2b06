/** @file Why a record is not a battle. */

/**
 * Why a record is not a battle. `bad_json`: not JSON, or not the schema's type. `no_turns`: an empty list. `bad_roles`:
 * not user, assistant, user, assistant, ... `non_text_content`: an image or another part. `prompt_mismatch`: the two
 * sides were asked different things. `turn_mismatch`: different numbers of turns. `bad_winner`: an unknown label, or
 * scores that are no numbers. `empty_prompt`. `bad_weight`: a weight that is no number from 0. `bad_soft_label`: a soft
 * label that is no list of two or three probabilities. `bad_id`: an id that is no text and no whole number.
 */
export const REJECT_REASONS = [
  'bad_json',
  'no_turns',
  'bad_roles',
  'non_text_content',
  'prompt_mismatch',
  'turn_mismatch',
  'bad_winner',
  'empty_prompt',
  'bad_weight',
  'bad_soft_label',
  'bad_id',
] as const;

/** One of {@link REJECT_REASONS}. */
export type RejectReason = (typeof REJECT_REASONS)[number];

/** A reason, with what was read and what to do. */
export interface Rejection {
  reason: RejectReason;
  /** "winner is 1; ...": what was met in this record. */
  detail: string;
}

/** Thrown while a record is read, and caught by `normalizeRow`. */
export class Rejected extends Error {
  constructor(
    readonly reason: RejectReason,
    readonly detail: string,
  ) {
    super(reason);
  }
}

/** Most characters of a value that a message shows, and most entries of a list or object in it. */
const SHOWN = 60;
const ENTRIES = 4;

/** A value as a message shows it: its start, on one line. */
export function shown(value: unknown, depth = 2): string {
  const text = startOf(value, depth);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** Reads no deeper and no further than a message needs: records nest and are long. */
function startOf(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, SHOWN + 1));
  if (typeof value !== 'object' || value === null) return String(value);
  const isList = Array.isArray(value);
  if (depth === 0) return isList ? '[…]' : '{…}';
  const keys = Object.keys(value);
  const entries = keys.slice(0, ENTRIES).map((key) => {
    const entry = startOf((value as Record<string, unknown>)[key], depth - 1);
    return isList ? entry : `${JSON.stringify(key)}: ${entry}`;
  });
  const inner = [...entries, ...(keys.length > ENTRIES ? ['…'] : [])].join(', ');
  return isList ? `[${inner}]` : `{${inner}}`;
}
