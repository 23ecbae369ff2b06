/** @file What a person takes away: the judge as a zip, and code that uses it. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { openAdapter, saveAway, saveOnnx } from '../actions.js';
import { lockOf, type State } from '../state.js';
import { button, drop } from './parts.js';

export function awaySection(state: State): TemplateResult {
  const { hasJudge, base } = state;
  const lock = lockOf(state);
  return html`<section id="away" aria-labelledby="away-title">
    <h2 id="away-title">Take it with you</h2>
    <p>The judge is an adapter: a folder that PEFT loads in Python, and <code>arena predict</code> on a server.${base?.tiny ? ' The tiny base comes with it, since nobody else has it.' : ''}</p>
    <div class="row">${button({ id: 'adapter-save', label: 'Save the judge as a zip', primary: hasJudge, action: saveAway, locked: hasJudge ? lock : 'train a judge first' })}
      ${hasJudge && base?.tiny ? button({ id: 'onnx-save', label: 'Save as ONNX', action: saveOnnx, locked: lock }) : nothing}
    </div>
    ${hasJudge ? code(state) : nothing}
    ${drop('adapter-files', 'Open a judge that was saved: its zip, or the files of an adapter folder', '.zip,.json,.safetensors', openAdapter, lock !== false)}
  </section>`;
}

function code({ base }: State): TemplateResult {
  const place = base?.tiny ? 'judge/base' : (base?.name ?? 'base');
  const texts = ['unzip judge.zip -d judge', '', ...NODE.map((line) => line.replace('BASE', place))];
  const python = PYTHON.map((line) => line.replace('BASE', place));
  const onnx = (base?.tiny ? TRANSFORMERS : EXPORT).map((line) => line.replace('BASE', place));
  return html`
    <details><summary>In Node</summary><pre tabindex="0">${texts.join('\n')}</pre></details>
    <details><summary>In Python</summary><pre tabindex="0">${python.join('\n')}</pre></details>
    <details><summary>In transformers.js, as ONNX</summary><pre tabindex="0">${onnx.join('\n')}</pre></details>`;
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

/** Of the zip that "Save as ONNX" gives. Its README.md says how a battle becomes the text. */
const TRANSFORMERS = [
  'unzip judge-onnx.zip -d judge-onnx   # README.md in it says what text the judge reads',
  '',
  "import { env, pipeline } from '@huggingface/transformers';",
  '',
  "env.localModelPath = './';",
  "const judge = await pipeline('text-classification', 'judge-onnx', { dtype: 'fp32' });",
];

const EXPORT = [
  'unzip judge.zip -d judge             # a model of this size is written by the command',
  'npx @arena/cli export --onnx q8 --base BASE --adapter judge/adapter --out judge-onnx',
];
