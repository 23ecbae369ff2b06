/** @file The base as it is, asked for a letter: P(A) from the logits of " A" and " B" after a question that shows both answers. */
import { packer, swapBattle } from '@arena/data';
import { tokenLogits } from '@arena/decoder/model';
import { loadGemma } from '@arena/gemma';
import { openBase } from '@arena/judge/run';
import { openEngine } from '@arena/runtime';
import { openBlas } from '@arena/runtime/blas';

/** A frame that the next token answers. */
const LETTERS = {
  start: '<bos>Two answers to a question are compared. The better one is named by its letter.',
  prompt: '\n\nQuestion:\n',
  responseA: '\n\nAnswer A:\n',
  responseB: '\n\nAnswer B:\n',
  end: '\n\nThe better answer is Answer',
  marker: ' [...] ',
  omitted: '\n\n[earlier turns left out]',
};

/** Tokens of a forward pass. */
const BATCH_TOKENS = 4096;

/** P(A) in both orders, by engine wasm, with a native library where there is one. @returns a list of predictions for each list of battles */
export async function letterPredictions(location, lists, { maxTokens, threads, wide }) {
  const engine = await openEngine('wasm', { threads, wide, blas: await openBlas().catch(() => undefined) });
  try {
    const base = await openBase(location);
    const model = await loadGemma(location, {});
    const letters = [' A', ' B'].map((text) => only(base.tokenizer.encode(text, { addSpecialTokens: false })));
    const pack = packer(base.tokenizer, { maxTokens, frame: LETTERS });
    const shares = [];
    for (const battles of lists)
      shares.push(
        await sharesOf(
          model,
          battles.flatMap((one) => [one, swapBattle(one)]).map((one) => pack(one).ids),
          letters,
        ),
      );
    await model.dispose();
    return lists.map((battles, k) =>
      battles.map(({ id }, i) => ({
        id,
        probabilityA: shares[k][2 * i],
        probabilityASwapped: 1 - shares[k][2 * i + 1],
      })),
    );
  } finally {
    engine.dispose();
  }
}

/** The share of the first letter's probability in that of both, for each row. */
async function sharesOf(model, rows, letters) {
  const shares = [];
  for (let begin = 0, end = 0; begin < rows.length; begin = end) {
    let tokens = 0;
    while (end < rows.length && (end === begin || tokens + rows[end].length <= BATCH_TOKENS))
      tokens += rows[end++].length;
    const batch = rows.slice(begin, end);
    const offsets = Int32Array.from([0, ...batch]);
    batch.forEach((row, i) => {
      offsets[i + 1] = offsets[i] + row.length;
    });
    const ids = new Int32Array(tokens);
    batch.forEach((row, i) => {
      ids.set(row, offsets[i]);
    });
    const logits = await tokenLogits(model, { ids, offsets }, letters);
    const values = await logits.data();
    logits.dispose();
    batch.forEach((_, i) => {
      shares.push(1 / (1 + Math.exp(values[2 * i + 1] - values[2 * i])));
    });
  }
  return shares;
}

function only(ids) {
  if (ids.length !== 1) throw new Error(`the letter has ${ids.length} tokens, one is expected`);
  return ids[0];
}
