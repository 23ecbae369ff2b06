/** @file The page: a button that trains, a form that asks. */
import type { Reply, Request } from './messages.js';

const find = <T extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as T;
const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const tell = (request: Request) => worker.postMessage(request);

worker.addEventListener('error', ({ message }) => fail(`the worker failed: ${message}`));
worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
  if ('progress' in data) find('status').textContent = data.progress;
  else if ('error' in data) fail(data.error);
  else if ('scores' in data) {
    find('scores').textContent = JSON.stringify(data.scores, null, 2);
  } else {
    const { pipeline, judge, votes } = data.trained;
    const right = pipeline.filter((p, i) => (p >= 0.5 ? 'a' : 'b') === votes[i]).length;
    const apart = Math.max(...pipeline.map((p, i) => Math.abs(p - judge[i])));
    find('status').textContent =
      `trained: ${right} of ${votes.length} unseen votes right; pipeline and judge are ${apart} apart`;
    find<HTMLFieldSetElement>('fields').disabled = false;
  }
});

find('train').addEventListener('click', () => {
  find<HTMLButtonElement>('train').disabled = true;
  tell({ train: true });
});
find('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = (id: string) => find<HTMLTextAreaElement>(id).value.trim();
  tell({ ask: { prompt: text('prompt'), responseA: text('a'), responseB: text('b') } });
});

function fail(why: string): void {
  find('error').hidden = false;
  find('error').textContent = why;
}
