/** @file A small HTTP server for one model: POST /predict, GET /health. It neither logs nor stores requests. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Connections, watchConnections } from './connections.js';
import { PredictionQueue, QueueFull, type Score } from './queue.js';
import { type BodyMemory, bodyMemory, parseRequest, Refused, readJsonBody } from './request.js';

export interface ServerOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Expected as `Authorization: Bearer TOKEN`. Required when other machines can reach `host`. */
  token?: string;
  /** Bytes of a request's body. */
  maxBytes: number;
  /** Battles of a request. */
  maxBattles: number;
  /** Battles that may wait. */
  queue: number;
  /** Battles scored together. */
  together: number;
  /** Most open connections. */
  connections: number;
  /** Milliseconds for a request, reading and waiting included. */
  timeout: number;
}

export interface PredictionServer {
  /** Where it listens. */
  url: string;
  /**
   * Takes no more requests and finishes the current ones, within the time of a request. With `now`, drops them.
   */
  close(now?: boolean): Promise<void>;
}

/** Seconds after which a refused client may try again. */
const RETRY_AFTER = '1';

/** Whether only this machine can reach a server on that host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/**
 * Starts the server.
 * @throws Error for another host than this machine without a token, and for a port that is taken.
 */
export async function startPredictionServer(score: Score, options: ServerOptions): Promise<PredictionServer> {
  const { host, port, token, timeout, connections } = options;
  if (!isLoopback(host) && !token) {
    throw new Error(`--host ${host} can be reached from other machines: a token is needed (ARENA_TOKEN)`);
  }
  const queue = new PredictionQueue(score, { most: options.queue, together: options.together });
  const checks = Math.min(1000, Math.ceil(timeout / 4)); // Node looks for late requests so often; its default is 30 s
  const server = createServer({ connectionsCheckingInterval: checks });
  const served: Served = {
    options,
    queue,
    connections: watchConnections(server),
    memory: bodyMemory(options.maxBytes),
  };
  server.on('request', (request, response) => void answer(request, response, served));
  // a client that asks before it sends a body: a refusal spares it the body
  server.on('checkContinue', (request, response) => {
    void answer(request, response, served, () => response.writeContinue());
  });
  server.maxConnections = connections;
  server.requestTimeout = timeout;
  server.headersTimeout = Math.min(timeout, 10_000);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(`${host}:${port}: cannot be listened on (${error.code}); choose another --port or --host`)),
    );
    server.listen({ host, port }, resolve);
  });
  const { address, port: bound, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    close: (now = false) => served.connections.close((drop) => queue.close(drop), now ? 0 : timeout),
  };
}

/** What the requests of a server share. */
interface Served {
  options: ServerOptions;
  queue: PredictionQueue;
  connections: Connections;
  memory: BodyMemory;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  served: Served,
  onBody: () => void = () => {},
): Promise<void> {
  const { options, connections } = served;
  connections.begin(request, response);
  const gone = new AbortController();
  response.on('close', () => gone.abort(new Error('the client has gone')));
  const late = AbortSignal.timeout(options.timeout);
  const reply = (status: number, body: object, headers: Record<string, string> = {}) => {
    if (response.writableEnded || response.destroyed) return;
    const text = JSON.stringify(body);
    connections.answer(request, response, status, headersOf(text, headers), text);
  };
  const again = { 'retry-after': RETRY_AFTER };
  try {
    if (connections.closing) throw new Refused(503, 'the server stops', again);
    reply(200, await route(request, served, AbortSignal.any([gone.signal, late]), onBody));
  } catch (error) {
    if (gone.signal.aborted) return;
    const { message } = error as Error;
    if (error instanceof Refused) reply(error.status, { error: message }, error.headers);
    else if (error instanceof QueueFull) reply(429, { error: message }, again);
    else if (connections.closing) reply(503, { error: 'the server stops' }, again);
    else if (late.aborted && !request.complete) reply(408, { error: `no whole body within ${options.timeout} ms` });
    else if (late.aborted) reply(503, { error: `not done within ${options.timeout} ms` }, again);
    else reply(500, { error: message });
  }
}

async function route(
  request: IncomingMessage,
  { options, queue, connections, memory }: Served,
  signal: AbortSignal,
  onBody: () => void,
): Promise<object> {
  checkHost(request, options);
  const path = (request.url ?? '').split('?')[0];
  if (path === '/health') {
    checkMethod(request, 'GET');
    return { status: 'ok', waiting: queue.waiting };
  }
  if (path !== '/predict') throw new Refused(404, `there is no ${path}; POST /predict and GET /health are`);
  checkMethod(request, 'POST');
  checkToken(request, options.token);
  // A page of another site can post a form or plain text without CORS, but not JSON.
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw new Refused(415, 'content-type: application/json is expected');
  }
  const held = memory.open();
  try {
    const body = await readJsonBody(request, held, onBody, AbortSignal.any([signal, connections.stopped]));
    const { battles, isList } = parseRequest(body, options.maxBattles);
    const predictions = await queue.add(battles, signal);
    return isList ? { predictions } : predictions[0];
  } finally {
    held.release();
  }
}

/** Refuses names that another site points at this machine (DNS rebinding). */
function checkHost({ headers }: IncomingMessage, { host, token }: ServerOptions): void {
  if (token || !isLoopback(host)) return;
  const name = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(name.toLowerCase())) throw new Refused(403, 'this server answers to localhost only');
}

function checkMethod({ method }: IncomingMessage, wanted: string): void {
  if (method !== wanted) throw new Refused(405, `${wanted} is expected, not ${method}`, { allow: wanted });
}

function checkToken({ headers }: IncomingMessage, token: string | undefined): void {
  if (!token) return;
  const given = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest(); // equal lengths for the comparison
  if (!timingSafeEqual(digest(given), digest(token))) {
    throw new Refused(401, 'a token is needed: Authorization: Bearer TOKEN', { 'www-authenticate': 'Bearer' });
  }
}

function headersOf(text: string, headers: Record<string, string>): OutgoingHttpHeaders {
  return {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  };
}
