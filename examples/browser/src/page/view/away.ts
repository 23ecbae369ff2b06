/** @file What a person takes away: the judge as a zip, and code that uses it. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { openAdapter, saveAway } from '../actions.js';
import { lockOf, type State } from '../state.js';
import { button, drop } from './parts.js';

export function awaySection(state: State): TemplateResult {
  const { hasJudge, base } = state;
  const lock = lockOf(state);
  return html`<section id="away" aria-labelledby="away-title">
    <h2 id="away-title">Take it with you</h2>
    <p>The judge is an adapter: a folder that PEFT loads in Python, and <code>arena predict</code> on a server.${base?.tiny ? ' The tiny base comes with it, since nobody else has it.' : ''}</p>
    <div class="row">${button({ id: 'adapter-save', label: 'Save the judge as a zip', primary: hasJudge, action: saveAway, locked: hasJudge ? lock : 'train a judge first' })}</div>
    ${hasJudge ? code(state) : nothing}
    ${drop('adapter-files', 'Open a judge that was saved: its zip, or the files of an adapter folder', '.zip,.json,.safetensors', openAdapter, lock !== false)}
  </section>`;
}

function code({ base }: State): TemplateResult {
  const place = base?.tiny ? 'judge/base' : (base?.name ?? 'base');
  const texts = ['unzip judge.zip -d judge', '', ...NODE.map((line) => line.replace('BASE', place))];
  const python = PYTHON.map((line) => line.replace('BASE', place));
  return html`
    <details><summary>In Node</summary><pre tabindex="0">${texts.join('\n')}</pre></details>
    <details><summary>In Python</summary><pre tabindex="0">${python.join('\n')}</pre></details>`;
}

const NODE = [
  'npx @arena/cli predict --base BASE --adapter judge/adapter --both-orders \\',
  '  --prompt "How do I care for a bicycle chain?" --a "Measure the wear first." --b "No idea, whatever."',
];

const PYTHON = [
  'from peft import PeftModel',
  'from transformers import AutoModelForSequenceClassification',
  '',
  'base = AutoModelForSequenceClassification.from_pretrained("BASE", num_labels=2)',
  'model = PeftModel.from_pretrained(base, "judge/adapter")  # arena.json beside it says how a battle is packed',
];
