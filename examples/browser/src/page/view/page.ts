/** @file The whole page. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { continueRun, forgetRun, stop } from '../actions.js';
import type { State } from '../state.js';
import { awaySection } from './away.js';
import { battleSection } from './battle.js';
import { button } from './parts.js';
import { realSection } from './real.js';
import { resultSection } from './result.js';
import { trainingSection } from './training.js';
import { trySection } from './try-it.js';

export function page(state: State): TemplateResult {
  return html`
    <header>
      <h1>Which answer would people prefer?</h1>
      <p>Vote on a few battles between two chatbots. Then train a language model on people’s votes, in this tab, and see whether it beats you.</p>
    </header>
    ${strip(state)}
    ${state.isSafe ? nothing : html`<p id="unsafe" class="note">${UNSAFE}</p>`}
    <main>
      ${savedSection(state)}
      ${battleSection(state)}
      ${trainingSection(state)}
      ${resultSection(state)}
      ${trySection(state)}
      ${realSection(state)}
      ${awaySection(state)}
    </main>
    <footer class="soft">
      <p>Everything is computed on this machine. Votes, texts and models are sent nowhere; a base that you name is fetched from where you name it.</p>
    </footer>`;
}

const UNSAFE =
  'This address is not a safe one (https, or localhost), so the browser gives the page one core, no GPU and no storage: it trains, slowly, and a reload forgets all.';

/** What is going on, in sight wherever one is. Screen readers hear each tenth and each end. */
function strip({ task, said, notes, error, run }: State): TemplateResult {
  const isTraining = run !== null && task !== null && (run.phase === 'training' || run.phase === 'paused');
  const share = isTraining ? run.step / run.totalSteps : (task?.share ?? null);
  const text = isTraining
    ? `${run.phase === 'paused' ? 'Paused' : 'Training'}: step ${run.step} of ${run.totalSteps}`
    : (task?.text ?? said);
  const tenth = share === null ? '' : `, ${10 * Math.floor(10 * share)} %`;
  return html`<section id="now" aria-label="What is going on">
    <div class="row spread">
      <p id="status">${text}</p>
      ${task?.canStop && !isTraining ? button({ id: 'stop-task', label: 'Stop', kind: 'quiet', action: stop }) : nothing}
    </div>
    ${task ? html`<progress max="1" value=${share ?? nothing} aria-label="Progress"></progress>` : nothing}
    <p class="hidden" role="status">${task ? `${task.label}${tenth}` : said}</p>
    <div id="notes">${notes.map((note) => html`<p class="note">${note}</p>`)}</div>
    ${error === null ? nothing : html`<p id="error" role="alert">${error}</p>`}
  </section>`;
}

/** The run that an earlier page, or a stop, left. */
function savedSection({ saved, task }: State): TemplateResult | typeof nothing {
  if (!saved || task) return nothing;
  const { votes, base, step, totalSteps, done } = saved;
  return html`<section id="saved" aria-labelledby="saved-title">
    <h2 id="saved-title">${done ? 'A trained judge is kept here' : 'A run was under way'}</h2>
    <p id="saved-text">${votes} with ${base}: step ${step} of ${totalSteps} is kept in this browser.</p>
    <div class="row">
      ${button({ id: 'continue', label: done ? 'Open it' : 'Go on with it', primary: true, action: continueRun })}
      ${button({ id: 'forget', label: 'Forget it', action: forgetRun })}
    </div>
  </section>`;
}
