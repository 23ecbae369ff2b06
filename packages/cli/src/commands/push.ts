/** @file `arena push`: a judge for the hub, with its model card. */
import { accessToken, hubPlaces, uploadToHub } from '@arena/files/hub';
import { HUB_NAME } from '@arena/judge/card';
import { type PushPlan, planPush } from '@arena/judge/hub';
import { type Command, InvalidArgumentError } from 'commander';
import { onInterrupt } from '../interrupt.js';
import { progress } from '../progress.js';
import { shellWord } from '../shell-word.js';

interface PushFlags {
  public: boolean;
  revision: string;
  baseId?: string;
  run?: string;
  dryRun: boolean;
}

export function define(command: Command): void {
  command
    .argument('<folder>', 'an adapter, a run (its adapter), or a folder of arena merge or arena export')
    .argument('<id>', 'the name on the hub, owner/name; it is made where it is missing', modelId)
    .option('--public', 'everybody may see it', false)
    .option('--revision <branch>', 'the branch; it is made where it is missing', 'main')
    .option('--base-id <id>', "the base's id on the hub, where training had it from a folder")
    .option('--run <dir>', 'the run that trained it, for figures and settings (default: the one around an adapter)')
    .option('--dry-run', 'list what would be sent and print the model card; nothing is asked or sent', false)
    .addHelpText('after', SENT)
    .action((folder: string, id: string, flags: PushFlags) => push(folder, id, flags));
}

const SENT = `
Sent are the weights, config and tokenizer files, arena.json, a README.md and a NOTICE that are made for it: no checkpoints, logs, votes or texts.
Needs the package @huggingface/hub (npm install @huggingface/hub) and a token with the role write: HF_TOKEN, or that of hf auth login.`;

async function push(folder: string, id: string, flags: PushFlags): Promise<void> {
  const { public: isPublic, revision: branch, baseId, run, dryRun } = flags;
  const signal = onInterrupt();
  const plan = await planPush(folder, id, { baseId, run });
  if (dryRun) {
    console.log(describePlan(plan, id, flags));
    return;
  }
  const { endpoint, offline } = hubPlaces();
  if (offline) throw new Error(`${id}: ${offline} is set, so nothing is uploaded; --dry-run shows what would be`);
  const bytes = new Map(plan.files.map(({ path, size }) => [path, size]));
  const done = new Map<string, number>();
  const bar = progress({ label: `uploading ${id}`, total: megabytes(sum(bytes.values())), unit: 'MB' });
  const { url, commit, isPrivate } = await uploadToHub(id, plan.files, {
    token: await accessToken(),
    endpoint,
    isPublic,
    branch,
    title: `Upload ${KINDS[plan.form]}, made with Arena`,
    onProgress: ({ path, state, progress }) => {
      if (state === 'uploading') done.set(path, progress * bytes.get(path)!);
      bar.update(megabytes(sum(done.values())), `${state} ${path}`);
    },
    signal,
  }).finally(() => bar.finish());
  const at = branch === 'main' ? '' : `, branch ${branch}`;
  const seen = isPrivate ? 'private' : 'public';
  console.log(`${url} (${seen}${at}): ${plan.files.length} files, commit ${commit.slice(0, 7)}`);
  const named = branch === 'main' ? id : `${id}@${branch}`;
  const how: Partial<Record<PushPlan['form'], string>> = {
    adapter: `--base ${shellWord(plan.base.id)} --adapter ${named}`,
    merged: `--base ${named}`,
  };
  const use = how[plan.form];
  if (use) console.log(`next: arena predict ${use} --prompt "…" --a "…" --b "…"`);
}

const KINDS: Record<PushPlan['form'], string> = {
  adapter: 'an adapter',
  merged: 'a merged judge',
  onnx: 'a judge as ONNX',
  gguf: 'a judge as GGUF',
};

/** What would be sent, and the card. */
function describePlan({ folder, form, base, files, readme, leftOut }: PushPlan, id: string, flags: PushFlags): string {
  const width = Math.max(...files.map(({ size }) => size.toLocaleString('en').length));
  const rows = files.map(({ path, size }) => `${size.toLocaleString('en').padStart(width)} bytes  ${path}`);
  const all = sum(files.map(({ size }) => size)).toLocaleString('en');
  return [
    `${folder} is ${KINDS[form]} of ${base.id}. To ${id}, branch ${flags.revision}, ${flags.public ? 'public' : 'private'}, would go:`,
    ...rows,
    `${all} bytes in all; nothing was sent${leftOut.length ? `. These stay here: ${leftOut.join(', ')}` : ''}`,
    '',
    'README.md:',
    '',
    readme,
  ].join('\n');
}

function modelId(text: string): string {
  const { id } = HUB_NAME.exec(text)?.groups ?? {};
  if (id !== text)
    throw new InvalidArgumentError('owner/name is expected, such as you/judge (the branch is --revision).');
  return text;
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((a, b) => a + b, 0);
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
