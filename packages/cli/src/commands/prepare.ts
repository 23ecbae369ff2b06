/** @file `arena prepare`: turns votes into a folder with parts, tokens and a data card. */
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { type Battle, COMPACT_FRAME, GEMMA_FRAME, packer, readBattles, splitBattles } from '@arena/data';
import { openDataCard } from '@arena/data/describe';
import { survival, TRUNCATIONS, type Truncation } from '@arena/data/pack';
import { battleToRecord } from '@arena/data/read';
import { SPLIT_NAMES } from '@arena/data/split';
import { percent } from '@arena/eval/page';
import { scriptOf } from '@arena/eval/report';
import { replaceFile, replaceFolder } from '@arena/files/write';
import { openTokenizer } from '@arena/judge/run';
import type { Cleaning } from '@arena/judge/settings';
import { describeDrops, type LeftOut } from '@arena/judge/votes';
import { type Command, Option } from 'commander';
import { integer } from '../flags/arguments.js';
import { addCleanOption } from '../flags/clean-option.js';
import { addNamingOptions, type NamingFlags } from '../flags/naming-options.js';
import { VOTES } from '../flags/places.js';
import { settingOption } from '../flags/setting-option.js';
import { resolveBase } from '../hub/base.js';
import { type NamedVotes, openVotes } from '../hub/votes.js';
import { onInterrupt } from '../interrupt.js';
import { checkNewFolder } from '../output-folder.js';
import { appender } from '../prepare/appender.js';
import { dataCardHtml } from '../prepare/data-card.js';
import { type DatasetOptions, readDataset } from '../prepare/dataset.js';
import { packInOrder } from '../prepare/pack-in-order.js';
import { BATTLES, preparedWriter } from '../prepare/prepared.js';
import { tokenizerSource } from '../prepare/tokenizer-source.js';
import { progress } from '../progress.js';
import { shellWord } from '../shell-word.js';

interface PrepareFlags extends NamingFlags {
  data: string[];
  tokenizer: string;
  out: string;
  maxTokens: number;
  frame: 'chat' | 'compact';
  truncation: Truncation;
  ties: 'drop' | 'keep';
  clean?: Cleaning;
  nearDuplicates: 'report' | 'group' | 'ignore';
  seed: number;
  workers: number;
}

export function define(command: Command): void {
  command
    .requiredOption('--data <file...>', VOTES)
    .requiredOption('--tokenizer <dir|hub-id>', 'the base, for its tokenizer: a folder, a GGUF file, or a hub id')
    .requiredOption('--out <dir>', 'folder to create')
    .addOption(settingOption('--max-tokens <n>', 'longest packed battle'))
    .addOption(settingOption('--frame <name>', 'text around the fields'))
    .addOption(
      new Option('--truncation <name>', 'where long texts are cut').choices([...TRUNCATIONS]).default('head+tail'),
    )
    .addOption(
      new Option('--ties <what>', 'keep them for a head of three classes, or for --ties half')
        .choices(['drop', 'keep'])
        .default('drop'),
    )
    .addOption(
      new Option('--near-duplicates <what>', 'prompts that nearly repeat each other')
        .choices(['report', 'group', 'ignore'])
        .default('report'),
    )
    .addOption(settingOption('--seed <n>', 'seed of the split'))
    .option('--workers <n>', 'threads that tokenise, of 120 MB and more each; 0: none but this one', integer(0, 64), 0);
  addCleanOption(addNamingOptions(command)).action((flags: PrepareFlags) => prepare(flags));
}

/** Heap growth in percent before a full collection. V8's default lets the heap double. */
const HEAP_GROWTH = 50;

async function prepare({ data, tokenizer: base, out, ...flags }: PrepareFlags): Promise<void> {
  // the texts of a large set pass through the heap: as garbage they would take a quarter of all memory
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH}`);
  const signal = onInterrupt();
  await checkNewFolder(out);
  const folder = await resolveBase(base);
  const tokenizer = await openTokenizer(folder);
  // Stores only what differs from the training defaults, so that `arena train` uses the same packing.
  const packing = {
    maxTokens: flags.maxTokens,
    frame: flags.frame === 'compact' ? COMPACT_FRAME : GEMMA_FRAME,
    ...(flags.truncation === 'head+tail' ? {} : { truncation: flags.truncation }),
  };
  packer(tokenizer, packing); // rejects wrong settings before it reads anything
  const votes = await openVotes(data, { signal });
  const hubData = votes.hubData.length ? votes.hubData : undefined;
  const fill = async (temporary: string) => {
    const { outlines, ...leftOut } = await storeBattles(votes, join(temporary, BATTLES), {
      ties: flags.ties === 'keep',
      softLabels: true,
      clean: flags.clean,
      columns: flags.columns,
      winnerValues: flags.winnerValues,
      signal,
    });
    const drops = describeDrops(leftOut);
    console.log(`${leftOut.clean.read} battles read, ${outlines.length} kept${drops ? `; left out: ${drops}` : ''}`);
    const splits = splitBattles(outlines, { seed: flags.seed, nearDuplicates: flags.nearDuplicates });
    const { rows, groups, leaks } = splits.report;
    console.log(
      `split by prompt (${groups} groups): ${rows.train} train, ${rows.validation} validation, ${rows.test} test; ` +
        `${leaks.nearDuplicates ?? 'unknown'} prompts nearly repeat one of another part`,
    );
    const partOf = new Map(SPLIT_NAMES.flatMap((name) => splits[name].map((battle) => [battle, name] as const)));
    const { source, bytes } = await tokenizerSource(folder);
    const writer = await preparedWriter(temporary, {
      sources: data,
      hubData,
      cleaning: flags.clean,
      packing,
      tokenizer: bytes,
    });
    const card = openDataCard({ detectLanguage: scriptOf });
    const bar = progress({ label: 'tokenising', total: outlines.length, unit: 'battles' });
    let done = 0;
    const stored = readBattles(join(temporary, BATTLES), { schema: 'jsonl', signal });
    const tokens = { tokenizer, source, packing, workers: flags.workers };
    for await (const [battle, packed] of packInOrder(completed(stored, outlines), tokens)) {
      const name = partOf.get(outlines[done])!;
      await writer.add(name, battle, packed);
      card.add(name, battle);
      if (++done % 500 === 0) bar.update(done);
    }
    bar.finish();
    const kept = survival(SPLIT_NAMES.flatMap((name) => writer.packed[name]));
    console.log(
      `${kept.tokens.total.toLocaleString('en')} tokens, ${kept.tokens.mean.toFixed(0)} a battle; kept ` +
        `${percent(kept.prompt)} of the prompts, ${percent(kept.responseA)} of A, ${percent(kept.responseB)} of B`,
    );
    const content = card.finish({ sources: data, ...leftOut, splits, packed: writer.packed, packing });
    await replaceFile(join(temporary, 'card.json'), `${JSON.stringify(content, null, 2)}\n`);
    await replaceFile(join(temporary, 'card.html'), dataCardHtml(content));
    await writer.finish(splits);
    signal.throwIfAborted();
  };
  await replaceFolder(out, fill, { isNew: true });
  const next = `arena train --base ${shellWord(base)} --data ${shellWord(out)} --out RUN`;
  console.log(`${out} written; look at ${out}/card.html. next: ${next}`);
}

/**
 * Reads and cleans the votes into a file. A split needs everything but the answers, so only that stays in memory: a
 * file may be larger than memory.
 * @throws Error when two remaining battles share an id: a split is saved by ids.
 */
async function storeBattles(
  votes: NamedVotes,
  path: string,
  options: DatasetOptions,
): Promise<LeftOut & { outlines: Battle[] }> {
  const { names } = votes;
  const outlines: Battle[] = [];
  const file = await appender(path);
  const text = new TextEncoder();
  const rows = new Map<string, number>();
  const keep = (battle: Battle) => {
    const { id, row } = battle;
    const other = rows.get(id);
    if (other !== undefined) {
      throw new Error(
        `${names.join(', ')}: two battles have the id ${JSON.stringify(id)} (rows ${other} and ${row}${names.length > 1 ? ', counted on over all files' : ''}); ` +
          'drop repeated ones (--clean duplicate=drop), or give the copies ids of their own',
      );
    }
    rows.set(id, row);
    outlines.push({ ...battle, responseA: [], responseB: [] });
    return file.add(text.encode(`${JSON.stringify(battleToRecord(battle))}\n`));
  };
  const leftOut = await readDataset(votes, { keep }, options).finally(() => file.finish());
  return { outlines, ...leftOut };
}

/** The stored battles with the fields that their file lacks: rows and flags. */
async function* completed(stored: AsyncIterable<Battle>, outlines: Battle[]): AsyncGenerator<Battle> {
  let index = 0;
  for await (const { responseA, responseB } of stored) yield { ...outlines[index++], responseA, responseB };
}
