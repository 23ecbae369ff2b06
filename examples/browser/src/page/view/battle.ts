/** @file The first screen: a battle, a vote, and the button that trains a judge. */
import { html, nothing, type TemplateResult } from 'lit-html';
import type { BattleView } from '../../protocol.js';
import { goTo, train, vote } from '../actions.js';
import { markdown } from '../markdown.js';
import { lockOf, type State } from '../state.js';
import { button } from './parts.js';

export function battleSection(state: State): TemplateResult {
  const { race, at, mine, votes, run, hasJudge, challenge } = state;
  const battle = race[at];
  const own = battle && mine[battle.id];
  const isFirst = !run && !hasJudge;
  return html`<section id="battle" aria-labelledby="battle-title">
    ${challenge ? challenged(challenge) : nothing}
    <h2 id="battle-title">Which answer is better?</h2>
    ${
      battle
        ? html`
        <div class="row spread">
          <span class="soft">Battle ${at + 1} of ${race.length}. No judge learns from these.</span>
          <span class="row">
            ${button({ id: 'battle-before', label: '←', kind: 'quiet', action: () => goTo(at - 1), locked: at === 0 && 'this is the first' })}
            ${button({ id: 'battle-next', label: own ? 'Next battle →' : '→', kind: 'quiet', action: () => goTo(at + 1), locked: at + 1 >= race.length && 'this is the last' })}
          </span>
        </div>
        <div class="prompt">${turns(battle.prompt)}</div>
        <div class="answers">${answer('a', battle, own)}${answer('b', battle, own)}</div>
        <p id="voted" role="status">${own ? outcome(own, battle) : nothing}</p>`
        : html`<p class="soft">${votes ? 'These votes have no battle to show.' : 'Getting the votes ready.'}</p>`
    }
    ${
      isFirst
        ? html`<div class="call">
          ${button({ id: 'train', label: 'Train a judge', primary: true, kind: 'large', action: train, locked: lockOf(state) })}
          <p>${offer(state)}</p>
        </div>`
        : nothing
    }
  </section>`;
}

function offer({ votes, base }: State): string {
  const count = votes ? votes.parts.train.toLocaleString('en') : 'the';
  if (base && !base.tiny) return `On ${count} votes, with ${base.name}, in this tab.`;
  const kind = votes?.ceiling ? 'made-up votes' : 'votes';
  const time = votes?.ceiling ? ' About 20 seconds on two cores.' : '';
  return `A language model learns from ${count} ${kind}, in this tab.${time}`;
}

function challenged({ judge, person }: NonNullable<State['challenge']>): TemplateResult {
  const scores = [
    ...(person === undefined ? [] : [`got ${person} of 10`]),
    ...(judge === undefined ? [] : [`trained a judge that got ${judge}`]),
  ];
  return html`<p class="note">Somebody ${scores.join(' and ') || 'shared this run'}. Vote, train the same judge, and see.</p>`;
}

function outcome(own: 'a' | 'b', { winner }: BattleView): string {
  const side = own.toUpperCase();
  if (winner === 'tie') return `You chose ${side}. People called it a tie.`;
  return winner === own
    ? `You chose ${side}, and so did people.`
    : `You chose ${side}. People chose ${winner?.toUpperCase()}.`;
}

function answer(side: 'a' | 'b', battle: BattleView, own: 'a' | 'b' | undefined): TemplateResult {
  const name = side.toUpperCase();
  const won = own && battle.winner === side;
  return html`<article class="answer of-${side} ${won ? 'won' : ''}" aria-label="Answer ${name}">
    <h3>Answer ${name}${won ? html` <span class="tag">people’s choice</span>` : nothing}</h3>
    <div class="text" tabindex="0">${turns(side === 'a' ? battle.responseA : battle.responseB)}</div>
    ${button({ id: `vote-${side}`, label: `${name} is better`, kind: `side-${side}`, action: () => vote(side), locked: own ? 'you have voted' : false, pressed: own === side })}
  </article>`;
}

function turns(texts: string[]): TemplateResult[] {
  return texts.map((text) => html`${markdown(text)}`);
}
