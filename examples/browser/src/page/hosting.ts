/** @file The page on its host: the service worker that gives it threads on a host of static files, and opens it offline. */

/** The build puts this script there; the server of the sources does not. */
const IS_BUILT = new URL(import.meta.url).pathname.includes('/assets/');

/** Says that this tab was loaded again for threads: once is enough. */
const RELOADED = 'arena-reloaded';

/**
 * Starts the service worker of a built page, unless the address says `?no-sw`. A first visit on a host that does not send
 * the headers for threads loads the page again, once.
 * @param mayReload Whether the person has done nothing yet that a reload would lose.
 */
export async function useServiceWorker(mayReload: () => boolean): Promise<void> {
  const { serviceWorker } = navigator; // none on an address that is not safe
  if (!IS_BUILT || !serviceWorker) return;
  const folder = new URL('./', location.href).href;
  if (new URLSearchParams(location.search).has('no-sw')) {
    const registered = await serviceWorker.getRegistrations();
    for (const one of registered) if (one.scope === folder) await one.unregister();
    return;
  }
  if (!crossOriginIsolated && !serviceWorker.controller) {
    serviceWorker.addEventListener('controllerchange', () => {
      if (mayReload() && isFirstTime()) location.reload();
    });
  }
  const registration = await serviceWorker.register('service-worker.js').catch(() => undefined); // some private windows
  if (!registration) return;
  const offer = (worker: ServiceWorker) => worker.postMessage({ script: import.meta.url });
  if (registration.waiting) offer(registration.waiting);
  registration.addEventListener('updatefound', () => {
    const next = registration.installing;
    next?.addEventListener('statechange', () => next.state === 'installed' && offer(next));
  });
}

function isFirstTime(): boolean {
  try {
    if (sessionStorage.getItem(RELOADED)) return false;
    sessionStorage.setItem(RELOADED, 'yes');
    return true;
  } catch {
    return false; // nothing can be remembered, and a reload must not follow a reload
  }
}
