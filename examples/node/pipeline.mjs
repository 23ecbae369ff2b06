/**
 * @file A trained judge in transformers.js' pipeline, as a small service: `node pipeline.mjs base adapter [port]`, after
 * `npm install @huggingface/transformers`. It answers POSTs of `{ "prompt": …, "responseA": …, "responseB": … }`, or of a list of them.
 */
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { openJudge } from '@arena/judge';
import { openBase, readJudge } from '@arena/judge/run';
import { openEngine } from '@arena/runtime';
import { judgePipeline, TransformersError } from '@arena/transformers';
import * as transformers from '@huggingface/transformers';

const [base, adapter = 'adapter', port = '8000'] = process.argv.slice(2);
if (!base) throw new Error('usage: node pipeline.mjs base adapter [port]');

const engine = await openEngine('auto');
const judge = await openJudge(await openBase(base), await readJudge(adapter));
const pipe = judgePipeline(judge, transformers, { top_k: null });

let last = Promise.resolve(); // one pass at a time: a judge's engine is one
createServer(async (request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  try {
    const battles = await json(request);
    last = last.catch(() => {}).then(() => pipe(battles));
    answer(200, await last);
  } catch (error) {
    const isTheirs = error instanceof TransformersError || error instanceof SyntaxError;
    answer(isTheirs ? 400 : 500, { error: error.message });
  }
}).listen(Number(port), '127.0.0.1', () => console.log(`engine ${engine.name}, http://127.0.0.1:${port}`));
