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

/** The bytes of all requests that are being read or answered: many clients together must not fill the memory. */
export interface BodyMemory {
  open(): HeldBody;
}

/** The bytes of one request. */
export interface HeldBody {
  /** Most bytes of it. */
  readonly most: number;
  /** @throws Refused: 413 above {@link HeldBody.most}, 503 when all requests together hold too much. */
  add(bytes: number): void;
  release(): void;
}

/** Bytes of all requests together, unless four of the largest ones need more. */
const ALL_BODIES = 64e6;

/** @param most Bytes of one request. */
export function bodyMemory(most: number): BodyMemory {
  const mostTogether = Math.max(ALL_BODIES, 4 * most);
  let together = 0;
  return {
    open() {
      let own = 0;
      return {
        most,
        add(bytes) {
          own += bytes;
          together += bytes;
          if (own > most) throw tooLarge(most);
          if (together > mostTogether) {
            const reason = `requests of ${mostTogether} bytes are being read and answered already`;
            throw new Refused(503, reason, { 'retry-after': '1' });
          }
        },
        release() {
          together -= own;
          own = 0;
        },
      };
    },
  };
}

function tooLarge(most: number): Refused {
  return new Refused(413, `the body is larger than ${most} bytes (arena serve --max-bytes)`);
}

/**
 * Reads a body as JSON.
 * @param onBody Called when nothing speaks against the body.
 * @throws Refused: 413 or 503 as {@link HeldBody}, 415 for a compressed body, 400 for anything but JSON in UTF-8; the
 * signal's reason. The rest of the body is left to the caller.
 */
export async function readJsonBody(
  request: IncomingMessage,
  held: HeldBody,
  onBody: () => void,
  signal: AbortSignal,
): Promise<unknown> {
  const coding = request.headers['content-encoding']?.trim().toLowerCase();
  if (coding && coding !== 'identity') {
    throw new Refused(415, `content-encoding ${coding} is not read: send the body as it is`, {
      'accept-encoding': 'identity',
    });
  }
  if (Number(request.headers['content-length'] ?? 0) > held.most) throw tooLarge(held.most);
  onBody();
  const bytes = await bytesOf(request, held, signal);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Refused(400, `the body is not JSON in UTF-8: ${(error as Error).message}`);
  }
}

/** All bytes of a body. Iterating over the request would destroy its connection at the first error. */
function bytesOf(request: IncomingMessage, held: HeldBody, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let end = () => {};
  return new Promise<Buffer>((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      try {
        held.add(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        reject(error);
      }
    };
    const onEnd = () => resolve(Buffer.concat(chunks));
    const onGone = () => reject(new Error('the client has gone'));
    const onAbort = () => reject(signal.reason);
    end = () => {
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      signal.removeEventListener('abort', onAbort);
    };
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  }).finally(end);
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
