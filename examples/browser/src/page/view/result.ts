/** @file The result as a race, then as figures, then as a report; and the score to share. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { download, evaluate } from '../actions.js';
import { current, update } from '../app.js';
import { pictureOf, runLink } from '../share.js';
import { lockOf, raceCounts, type State } from '../state.js';
import { percent } from '../text.js';
import { button, term } from './parts.js';

/** Rows of the table; the report has more. */
const NAMES: Record<string, string> = {
  model: 'the judge, answers as they stand',
  'model, both orders': 'the judge, mean of both orders',
  'always-longer': '“the longer answer wins”',
  style: 'length, lists and other form',
  'tf-idf': 'word counts',
};

export function resultSection(state: State): TemplateResult | typeof nothing {
  const { hasJudge, evaluated, votes } = state;
  if (!hasJudge) return nothing;
  return html`<section id="result" aria-labelledby="result-title">
    <h2 id="result-title">You against the judge</h2>
    ${
      evaluated
        ? html`${race(state)}
        ${figures(evaluated.scores, votes?.ceiling)}
        <p id="sentence">${evaluated.sentence}</p>
        <div class="row">
          ${button({ id: 'share-picture', label: 'Save the score as a picture', action: savePicture })}
          ${button({ id: 'share-link', label: 'Copy a link to this run', action: copyLink, locked: votes?.ceiling ? false : 'a link repeats a run on made-up votes; your own stay here' })}
          ${button({ id: 'report-save', label: 'Save the report', action: () => download('report.html', new TextEncoder().encode(evaluated.html), 'text/html') })}
        </div>
        <details id="report-box"><summary>The whole report</summary>
          <iframe id="report" title="Report" sandbox="" .srcdoc=${framed(evaluated.html)}></iframe>
        </details>`
        : button({
            id: 'evaluate',
            label: 'How good is it?',
            primary: true,
            action: evaluate,
            locked: lockOf(state),
          })
    }
  </section>`;
}

/** Ten battles that nobody was told the vote of. What the judge says of one stays hidden until the person has voted. */
function race(state: State): TemplateResult {
  const { race: battles, mine, evaluated } = state;
  const counts = raceCounts(state);
  const mark = (pick: 'a' | 'b' | undefined, winner: string | null) =>
    pick === undefined
      ? html`<td><span class="soft" title="not voted yet">?</span></td>`
      : html`<td class="pick-${pick}">${pick.toUpperCase()} ${pick === winner ? html`<span class="right" title="as people">✓</span>` : html`<span class="wrong" title="not as people">✗</span>`}</td>`;
  const by = (p: number[], i: number) => (p[i] >= 0.5 ? 'a' : 'b') as 'a' | 'b';
  const { race: said } = evaluated!;
  const row = (name: string, score: string, pick: (i: number) => 'a' | 'b' | undefined) =>
    html`<tr><th scope="row">${name}</th><td class="score">${score}</td>${battles.map(({ winner }, i) => mark(pick(i), winner))}</tr>`;
  const total = battles.length;
  return html`
    <p id="race-line" class="large">${raceLine(counts, total)}</p>
    <div class="scroll" tabindex="0" role="group" aria-label="The race over ${total} battles"><table id="race">
      <thead><tr><th scope="col">${total} unseen battles</th><th scope="col">right</th>${battles.map(
        (_, i) =>
          html`<th scope="col"><button type="button" class="quiet" aria-label="Show battle ${i + 1}" @click=${() => {
            update({ at: i });
            document.getElementById('battle')?.scrollIntoView();
          }}>${i + 1}</button></th>`,
      )}</tr></thead>
      <tbody>
        ${row('You', `${counts.person.right} of ${counts.person.of}`, (i) => mine[battles[i].id])}
        ${row('The judge', `${counts.judge} of ${total}`, (i) => by(said.judge, i))}
        ${row('The longer answer', `${counts.longer} of ${total}`, (i) => by(said.longer, i))}
        ${row('Word counts', `${counts.words} of ${total}`, (i) => by(said.words, i))}
      </tbody>
    </table></div>
    ${counts.person.of < total ? html`<p class="soft">You have voted on ${counts.person.of} of ${total}. Vote on the others above, and they count.</p>` : nothing}`;
}

function raceLine({ person, judge }: ReturnType<typeof raceCounts>, total: number): string {
  return person.of
    ? `You ${person.right} of ${person.of}, the judge ${judge} of ${total}.`
    : `The judge ${judge} of ${total}. And you?`;
}

function figures(scores: NonNullable<State['evaluated']>['scores'], ceiling: number | undefined): TemplateResult {
  const shown = scores.filter(({ name }) => name in NAMES);
  return html`
    <div class="scroll" tabindex="0" role="group" aria-label="Figures"><table id="figures">
      <caption>All votes of the test part. In brackets: where the figure would lie with other prompts, in 95 of 100 cases.
        ${ceiling === undefined ? nothing : html`One vote in ten is made up the wrong way round: more than ${percent(ceiling, 0)} cannot be expected.`}</caption>
      <thead><tr><th scope="col">who</th><th scope="col">${term('right', 'How often its choice is the one that people made.')}</th></tr></thead>
      <tbody>${shown.map(
        ({ name, accuracy, low, high }) => html`<tr><th scope="row">${NAMES[name]}</th>
          <td>${percent(accuracy)} ${low === null ? nothing : html`<span class="soft">[${percent(low, 0)}, ${percent(high, 0)}]</span>`}</td></tr>`,
      )}</tbody>
    </table></div>`;
}

/** In a frame without an address of its own, links within the report would load the page. */
function framed(report: string): string {
  return report.replace('<head>', '<head><base href="about:srcdoc">');
}

async function savePicture(): Promise<void> {
  download('score.png', await pictureOf(current()), 'image/png');
}

async function copyLink(): Promise<void> {
  const link = runLink(current());
  await navigator.clipboard.writeText(link).then(
    () => update({ said: 'The link is copied. It holds the settings of the run and the score, no vote and no text.' }),
    () => update({ said: `Copy this link: ${link}` }),
  );
}
