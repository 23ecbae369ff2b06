/** @file Training as a show: a battle that is judged again and again, and two charts. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { unsafeHTML } from 'lit-html/directives/unsafe-html.js';
import { pause, stop, train } from '../actions.js';
import { accuracyChart, lossChart } from '../charts.js';
import { lockOf, type Run, type State } from '../state.js';
import { duration, megabytes, percent } from '../text.js';
import { button, facts, sharesBar } from './parts.js';

const PHASES: Record<Run['phase'], string> = {
  training: 'It is learning',
  paused: 'Paused',
  stopped: 'Stopped',
  done: 'It has learned',
};

export function trainingSection(state: State): TemplateResult | typeof nothing {
  const { run, votes, task } = state;
  if (!run) return nothing;
  const isOn = task !== null && (run.phase === 'training' || run.phase === 'paused');
  const isPaused = run.phase === 'paused';
  return html`<section id="training" aria-labelledby="training-title">
    <h2 id="training-title">${PHASES[run.phase]}</h2>
    <p class="soft">
      Step ${run.step.toLocaleString('en')} of ${run.totalSteps.toLocaleString('en')}${
        isOn && !isPaused && run.step
          ? `, ${Math.round(run.tokensPerSecond).toLocaleString('en')} tokens a second, ${duration(run.secondsLeft)} left`
          : ''
      }.
    </p>
    ${pinnedBar(state)}
    <div class="charts">
      <figure id="chart-accuracy">${unsafeHTML(accuracyChart(run, votes?.description.longerWins ?? null))}
        <figcaption>Of votes that it does not learn from: how many it gets right. The dashed line is guessing.</figcaption></figure>
      <figure id="chart-loss">${unsafeHTML(lossChart(run))}
        <figcaption>How surprised it is by the votes. It falls while it learns; guessing is 0.69.</figcaption></figure>
    </div>
    <div class="row">
      ${
        isOn
          ? html`${button({ id: 'pause', label: isPaused ? 'Go on' : 'Pause', action: () => pause(!isPaused), pressed: isPaused })}
            ${button({ id: 'stop', label: 'Stop', action: stop, locked: task?.canStop ? false : 'stopping' })}`
          : button({ id: 'train-again', label: 'Train again', action: train, locked: lockOf(state) })
      }
    </div>
    <details><summary>What is going on</summary>${facts([
      ['Memory of a step', megabytes(run.memory)],
      ['Steps', run.totalSteps],
    ])}</details>
  </section>`;
}

/** The pinned battle's bar: it drifts to one side while the judge learns. */
function pinnedBar({ run, pinned }: State): TemplateResult | typeof nothing {
  const last = run?.pinned.at(-1);
  if (!last || !pinned) return nothing;
  const first = run!.pinned[0];
  const before = run!.pinned.length > 1 ? `, ${percent(first.probabilityA, 0)} before` : '';
  return html`<div id="pinned">
    <p><strong>“${shorten(pinned.prompt.join(' '))}”</strong> ${pinned.winner === 'a' || pinned.winner === 'b' ? `People chose ${pinned.winner.toUpperCase()}.` : ''} The judge says:</p>
    ${sharesBar(last.probabilityA, 'The judge on the battle above')}
    <p class="soft">Step ${last.step}: ${percent(last.probabilityA, 0)} for A${before}. It never learns from this battle.</p>
  </div>`;
}

function shorten(text: string): string {
  return text.length > 90 ? `${text.slice(0, 88)}…` : text;
}
