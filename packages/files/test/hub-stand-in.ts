/**
 * @file A server on this machine that answers as Hugging Face's hub does: models and data sets by commit, ranges, private and gated ones,
 * and uploads as @huggingface/hub sends them (create, preupload, LFS batch, PUT in one or several parts, commit). The answers follow the
 * package's own types (its src/types/api) and what huggingface_hub's tests show of the real one.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A repository: the files of each commit, and the commit of each branch. */
export interface StandInRepository {
  private: boolean;
  /** Readable with the token `hf_writer` alone. */
  gated?: boolean;
  commits: Map<string, Map<string, Buffer>>;
  branches: Map<string, string>;
  /** `configs` of a data set's card. */
  configs?: unknown;
}

export interface StandIn {
  url: string;
  /** By `models/owner/name` or `datasets/owner/name`. */
  repositories: Map<string, StandInRepository>;
  /** Every request: method and path. */
  requests: string[];
  /** Every body of a request that is text. */
  texts: string[];
  /** Content of large files that came whole, by SHA-256. */
  stored: Map<string, Buffer>;
  /** Bytes after which the next PUT breaks. */
  cutAfter?: number;
  /** Bytes of a part; larger files come in several. */
  partBytes: number;
  /** What a request is answered in place of the usual: by the beginning of `METHOD path`. */
  instead: Map<string, { status: number; body?: object }>;
  close(): Promise<void>;
}

const LARGE = /\.(safetensors|onnx|onnx_data|gguf|parquet)$/;
/** Tokens that are known, and their owners; `hf_reader` may only read. */
const OWNERS: Record<string, string> = { hf_writer: 'me', hf_reader: 'me', hf_other: 'other' };

/** A new repository of these files, on the branch main. */
export function repositoryOf(
  files: Record<string, string | Uint8Array>,
  more: Partial<StandInRepository> = {},
): StandInRepository {
  const content = new Map(Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes as Uint8Array)]));
  const commit = commitOf(content);
  return { private: false, commits: new Map([[commit, content]]), branches: new Map([['main', commit]]), ...more };
}

function commitOf(files: Map<string, Buffer>): string {
  const hash = createHash('sha1');
  for (const [name, content] of files) hash.update(`${name}\0${content.length}\0`).update(content);
  return hash.digest('hex');
}

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

export async function openStandIn(repositories: Record<string, StandInRepository> = {}): Promise<StandIn> {
  const hub: StandIn = {
    url: '',
    repositories: new Map(Object.entries(repositories)),
    requests: [],
    texts: [],
    stored: new Map(),
    partBytes: Number.POSITIVE_INFINITY,
    instead: new Map(),
    close: async () => {},
  };
  const partial = new Map<string, Buffer[]>();
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      if (!response.headersSent) response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  hub.close = () =>
    new Promise((done) => {
      server.closeAllConnections();
      server.close(() => done());
    });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const { pathname } = new URL(request.url!, hub.url);
    const path = pathname.split('/').map(decodeURIComponent).join('/');
    const line = `${request.method} ${path}`;
    hub.requests.push(line);
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    const answer = (status: number, body?: object, headers: Record<string, string> = {}) =>
      response
        .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
        .end(body === undefined ? '' : JSON.stringify(body));
    const other = [...hub.instead].find(([start]) => line.startsWith(start))?.[1];
    if (other) return answer(other.status, other.body ?? {});
    if (request.method === 'PUT') return put(path, request, response);
    const body = await bytesOf(request);
    if (body.length) hub.texts.push(body.toString());
    if (path.startsWith('/cdn/')) return sendRange(request, response, hub.stored.get(path.slice(5))!);
    if (token !== undefined && !OWNERS[token])
      return answer(401, { error: 'Invalid credentials in Authorization header' });
    const owner = OWNERS[token ?? ''];
    const mayWrite = (id: string) => owner !== undefined && token !== 'hf_reader' && id.startsWith(`${owner}/`);
    const forbidden = () => answer(403, { error: 'Forbidden: you must use a write token' });

    if (path === '/api/whoami-v2')
      return answer(200, { type: 'user', name: owner, orgs: [{ name: `${owner}-lab` }], auth: {} });
    if (line === 'POST /api/repos/create') {
      const { name, organization, visibility, type } = JSON.parse(body.toString());
      const id = `${organization}/${name}`;
      if (!mayWrite(id))
        return answer(403, {
          error: `You don't have the rights to create a model under the namespace "${organization}"`,
        });
      if ([...hub.repositories.keys()].some((key) => key.endsWith(`/${id}`)))
        return answer(409, { error: 'You already created this' });
      hub.repositories.set(
        `${type}s/${id}`,
        repositoryOf({ '.gitattributes': '' }, { private: visibility === 'private' }),
      );
      return answer(200, { url: `${hub.url}/${id}`, id });
    }
    const lfs = /^\/(.*)\.git\/info\/lfs\/objects\/batch$/.exec(path);
    if (lfs) return mayWrite(lfs[1]) ? batch(JSON.parse(body.toString()), answer) : forbidden();
    if (path.startsWith('/lfs-complete/')) return complete(path.slice('/lfs-complete/'.length), answer);

    const file = /^(\/datasets)?\/([\w.-]+\/[\w.-]+)\/resolve\/([^/]+)\/(.*)$/.exec(path);
    const api = /^\/api\/(models|datasets)\/([\w.-]+\/[\w.-]+)(?:\/(\w+)(?:\/(.*))?)?$/.exec(path);
    if (!file && !api) return answer(404, { error: 'no such address' });
    const [kind, id] = file ? [file[1] ? 'datasets' : 'models', file[2]] : [api![1], api![2]];
    const repository = hub.repositories.get(`${kind}/${id}`);
    if (!repository || (repository.private && owner !== id.split('/')[0])) {
      // without a token the hub does not say which of the two it is
      return answer(token ? 404 : 401, { error: 'Repository not found' }, { 'x-error-code': 'RepoNotFound' });
    }
    const revision = file ? file[3] : api![3] === 'revision' ? (api![4] ?? 'main') : 'main';
    const commit = repository.branches.get(revision === 'HEAD' ? 'main' : revision) ?? revision;
    const files = repository.commits.get(commit);
    if (!api || ['revision', undefined].includes(api[3])) {
      if (!files) return answer(404, { error: 'Invalid rev id' }, { 'x-error-code': 'RevisionNotFound' });
    }
    if (file) {
      if (repository.gated && token !== 'hf_writer')
        return answer(token ? 403 : 401, {}, { 'x-error-code': 'GatedRepo' });
      const content = files!.get(file[4]);
      if (!content) return answer(404, {}, { 'x-error-code': 'EntryNotFound' });
      hub.stored.set(sha256(content), content);
      return response.writeHead(302, { location: `${hub.url}/cdn/${sha256(content)}` }).end();
    }
    if (api![3] === 'branch') {
      if (!mayWrite(id)) return forbidden();
      repository.branches.set(api![4], repository.branches.get(api![4]) ?? repository.branches.get('main')!);
      return answer(200, {});
    }
    if (api![3] === 'preupload') {
      if (!mayWrite(id)) return forbidden();
      const sent = JSON.parse(body.toString()).files as { path: string; size: number }[];
      return answer(200, {
        files: sent.map(({ path, size }) => ({
          path,
          uploadMode: LARGE.test(path) || size > 10e6 ? 'lfs' : 'regular',
        })),
      });
    }
    if (api![3] === 'commit') {
      if (!mayWrite(id)) return forbidden();
      return answer(200, {
        commitOid: store(repository, api![4], body.toString()),
        commitUrl: `${hub.url}/${id}/commit/x`,
      });
    }
    const siblings = [...files!].map(([rfilename, content]) => ({
      rfilename,
      size: content.length,
      blobId: createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex'),
      ...(LARGE.test(rfilename) ? { lfs: { sha256: sha256(content), size: content.length } } : {}),
    }));
    const cardData = repository.configs === undefined ? undefined : { configs: repository.configs };
    return answer(200, {
      _id: 'x',
      id,
      sha: commit,
      private: repository.private,
      gated: repository.gated ? 'auto' : false,
      siblings,
      cardData,
    });
  }

  function batch(
    { objects, transfers }: { objects: { oid: string; size: number }[]; transfers: string[] },
    answer: Answer,
  ) {
    if (transfers.includes('xet')) throw new Error('the stand-in knows no Xet');
    return answer(200, {
      transfer: 'basic',
      objects: objects.map(({ oid, size }) => {
        if (hub.stored.has(oid)) return { oid, size };
        const count = Math.ceil(size / hub.partBytes);
        if (count <= 1) return { oid, size, actions: { upload: { href: `${hub.url}/lfs/${oid}` } } };
        const parts = Array.from({ length: count }, (_, i) => [`0000${i + 1}`.slice(-5), `${hub.url}/lfs/${oid}/${i}`]);
        const header = { chunk_size: String(hub.partBytes), ...Object.fromEntries(parts) };
        return { oid, size, actions: { upload: { href: `${hub.url}/lfs-complete/${oid}`, header } } };
      }),
    });
  }

  async function put(path: string, request: IncomingMessage, response: ServerResponse) {
    if (request.headers.authorization) throw new Error('a token went to the storage');
    const [, , oid, part] = path.split('/');
    const limit = hub.cutAfter;
    const parts: Buffer[] = [];
    let came = 0;
    for await (const some of request) {
      came += some.length;
      parts.push(some);
      if (limit !== undefined && came >= limit) {
        hub.cutAfter = undefined;
        return request.destroy();
      }
    }
    const content = Buffer.concat(parts);
    if (part !== undefined) {
      const all = partial.get(oid) ?? [];
      all[Number(part)] = content;
      partial.set(oid, all);
    } else keep(oid, content);
    return response.writeHead(200, { etag: `"${oid}-${part ?? ''}"` }).end();
  }

  function complete(oid: string, answer: Answer) {
    keep(oid, Buffer.concat(partial.get(oid)!));
    return answer(200, {});
  }

  function keep(oid: string, content: Buffer): void {
    if (sha256(content) !== oid) throw new Error(`${oid} came with other bytes`);
    hub.stored.set(oid, content);
  }

  function store(repository: StandInRepository, branch: string, lines: string): string {
    const before = repository.branches.get(branch)!;
    const files = new Map(repository.commits.get(before));
    for (const { key, value } of lines.split('\n').map((line) => JSON.parse(line))) {
      if (key === 'file') files.set(value.path, Buffer.from(value.content, 'base64'));
      if (key === 'lfsFile') files.set(value.path, hub.stored.get(value.oid)!);
    }
    const commit = commitOf(files);
    repository.commits.set(commit, files);
    repository.branches.set(branch, commit);
    return commit;
  }
  return hub;
}

type Answer = (status: number, body?: object) => unknown;

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

function sendRange(request: IncomingMessage, response: ServerResponse, content: Buffer) {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const begin = Number(first ?? 0);
  const part = content.subarray(begin, last ? Number(last) + 1 : undefined);
  const range = { 'content-range': `bytes ${begin}-${begin + part.length - 1}/${content.length}` };
  const etag = `"${sha256(content)}"`;
  return response.writeHead(first ? 206 : 200, { etag, 'content-length': part.length, ...(first && range) }).end(part);
}
