/**
 * @file The connections of a server: no client keeps one for longer than its time, each gets an answer that it can read,
 * and closing comes to an end.
 */
import type { IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';

/** Longest time in ms to read what a client goes on sending after its answer: closing at once would reset the answer. */
const LINGER = 30_000;
/** The same without a byte. */
const LINGER_IDLE = 5000;
/** The same for a client whose bytes are no HTTP or came too slowly, and while the server stops. */
const LINGER_BRIEFLY = 1000;
/** Bytes of it. */
const LINGER_BYTES = 1e9;
/** Time in ms for requests that arrived before closing began, and for sockets that have not sent anything. */
const GRACE = 250;

export interface Connections {
  /** Counts a request, until its answer is gone. */
  begin(request: IncomingMessage, response: ServerResponse): void;
  /** Sends an answer. One that comes before the whole request ends the connection, once the client had time to read it. */
  answer(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    headers: OutgoingHttpHeaders,
    text: string,
  ): void;
  /** Whether no request is taken any more. */
  readonly closing: boolean;
  /** Aborts when requests that are still being sent are not waited for any longer. */
  readonly stopped: AbortSignal;
  /**
   * Stops listening, waits for the work and for its answers to be sent, and closes what is left.
   * @param finish Finishes the work, or drops it (`now`).
   * @param most Milliseconds to wait; 0 to cut all connections.
   */
  close(finish: (now: boolean) => Promise<unknown>, most: number): Promise<void>;
}

/** Watches over the connections of a server that does not listen yet. */
export function watchConnections(server: Server): Connections {
  const requests = new Map<Socket, number>();
  const stopped = new AbortController();
  let closing = false;
  const count = (socket: Socket, more: number) => {
    if (requests.has(socket)) requests.set(socket, requests.get(socket)! + more);
  };
  server.on('connection', (socket) => {
    requests.set(socket, 0);
    socket.on('close', () => requests.delete(socket));
  });
  server.on('clientError', (error: ClientError, stream) => {
    const socket = stream as Socket & { _httpMessage?: ServerResponse };
    if (!socket.writable || socket._httpMessage?.headersSent) return void socket.destroy();
    const [status, reason] = statusOf(error);
    const body = JSON.stringify({ error: reason });
    socket.end(
      `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    socket.resume();
    destroyAfter(socket, LINGER_BRIEFLY);
  });

  return {
    get closing() {
      return closing;
    },
    stopped: stopped.signal,
    begin({ socket }, response) {
      count(socket, 1);
      response.on('close', () => {
        count(socket, -1);
        if (closing && !requests.get(socket)) socket.destroySoon();
      });
    },
    answer(request, response, status, headers, text) {
      const last = closing || !request.complete;
      response.writeHead(status, last ? { ...headers, connection: 'close' } : headers);
      if (request.complete) return void response.end(text);
      response.write(text); // whole by its length: the client need not wait for the end
      drain(request, closing ? LINGER_BRIEFLY : LINGER_IDLE, () => response.end());
    },
    async close(finish, most) {
      closing = true;
      // http.Server's own would end the checks of timeouts, and reset requests that are not read yet
      const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
      const grace = setTimeout(() => {
        stopped.abort(new Error('the server stops'));
        for (const [socket, running] of requests) if (!running) socket.destroy();
      }, most && GRACE);
      let cut: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        cut = setTimeout(() => {
          void finish(true);
          resolve();
          // those whose work was dropped are told so first
          cut = setTimeout(() => [...requests.keys()].map((socket) => socket.destroy()), most && GRACE);
        }, most);
      });
      await Promise.race([finish(most === 0), late]);
      await closed;
      clearTimeout(grace);
      clearTimeout(cut);
      server.close(); // ends the checks of timeouts
    },
  };
}

/** Reads on, and forgets it, until the request ends or the bounds are met. */
function drain(request: IncomingMessage, mostIdle: number, done: () => void): void {
  let bytes = 0;
  let idle = setTimeout(end, mostIdle);
  const late = setTimeout(end, LINGER);
  function end() {
    clearTimeout(idle);
    clearTimeout(late);
    request.off('data', count).off('end', end).off('close', end);
    done();
  }
  function count(chunk: Buffer) {
    bytes += chunk.length;
    clearTimeout(idle);
    if (bytes > LINGER_BYTES) return end();
    idle = setTimeout(end, mostIdle);
  }
  request.on('data', count).once('end', end).once('close', end).resume();
}

function destroyAfter(socket: Socket, milliseconds: number): void {
  const timer = setTimeout(() => socket.destroy(), milliseconds);
  socket.once('close', () => clearTimeout(timer));
}

interface ClientError extends Error {
  code?: string;
  rawPacket?: Buffer;
}

/** The status for bytes that Node's parser refuses, and why. */
function statusOf({ code, rawPacket }: ClientError): [status: string, reason: string] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['408 Request Timeout', 'the request did not come in time'];
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return ['413 Content Too Large', 'the extensions of a chunk are too long'];
  if (code !== 'HPE_HEADER_OVERFLOW') return ['400 Bad Request', 'this is not HTTP/1.1'];
  // the limit is one for the request's line and its headers
  const inLine = /^[A-Z]+ /.test(rawPacket?.subarray(0, 20).toString('latin1') ?? '') && !rawPacket!.includes(10);
  return inLine
    ? ['414 URI Too Long', 'the address is too long']
    : ['431 Request Header Fields Too Large', 'the headers are too long'];
}
