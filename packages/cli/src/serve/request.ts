/** @file Reads a prediction request: the body within its limit, the battles checked field by field. */
import type { IncomingMessage } from 'node:http';
import type { Battle } from '@arena/data';

/** A refused request: its status and the reason. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly status: number,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

/** Reads a body as JSON. @throws Refused: 413 above `most` bytes, 400 for anything but JSON in UTF-8. */
export async function readJsonBody(request: IncomingMessage, most: number): Promise<unknown> {
  const tooLarge = () => new Refused(413, `the body is larger than ${most} bytes`, { connection: 'close' });
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > most) throw tooLarge();
    chunks.push(chunk);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (error) {
    throw new Refused(400, `the body is not JSON in UTF-8: ${(error as Error).message}`);
  }
}

export interface ParsedRequest {
  battles: Battle[];
  /** Whether the request held a list: the answer is then a list, too. */
  isList: boolean;
}

/**
 * Checks `{prompt, response_a, response_b}`, or a list of them in `{battles: [...]}`.
 * @throws Refused with status 400 or 413.
 */
export function parseRequest(body: unknown, mostBattles: number): ParsedRequest {
  if (!isObject(body)) throw new Refused(400, `a JSON object is expected, ${nameOf(body)} was sent`);
  if (!('battles' in body)) return { battles: [parseBattle(body, 0, '')], isList: false };
  const { battles } = body;
  if (!Array.isArray(battles) || !battles.length)
    throw new Refused(400, 'battles must be a list of at least one battle');
  if (battles.length > mostBattles) {
    throw new Refused(413, `${battles.length} battles were sent, at most ${mostBattles} are taken at a time`);
  }
  return { battles: battles.map((battle, i) => parseBattle(battle, i, `battles[${i}]: `)), isList: true };
}

function parseBattle(value: unknown, row: number, place: string): Battle {
  if (!isObject(value)) throw new Refused(400, `${place}a JSON object is expected, ${nameOf(value)} was sent`);
  const [prompt, responseA, responseB] = ['prompt', 'response_a', 'response_b'].map((field) =>
    turnsOf(value[field], `${place}${field}`),
  );
  if (prompt.length !== responseA.length || prompt.length !== responseB.length) {
    throw new Refused(400, `${place}prompt, response_a and response_b must have as many turns as each other`);
  }
  return { id: String(row), row, prompt, responseA, responseB, winner: null, flags: [] };
}

/** A text, or a list with a text a turn. */
function turnsOf(value: unknown, place: string): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.length && value.every((turn) => typeof turn === 'string')) return value;
  throw new Refused(400, `${place} must be a text, or a list with a text a turn; ${nameOf(value)} was sent`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function nameOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
