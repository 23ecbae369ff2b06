/** @file The one state of the page, and what draws it. */
import { render, type TemplateResult } from 'lit-html';
import { INITIAL, type State } from './state.js';

let state: State = INITIAL;
let view: (state: State) => TemplateResult = () => {
  throw new Error('no view yet');
};

export function current(): State {
  return state;
}

type Change = Partial<State> | ((state: State) => State);

/** What is to be drawn before this task of the browser ends, and in the next frame. */
const planned = { now: false, inFrame: false };

/** Changes the state by what a person did: it is drawn at once, several changes together. */
export function update(change: Change): void {
  changed(change);
  if (!planned.now) queueMicrotask(draw);
  planned.now = true;
}

/** Changes the state by what the Worker tells, often many times a frame: it is drawn once a frame. */
export function updateInFrame(change: Change): void {
  changed(change);
  if (!planned.inFrame) requestAnimationFrame(draw);
  planned.inFrame = true;
}

function changed(change: Change): void {
  state = typeof change === 'function' ? change(state) : { ...state, ...change };
}

/** Sets what draws the state, and draws it. */
export function show(draws: (state: State) => TemplateResult): void {
  view = draws;
  draw();
}

function draw(): void {
  planned.now = planned.inFrame = false;
  render(view(state), document.body);
}
