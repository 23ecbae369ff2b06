/// <reference lib="webworker" />
/**
 * @file Between the page and its host: sends the headers that threads need where the host cannot, and keeps the page's own files, so that it
 * opens offline. Models, votes and the hub are fetched as if it were not there.
 */

/** What the build writes in front of this script. */
interface Built {
  /** Digest of all files. */
  version: string;
  /** Paths below the page's folder. */
  files: string[];
  /** The Content-Security-Policy of the page, which a Worker does not inherit. */
  policy: string;
}

const { version, files, policy } = (globalThis as unknown as { BUILT: Built }).BUILT;
const scope = globalThis as unknown as ServiceWorkerGlobalScope;

/** Two copies of the page can be on one host, each in a folder of its own. */
const folder = new URL('./', scope.location.href);
const PREFIX = `arena-page ${folder.pathname} `;
const CACHE = PREFIX + version;
const PAGE = 'index.html';
/** Milliseconds until a host that does not answer counts as away. */
const PATIENCE = 5000;

scope.addEventListener('install', (event) => event.waitUntil(keepFiles()));
scope.addEventListener('activate', (event) => event.waitUntil(begin()));
scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== folder.origin || !pathname.startsWith(folder.pathname)) return;
  const path = pathname.slice(folder.pathname.length);
  if (request.mode === 'navigate') {
    if (path === '' || path === PAGE) event.respondWith(newestPage(request.url));
    return;
  }
  // fetch() has no destination: what it asks for is data
  if (path.startsWith('assets/') && request.destination !== '') event.respondWith(keptFile(request));
});
scope.addEventListener('message', (event) => event.waitUntil(replaceEarlier(event.data)));

async function keepFiles(): Promise<void> {
  const cache = await caches.open(CACHE);
  // names of assets change with their content, so what the browser has of them is right
  await cache.addAll(
    files.map((file) => new Request(file, { cache: file.startsWith('assets/') ? 'default' : 'no-cache' })),
  );
}

/** Takes the files of earlier deployments away, and serves pages that are open without a service worker. */
async function begin(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  }
  await scope.clients.claim();
}

/**
 * Takes over from an earlier deployment, whose pages would lack files that they have not loaded yet: only if the one page
 * that is open is of this deployment.
 */
async function replaceEarlier(message: unknown): Promise<void> {
  const { script } = (message ?? {}) as { script?: string };
  const isOwn = script !== undefined && files.some((file) => new URL(file, folder).href === script);
  const pages = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (isOwn && pages.length <= 1) await scope.skipWaiting();
}

/** The page as the host has it now, so that a new deployment is seen at once; as it is kept where the host is away. */
async function newestPage(url: string): Promise<Response> {
  const newest = await fetch(url, { cache: 'no-cache', signal: AbortSignal.timeout(PATIENCE) }).catch(() => undefined);
  if (newest && newest.status < 500) return isolated(newest);
  const kept = await (await caches.open(CACHE)).match(PAGE, { ignoreVary: true });
  if (kept) return isolated(kept);
  return newest ? isolated(newest) : Response.error();
}

async function keptFile(request: Request): Promise<Response> {
  const kept = await (await caches.open(CACHE)).match(request, { ignoreVary: true });
  return isolated(kept ?? (await fetch(request)), request.destination);
}

/** The response with the headers that let a page and its Workers share memory between threads. */
function isolated(response: Response, destination?: RequestDestination): Response {
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  if (destination === 'worker') headers.set('Content-Security-Policy', policy);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
