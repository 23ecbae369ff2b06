/** @file A battle of one's own, judged as it is typed. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { live } from 'lit-html/directives/live.js';
import type { Judgement, Pair } from '../../protocol.js';
import { edit, isWhole, judge, pairOf } from '../actions.js';
import { EXAMPLES } from '../examples.js';
import { lockOf, type State } from '../state.js';
import { percent, verdict } from '../text.js';
import { button, sharesBar } from './parts.js';

/** Apart by more than this, the two orders are worth a word. */
const ORDER_MATTERS = 0.1;

export function trySection(state: State): TemplateResult | typeof nothing {
  const { hasJudge, pair, judgement, race, base } = state;
  if (!hasJudge) return nothing;
  const field = (key: keyof Pair, id: string, label: string, rows: number) => html`<div>
    <label for=${id}>${label}</label>
    <textarea id=${id} rows=${rows} .value=${live(pair[key])} @input=${({ target }: Event) => edit({ [key]: (target as HTMLTextAreaElement).value })}></textarea>
  </div>`;
  const swap = () => edit({ responseA: pair.responseB, responseB: pair.responseA });
  const longer = () => edit({ responseA: `${pair.responseA} ${pair.responseA}`.trim() });
  const missing = isWhole(pair) ? false : 'write a prompt and two answers';
  return html`<section id="try" aria-labelledby="try-title">
    <h2 id="try-title">Ask it</h2>
    <div class="row chips" role="group" aria-label="Examples">
      ${EXAMPLES.slice(0, 3).map((one, i) => button({ label: `Example ${i + 1}`, kind: 'quiet', action: () => edit(one) }))}
      ${race[0] ? button({ label: 'One from the votes', kind: 'quiet', action: () => edit(pairOf(race[Math.floor(Math.random() * race.length)])) }) : nothing}
      ${button({ id: 'try-swap', label: 'Swap A and B', kind: 'quiet', action: swap, locked: missing })}
      ${button({ id: 'try-longer', label: 'Make A longer', kind: 'quiet', action: longer, locked: missing })}
    </div>
    ${field('prompt', 'try-prompt', 'Prompt', 2)}
    <div class="answers">${field('responseA', 'try-a', 'Answer A', 5)}${field('responseB', 'try-b', 'Answer B', 5)}</div>
    ${button({ id: 'try-judge', label: 'Which would people prefer?', primary: !base?.tiny, action: judge, locked: missing || lockOf(state) })}
    <div id="verdict" role="status">${judgement ? answer(judgement) : nothing}</div>
  </section>`;
}

function answer({ mean, asGiven, exchanged, margin }: Judgement): TemplateResult {
  const apart = Math.abs(asGiven - exchanged) > ORDER_MATTERS;
  return html`
    <p class="large">${verdict(mean)}</p>
    ${sharesBar(mean, 'The judge')}
    <p class="soft">
      With A first: ${percent(asGiven, 0)} for A. With B first: ${percent(exchanged, 0)} for A.
      ${apart ? 'The order moves this judge, so the bar shows the mean of both.' : 'The order hardly matters to it.'}
    </p>
    ${margin === undefined ? nothing : html`<p class="soft">By the texts alone, without what their form (length, lists) adds: ${percent(margin, 0)} for A.</p>`}`;
}
