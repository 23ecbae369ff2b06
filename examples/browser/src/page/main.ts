/** @file Starts the page. */
import { begin, vote } from './actions.js';
import { current, show, update } from './app.js';
import { useServiceWorker } from './hosting.js';
import { challengeOf } from './share.js';
import { isUntouched, type State } from './state.js';
import { page } from './view/page.js';

const ENGINES: readonly State['wanted'][] = ['auto', 'wasm', 'webgpu'];
// ?engine=webgpu in the address asks for that engine
const asked = new URLSearchParams(location.search).get('engine') as State['wanted'];
const challenge = challengeOf(location.hash);
update({
  wanted: ENGINES.includes(asked) ? asked : 'auto',
  challenge,
  seed: challenge?.seed ?? 42,
  isSafe: isSecureContext,
  offersWebgpu: Boolean(await navigator.gpu?.requestAdapter().catch(() => null)),
});
show(page);

// A and B vote, where no field has the focus
window.addEventListener('keydown', ({ key, target, ctrlKey, metaKey, altKey }) => {
  const isTyping = (target as HTMLElement).matches?.('input, textarea, select');
  const side = key.toLowerCase();
  if (!isTyping && !ctrlKey && !metaKey && !altKey && (side === 'a' || side === 'b')) vote(side);
});

// leaving in the middle of a run asks: the newest checkpoint may be some steps old
addEventListener('beforeunload', (event) => {
  if (current().run?.phase === 'training' && current().task) event.preventDefault();
});

void useServiceWorker(() => isUntouched(current()));
await begin();
