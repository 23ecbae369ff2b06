/** @file The dashboard's page: it fetches new lines of the log once a second and draws them as SVG. */

export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Arena runs</title>
<style>
:root { color-scheme: light dark; --ink: light-dark(#1c2430, #e8ecf2); --soft: light-dark(#5b6675, #9aa6b6);
  --line: light-dark(#d7dde5, #333d4a); --card: light-dark(#fff, #1a212b); --back: light-dark(#f4f6f9, #11161d);
  --shade: light-dark(#1c243040, #e8ecf24d); }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); }
header, main { max-width: 1100px; margin: auto; padding: 1rem; }
h1 { font-size: 1.2rem; margin: 0; } h2 { font-size: .95rem; margin: 0 0 .25rem; }
ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .5rem; }
label { display: flex; gap: .4rem; align-items: center; border: 1px solid var(--line); border-radius: 6px; padding: .2rem .6rem; background: var(--card); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 1rem; }
section { min-width: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .75rem; }
svg { width: 100%; height: auto; display: block; } text { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--line); } .swatch { width: 2rem; height: .8rem; flex: none; }
label span { overflow-wrap: anywhere; }
#state { color: var(--soft); } table { border-collapse: collapse; } td, th { text-align: right; padding: .1rem .6rem; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; overflow-wrap: anywhere; min-width: 5rem; }
/* the first two scroll along and cover the shades of the ends where nothing is hidden */
.scroll { overflow-x: auto; background: linear-gradient(to right, var(--card) 1rem, transparent) 0 0 / 2.5rem 100% no-repeat local,
  linear-gradient(to left, var(--card) 1rem, transparent) 100% 0 / 2.5rem 100% no-repeat local,
  linear-gradient(to right, var(--shade), transparent) 0 0 / 1rem 100% no-repeat scroll,
  linear-gradient(to left, var(--shade), transparent) 100% 0 / 1rem 100% no-repeat scroll; }
@media (max-width: 30rem) { table { font-size: .85rem; } td, th { padding: .1rem .35rem; } }
</style>
<header><h1>Arena runs</h1><p id="state" role="status">waiting for the first step</p><ul id="runs" aria-label="Runs"></ul></header>
<main>
<div class="charts" id="charts"></div>
<section style="margin-top:1rem"><h2>Last values</h2><div class="scroll" role="region" aria-label="Last values" tabindex="0"><table id="table"></table></div></section>
</main>
<script>
const COLORS = ['#2f7ed8', '#e0762f', '#2a9d5c', '#b04fc4', '#c9a227', '#d1495b'];
// equal runs lie on each other: the upper is seen through
const DASHES = ['none', '9 5', '2 4', '12 4 2 4'];
const CHARTS = [['Training loss', 'loss', true], ['Learning rate', 'learning_rate'], ['Norm of the gradients', 'grad_norm', true],
  ['Validation loss', 'eval_loss'], ['Validation accuracy', 'eval_accuracy']];
const logs = new Map(), hidden = new Set();
let shown = [], width = 480;
const make = (tag, attributes = {}, ...children) => {
  const svg = ['svg', 'path', 'line', 'text', 'circle'].includes(tag);
  const node = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
const indexOf = (name) => [...logs.keys()].indexOf(name);
const strokeOf = (name) => ({ fill: 'none', stroke: COLORS[indexOf(name) % COLORS.length], 'stroke-width': 2,
  'stroke-dasharray': DASHES[indexOf(name) % DASHES.length] });
const show = (x) => x === 0 ? '0' : Math.abs(x) < 1e-3 || Math.abs(x) >= 1e4 ? x.toExponential(1) : x.toPrecision(3);

/** Means of neighbours, so that a noisy line can be read: a twentieth of its length at most. */
function smooth(points) {
  const reach = Math.floor(points.length / 40);
  if (!reach) return points;
  const sums = [0];
  for (const [, y] of points) sums.push(sums.at(-1) + y);
  return points.map(([x], i) => {
    const from = Math.max(0, i - reach), to = Math.min(points.length, i + reach + 1);
    return [x, (sums[to] - sums[from]) / (to - from)];
  });
}

function chart(title, key, noisy) {
  const lines = [...logs].filter(([name]) => !hidden.has(name))
    .map(([name, { lines }]) => [name, lines.filter((line) => Number.isFinite(line[key])).map((line) => [line.step, line[key]])])
    .filter(([, points]) => points.length);
  if (!lines.length) return null;
  const all = lines.flatMap(([, points]) => points);
  let [low, high] = [Infinity, -Infinity];
  for (const [, y] of all) { low = Math.min(low, y); high = Math.max(high, y); }
  // the same for all charts: a validation stands below the step it came after
  const lastStep = ([, { lines }]) => lines.findLast(({ step }) => Number.isFinite(step))?.step ?? 1;
  const last = Math.max(1, ...[...logs].filter(([name]) => !hidden.has(name)).map(lastStep));
  if (low === high) { low -= 1e-9 + Math.abs(low) / 10; high += 1e-9 + Math.abs(high) / 10; }
  const [height, left, bottom] = [220, 62, 24];
  const px = (x) => left + (x / last) * (width - left - 8), py = (y) => 8 + ((high - y) / (high - low)) * (height - bottom - 8);
  const svg = make('svg', { viewBox: '0 0 ' + width + ' ' + height, role: 'img', 'aria-label': title + ', from ' + show(low) + ' to ' + show(high) });
  for (let i = 0; i <= 4; i++) {
    const y = low + ((high - low) * i) / 4;
    svg.append(make('line', { class: 'grid', x1: left, x2: width - 8, y1: py(y), y2: py(y) }));
    svg.append(make('text', { x: left - 6, y: py(y) + 4, 'text-anchor': 'end' }, show(y)));
  }
  for (const [x, anchor, text] of [[0, 'start', '0'], [Math.round(last / 2), 'middle'], [last, 'end', 'step ' + last]]) {
    if (text || last > 2) svg.append(make('text', { x: px(x), y: height - 5, 'text-anchor': anchor }, text ?? String(x)));
  }
  for (const [i, [name, points]] of lines.entries()) {
    const stroke = strokeOf(name);
    const draw = (list, change) => svg.append(make('path', { ...stroke, ...change,
      d: thin(list).map(([x, y], i) => (i ? 'L' : 'M') + px(x).toFixed(1) + ' ' + py(y).toFixed(1)).join('') }));
    if (noisy) draw(points, { opacity: 0.25, 'stroke-width': 1.5, 'stroke-dasharray': 'none' });
    draw(noisy ? smooth(points) : points);
    const r = Math.max(2.5, 5 - 1.25 * i); // so that equal points of several runs are rings
    if (points.length <= 40) for (const [x, y] of points) svg.append(make('circle', { cx: px(x), cy: py(y), r, fill: stroke.stroke }));
  }
  return make('section', {}, make('h2', {}, title), svg);
}

/** At most 1,000 points a line. */
function thin(points) {
  const every = Math.ceil(points.length / 1000);
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

/** A unit of the drawing is a pixel, so that its text has one size on all screens. */
function drawCharts() {
  const box = document.getElementById('charts');
  const place = () => box.replaceChildren(...CHARTS.map((one) => chart(...one)).filter(Boolean));
  place();
  const room = box.querySelector('svg')?.clientWidth || width;
  if (room !== width) { width = room; place(); }
}

function draw(runs) {
  shown = runs;
  drawCharts();
  const list = document.getElementById('runs');
  if (list.childElementCount !== runs.length) list.replaceChildren(...runs.map(({ name }, i) => {
    const box = make('input', { type: 'checkbox' });
    if (i > 2 && !list.childElementCount) hidden.add(name);
    box.checked = !hidden.has(name);
    box.addEventListener('change', () => { box.checked ? hidden.delete(name) : hidden.add(name); draw(runs); });
    const swatch = make('svg', { class: 'swatch', viewBox: '0 0 32 12', 'aria-hidden': 'true' }, make('line', { ...strokeOf(name), 'stroke-width': 3, x1: 0, x2: 32, y1: 6, y2: 6 }));
    return make('li', {}, make('label', {}, box, swatch, make('span', {}, name)));
  }));
  const [newest] = runs;
  if (newest) {
    const quiet = Math.round((Date.now() - newest.changed) / 1000);
    document.getElementById('state').textContent = newest.name + ': step ' + newest.step + (quiet < 30 ? ', running' : ', last line ' + quiet + ' s ago');
  }
  const head = make('tr', {}, ...['run', 'step', 'loss', 'learning rate', 'validation loss', 'accuracy'].map((text) => make('th', { scope: 'col' }, text)));
  document.getElementById('table').replaceChildren(head, ...runs.map(({ name, step }) => {
    const { lines } = logs.get(name);
    const last = (key) => { const line = lines.findLast((one) => Number.isFinite(one[key])); return line ? show(line[key]) : ''; };
    return make('tr', {}, ...[name, step, last('loss'), last('learning_rate'), last('eval_loss'), last('eval_accuracy')].map((text) => make('td', {}, String(text))));
  }));
}

async function poll() {
  try {
    const runs = await (await fetch('/runs')).json();
    for (const { name } of runs) {
      const log = logs.get(name) ?? { lines: [], next: 0 };
      const part = await (await fetch('/log?run=' + encodeURIComponent(name) + '&from=' + log.next)).json();
      if (part.next < log.next) log.lines = [];
      log.lines.push(...part.lines);
      log.next = part.next;
      logs.set(name, log);
    }
    draw(runs);
  } catch {
    document.getElementById('state').textContent = 'the run has ended, or its process does not answer';
  }
  setTimeout(poll, document.hidden ? 5000 : 1000);
}
addEventListener('resize', () => draw(shown));
poll();
</script>
</html>
`;
