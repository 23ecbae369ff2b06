/** @file The one state of the page, and what draws it. */
import { render, type TemplateResult } from 'lit-html';
import { INITIAL, type State } from './state.js';

let state: State = INITIAL;
let planned = false;
let view: (state: State) => TemplateResult = () => {
  throw new Error('no view yet');
};

export function current(): State {
  return state;
}

/** Changes the state; the page is drawn once a frame. */
export function update(change: Partial<State> | ((state: State) => State)): void {
  state = typeof change === 'function' ? change(state) : { ...state, ...change };
  if (planned) return;
  planned = true;
  requestAnimationFrame(draw);
}

/** Sets what draws the state, and draws it. */
export function show(draws: (state: State) => TemplateResult): void {
  view = draws;
  draw();
}

function draw(): void {
  planned = false;
  render(view(state), document.body);
}
