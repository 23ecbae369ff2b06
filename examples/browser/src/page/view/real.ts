/** @file "Make it real": other votes, a real base, and what is under the hood. */
import { html, nothing, type TemplateResult } from 'lit-html';
import type { Dropped, Estimate, TrainSettings } from '../../protocol.js';
import { answer, askColumns, deleteBase, estimateBases, setEngine, setForm, useBase, useVotes } from '../actions.js';
import { BASES } from '../bases.js';
import { type Answers, type Asked, FIRST_WON, lockOf, namingOf, type State } from '../state.js';
import { megabytes, percent } from '../text.js';
import { button, drop, facts, term } from './parts.js';

export function realSection(state: State): TemplateResult {
  const lock = lockOf(state);
  return html`<section id="real" aria-labelledby="real-title">
    <h2 id="real-title">Make it real</h2>
    <p>Made-up votes and a tiny model show that it works. With your own votes and a real model you get a judge of real answers. Nothing leaves this machine.</p>
    ${votesPart(state, lock)}
    ${basePart(state, lock)}
    ${settingsPart(state, lock)}
  </section>`;
}

function votesPart({ votes, asked, lastVotes }: State, lock: string | false): TemplateResult {
  const value = (id: string) => (document.getElementById(id) as HTMLInputElement).value.trim();
  const fromHub = () => useVotes({ hub: { id: value('votes-hub'), token: value('votes-token') || undefined } });
  return html`<h3 id="votes-title">Votes</h3>
    ${drop('votes-files', 'Drop a file of votes here, or choose one: parquet, csv or jsonl as Chatbot Arena, the WSDM Cup, LMSYS and MT-Bench publish them, or chosen and rejected answers', '.parquet,.csv,.tsv,.jsonl,.ndjson,.json,.gz,.zst', (files) => useVotes({ files }), lock !== false)}
    <details id="votes-from-hub">
      <summary>A data set of Hugging Face’s hub</summary>
      <form class="field" @submit=${(event: Event) => {
        event.preventDefault();
        if (lock === false) void fromHub();
      }}>
        <label for="votes-hub">Its name, with a split where it has several</label>
        <input id="votes-hub" placeholder="lmarena-ai/arena-human-preference-140k:train" autocomplete="off" />
        <label for="votes-token">${term('Access token', 'For sets that are private, or whose terms have to be accepted on their page first. It is sent to huggingface.co alone and not kept.')}, for gated sets</label>
        <input id="votes-token" type="password" autocomplete="off" placeholder="hf_…" />
        ${button({ id: 'votes-hub-load', label: 'Read the votes', action: fromHub, locked: lock })}
      </form>
    </details>
    ${asked ? question(asked, lock) : nothing}
    <div class="row">
      ${button({ id: 'votes-synthetic', label: 'Back to made-up votes', action: () => useVotes({}), locked: lock })}
      ${lastVotes && !asked ? button({ id: 'votes-columns', label: 'Choose the columns myself', kind: 'quiet', action: askColumns, locked: lock }) : nothing}
    </div>
    <div id="votes-facts">${votes ? votesFacts(votes) : nothing}</div>`;
}

/** Which column is which, with the first rows to see it by. */
function question({ choice, table, answers }: Asked, lock: string | false): TemplateResult {
  const { columns, rows, file, why } = table;
  const naming = namingOf(answers);
  const select = (key: keyof Answers, label: string, options: [value: string, text: string][]) => html`<label>${label}
    <select id="ask-${key}" ?disabled=${lock !== false} @change=${({ target }: Event) => answer({ [key]: (target as HTMLSelectElement).value })}>
      ${options.map(([value, text]) => html`<option value=${value} ?selected=${answers[key] === value}>${text}</option>`)}
    </select></label>`;
  const names = columns.map(({ name }): [string, string] => [name, name]);
  const none: [string, string] = ['', 'choose'];
  const values = columns.find(({ name }) => name === answers.winner)?.values ?? [];
  const worded: [string, string][] = [['', 'as its words say'], ...values.map((one): [string, string] => [one, one])];
  return html`<section id="ask" aria-labelledby="ask-title">
    <h4 id="ask-title">Which column is which?</h4>
    <p>The columns of ${file}, or the words of its votes, are of no set that this page knows. These are its first rows:</p>
    ${choice.naming && why ? html`<p class="note">${why}</p>` : nothing}
    <div class="scroll" tabindex="0" role="group" aria-label="First rows of ${file}"><table>
      <thead><tr>${columns.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
    </table></div>
    <div class="fields">
      ${select('prompt', 'Prompt', [none, ...names])}
      ${select('a', 'Answer A', [none, ...names])}
      ${select('b', 'Answer B', [none, ...names])}
      ${select('winner', 'Vote', [none, ...names, [FIRST_WON, 'no column: people always preferred A']])}
      ${
        values.length
          ? html`${select('aWon', 'A vote for A is', worded)}${select('bWon', 'A vote for B is', worded)}${select('tie', 'A tie is', worded)}`
          : nothing
      }
    </div>
    ${button({
      id: 'ask-read',
      label: 'Read the votes',
      primary: true,
      action: () => useVotes({ ...choice, naming }),
      locked: lock || (!naming && 'choose four different columns'),
    })}
  </section>`;
}

function votesFacts({ name, description, dropped, parts }: NonNullable<State['votes']>): TemplateResult {
  const { battles, prompts, aWins, longerWins, detectedLanguages, languages } = description;
  const some = (list: { name: string; count: number }[]) =>
    list
      .slice(0, 6)
      .map((one) => `${one.name} ${one.count.toLocaleString('en')}`)
      .join(', ');
  const named = languages.some((one) => one.name !== 'unknown') ? languages : detectedLanguages;
  return facts([
    ['From', name],
    ['Battles', `${battles.toLocaleString('en')} with ${prompts.toLocaleString('en')} prompts`],
    ['A wins', percent(aWins)],
    [
      term('The longer answer wins', 'A judge has to do better than this rule, which reads nothing.'),
      percent(longerWins),
    ],
    ['Languages', some(named)],
    [
      'Parts',
      `${parts.train} to learn from, ${parts.validation} to watch, ${parts.test} to test. No prompt is in two of them.`,
    ],
    ['Left out', dropped.length ? html`<ul id="left-out">${dropped.map(leftOut)}</ul>` : 'none'],
  ]);
}

/** A reason, and the first rows that it is about. */
function leftOut({ reason, count, examples }: Dropped): TemplateResult {
  const text = `${count.toLocaleString('en')}: ${REASONS[reason] ?? reason}`;
  if (!examples.length) return html`<li>${text}</li>`;
  return html`<li><details><summary>${text}</summary>
    <ul>${examples.map((one) => html`<li>row ${one.row}: ${one.text}</li>`)}</ul></details></li>`;
}

/** Why battles were left out, in words. */
const REASONS: Record<string, string> = {
  tie: 'ties: this judge knows A and B alone',
  unlabeled: 'without a vote',
  bothEmpty: 'both answers empty',
  oneEmpty: 'one answer empty',
  nullTurn: 'a turn without text',
  identical: 'both answers the same',
  duplicate: 'the same battle again',
  swappedDuplicate: 'the same battle again with the answers exchanged',
  bad_json: 'no JSON, or not of the form that these columns have',
  no_turns: 'without a turn',
  bad_roles: 'whose turns are not by user and assistant in turn',
  non_text_content: 'with pictures or other things that are no text',
  prompt_mismatch: 'whose two sides were asked different things',
  turn_mismatch: 'whose sides have different numbers of turns',
  bad_winner: 'whose vote is no word that is known',
  empty_prompt: 'without a prompt',
  bad_weight: 'whose weight is no number',
  bad_soft_label: 'whose soft label is no list of probabilities',
  bad_id: 'whose id is no text and no whole number',
};

function basePart({ base, kept, estimates }: State, lock: string | false): TemplateResult {
  const value = (id: string) => (document.getElementById(id) as HTMLInputElement).value.trim();
  const fromHub = () => useBase({ kind: 'hub', id: value('base-hub'), token: value('base-token') || undefined });
  return html`<h3 id="base-title">Base model</h3>
    <div class="row">
      ${button({ id: 'base-tiny', label: 'Tiny model of random weights', action: () => useBase({ kind: 'tiny' }), locked: lock })}
      <span class="soft">2 MB, 15 seconds. Learns only simple rules.</span>
    </div>
    ${
      kept.length
        ? html`<ul class="bases" aria-label="Kept in this browser">${kept.map(
            ({ name, folder, bytes }) => html`<li>
              <span>${name} <span class="soft">${megabytes(bytes)}, kept in this browser</span></span>
              <span class="row">
                ${button({ label: 'Open', kind: 'base-open', action: () => useBase({ kind: 'kept', folder }), locked: lock })}
                ${button({ label: 'Delete', kind: 'quiet', action: () => confirm(`Delete ${name} from this browser?`) && deleteBase(folder), locked: lock })}
              </span>
            </li>`,
          )}</ul>`
        : nothing
    }
    <form class="field" @submit=${(event: Event) => {
      event.preventDefault();
      if (lock === false) void fromHub();
    }}>
      <label for="base-hub">A model of Hugging Face’s hub</label>
      <input id="base-hub" list="base-list" placeholder="google/gemma-3-270m" autocomplete="off" />
      <datalist id="base-list">${BASES.map(({ id, note }) => html`<option value=${id}>${note}</option>`)}</datalist>
      <label for="base-token">${term('Access token', 'Google asks you to accept the licence of Gemma on its page first; a token of yours then opens it. It is sent to huggingface.co alone and not kept.')}, for gated models</label>
      <input id="base-token" type="password" autocomplete="off" placeholder="hf_…" />
      ${button({ id: 'base-load', label: 'Download and open', action: fromHub, locked: lock })}
    </form>
    <ul id="base-sizes" class="soft">${BASES.map(({ id, note }) => html`<li><code>${id}</code>: ${note}${estimates[id] ? html`; ${takes(estimates[id])}` : nothing}</li>`)}</ul>
    ${button({ id: 'base-estimate', label: 'How long would they take here?', kind: 'quiet', action: estimateBases, locked: lock })}
    ${drop('base-files', 'Drop a GGUF file here, or choose one (of a split one all parts)', '.gguf', (files) => useBase({ kind: 'files', name: '', files }), lock !== false)}
    <details>
      <summary>A folder, or another address</summary>
      <label for="base-folder">A folder in Hugging Face’s format</label>
      <input id="base-folder" type="file" webkitdirectory ?disabled=${lock !== false} @change=${({ target }: Event) => {
        const input = target as HTMLInputElement;
        const files = [...(input.files ?? [])];
        const name = files[0]?.webkitRelativePath.split('/')[0] ?? '';
        input.value = '';
        if (files.length) void useBase({ kind: 'files', name, files });
      }} />
      <label for="base-url">The address of a GGUF file, or of a folder</label>
      <input id="base-url" type="url" placeholder="https://…/resolve/main/" />
      ${button({ id: 'base-url-load', label: 'Download and open', action: () => useBase({ kind: 'url', url: value('base-url') }), locked: lock })}
    </details>
    <div id="base-facts">${
      base
        ? facts([
            ['Base', base.name],
            [
              'Shape',
              `${base.layers} layers of width ${base.hiddenSize.toLocaleString('en')}, ${base.vocabulary.toLocaleString('en')} tokens`,
            ],
            ['Parameters', base.parameters.toLocaleString('en')],
          ])
        : nothing
    }</div>`;
}

/** Nobody should read seconds into an estimate. */
function takes({ seconds, memory }: Estimate): string {
  const minutes = Math.max(1, Math.round(seconds / 60));
  const time = minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
  return `about ${time} for these votes on this machine, and ${megabytes(memory)} of memory a step`;
}

const FIELDS: Record<
  Exclude<keyof TrainSettings, 'loss'>,
  { id: string; label: string; note: string; min: number; max: number; step?: string }
> = {
  epochs: {
    id: 'epochs',
    label: 'Passes over the votes',
    note: 'Twice as many take twice as long. On few votes one is best.',
    min: 1,
    max: 100,
  },
  accumulation: {
    id: 'accumulation',
    label: 'Parts of a step',
    note: 'So many batches make a step: large steps in little memory.',
    min: 1,
    max: 256,
  },
  batchSize: {
    id: 'batch-size',
    label: 'Battles at a time',
    note: 'More need more memory, not more time.',
    min: 1,
    max: 256,
  },
  learningRate: {
    id: 'learning-rate',
    label: 'Learning rate',
    note: 'Too high and it forgets, too low and it learns nothing.',
    min: 1e-6,
    max: 1,
    step: 'any',
  },
  rank: { id: 'rank', label: 'Rank of the adapter', note: 'How much the judge can store.', min: 1, max: 256 },
  firstLayer: {
    id: 'first-layer',
    label: 'First trained layer',
    note: 'Layers below stay as they are, which saves time and memory.',
    min: 0,
    max: 100,
  },
  maxTokens: {
    id: 'max-tokens',
    label: 'Longest battle, tokens',
    note: 'Longer ones lose their middle. Twice as many take more than twice as long.',
    min: 64,
    max: 8192,
  },
};

function settingsPart({ form, base, engine, wanted, offersWebgpu }: State, lock: string | false): TemplateResult {
  const recipe = base?.recipe;
  return html`<details id="hood">
    <summary>Under the hood</summary>
    <div class="row">
      <label for="engine-choice">Computes with</label>
      <select id="engine-choice" ?disabled=${lock !== false} @change=${({ target }: Event) => setEngine((target as HTMLSelectElement).value as State['wanted'])}>
        ${(['auto', 'wasm', 'webgpu'] as const).map((name) => html`<option value=${name} ?selected=${name === wanted} ?disabled=${name === 'webgpu' && !offersWebgpu}>${ENGINES[name]}${name === 'webgpu' && !offersWebgpu ? ' (this browser offers no GPU)' : ''}</option>`)}
      </select>
      <span id="engine" class="soft">${engine ? `engine ${engine.name}, ${engine.detail}` : 'starting the engine'}</span>
    </div>
    ${
      form
        ? html`${recipe ? html`<p class="note">These are the settings of the recipe <code>${recipe}</code>: what runs on real votes showed to be good for a small base and few votes.</p>` : nothing}
        <div class="fields">
          <label>Kind of judge
            <select id="loss" ?disabled=${lock !== false} aria-describedby="loss-note" @change=${({ target }: Event) => setForm({ loss: (target as HTMLSelectElement).value as TrainSettings['loss'] })}>
              <option value="cross-entropy" ?selected=${form.loss === 'cross-entropy'}>sees both answers</option>
              <option value="bradley-terry" ?selected=${form.loss === 'bradley-terry'}>scores each answer alone</option>
            </select>
            <span id="loss-note" class="soft">One that scores each alone cannot prefer the first place.</span></label>
          ${(Object.keys(FIELDS) as (keyof typeof FIELDS)[]).map((key) => {
            const { id, label, note, min, max, step = '1' } = FIELDS[key];
            return html`<label>${label}
              <input id=${id} type="number" min=${min} max=${max} step=${step} required .value=${String(form[key])} aria-describedby="${id}-note" ?disabled=${lock !== false}
                @change=${({ target }: Event) => {
                  const field = target as HTMLInputElement;
                  if (field.reportValidity()) setForm({ [key]: field.valueAsNumber });
                  else field.value = String(form[key]);
                }} />
              <span id="${id}-note" class="soft">${note}</span></label>`;
          })}</div>`
        : html`<p class="soft">Settings of a training appear with a base.</p>`
    }
  </details>`;
}

const ENGINES: Record<State['wanted'], string> = {
  auto: 'what suits this browser',
  wasm: 'WebAssembly',
  webgpu: 'WebGPU',
};
