/** @file The Worker: trains a judge, then puts it into a pipeline of transformers.js. */
import { cleanBattles, syntheticBattles } from '@arena/data';
import { bytesFolder } from '@arena/files';
import { memoryStore, tinyBaseFor, trainJudge } from '@arena/judge';
import { openBase } from '@arena/judge/run';
import { splitVotes } from '@arena/judge/votes';
import { openEngine } from '@arena/runtime';
import { type JudgePipeline, judgePipeline, type LabelScore } from '@arena/transformers';
import * as transformers from '@huggingface/transformers';
import type { Reply, Request } from './messages.js';

/** Battles of the test part on which the two are compared. */
const COMPARED = 20;

const reply = (message: Reply) => postMessage(message);
let pipe: JudgePipeline | undefined;

self.addEventListener('message', async ({ data }: MessageEvent<Request>) => {
  try {
    if ('train' in data) await train();
    else if (pipe) {
      const [scores] = await pipe([data.ask], { top_k: null });
      reply({ scores });
    }
  } catch (error) {
    reply({ error: String(error) });
  }
});

async function train(): Promise<void> {
  const engine = await openEngine('auto');
  reply({ progress: `engine ${engine.name}` });
  const { battles } = cleanBattles(syntheticBattles({ count: 1200, seed: 42 }));
  const parts = splitVotes(battles, { seed: 42 });
  const base = await openBase(bytesFolder(tinyBaseFor(battles)), 'a tiny base');
  const settings = {
    base: base.name,
    data: ['made-up votes'],
    maxTokens: 256,
    frame: 'compact' as const,
    firstLayer: 1,
    learningRate: 2e-3,
  };
  const { judge } = await trainJudge({ parts }, settings, memoryStore(), {
    base,
    measured: 50,
    onEvent(event) {
      if (event.kind !== 'step') return;
      const { step, loss } = event.entry;
      reply({ progress: `step ${step} of ${event.totalSteps}, loss ${loss.toFixed(3)}` });
    },
  });

  const made: JudgePipeline = judgePipeline(judge, transformers); // a TextClassificationPipeline
  pipe = made;

  const unseen = parts.test.slice(0, COMPARED);
  const scores = await made(unseen, { top_k: null });
  const said = await judge.predictMany(unseen, { swap: false });
  reply({
    trained: {
      pipeline: scores.map(ofA),
      judge: said.map(({ probabilityA }) => probabilityA),
      votes: unseen.map(({ winner }) => winner ?? ''),
    },
  });
}

function ofA(scores: LabelScore[]): number {
  return scores.find(({ label }) => label === 'A')!.score;
}
