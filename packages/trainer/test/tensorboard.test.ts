import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeEvent, openEventWriter } from '@arena/trainer/tensorboard';
import { expect, onTestFinished, test } from 'vitest';

const FIXTURES = new URL('fixtures/', import.meta.url);

/** The records of a file, each whole, with its check sums. */
function records(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const list: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 16 + Number(view.getBigUint64(at, true));
    list.push(bytes.subarray(at, end));
    at = end;
  }
  return list;
}

const wallTime = (record: Uint8Array) => new DataView(record.buffer, record.byteOffset).getFloat64(13, true);

test("each scalar has the bytes that torch's SummaryWriter wrote", async () => {
  const golden = records(await readFile(new URL('events.out.tfevents', FIXTURES)));
  const { scalars } = JSON.parse(await readFile(new URL('tensorboard_scalars.json', FIXTURES), 'utf8')) as {
    scalars: { tag: string; step: number; value: number }[];
  };
  expect(Buffer.from(encodeEvent({ wallTime: wallTime(golden[0]), fileVersion: true }))).toEqual(golden[0]);
  const written = golden.slice(3); // after two text summaries
  expect(scalars).toHaveLength(written.length);
  scalars.forEach(({ tag, step, value }, i) => {
    const event = encodeEvent({ wallTime: wallTime(written[i]), step, scalar: { tag, value } });
    expect(Buffer.from(event), tag).toEqual(written[i]);
  });
});

test('a writer appends records in order and leaves out what is not finite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'arena-events-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const writer = await openEventWriter(directory, { now: () => 1_700_000_000_000 });
  await writer.scalars({ 'train/loss': 0.5, 'train/bad': Number.NaN }, 300);
  await writer.scalars({ 'eval/accuracy': 0.75 }, 2 ** 40);
  await writer.close();
  expect(writer.path).toMatch(/events\.out\.tfevents\.1700000000\..+\.\d+\.0$/);
  const event = (tag: string, value: number, step: number) =>
    Buffer.from(encodeEvent({ wallTime: 1.7e9, step, scalar: { tag, value } }));
  const want = [event('train/loss', 0.5, 300), event('eval/accuracy', 0.75, 2 ** 40)];
  expect(records(await readFile(writer.path)).slice(1)).toEqual(want);
});

/** Of torch 2.13's SummaryWriter(directory, purge_step=300): its third record, a SessionLog. */
const PURGE = '100000000000000095fbfe18093968b2cd6ec3da4110ac023a020801a6a058b7';

test("a run that goes on purges what it repeats, in the bytes of torch's purge_step", async () => {
  const golden = Buffer.from(PURGE, 'hex');
  expect(Buffer.from(encodeEvent({ wallTime: wallTime(golden), step: 300, sessionStart: true }))).toEqual(golden);
});

test('files are read in the order that they were opened in, whatever the clock said', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'arena-events-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const opened: string[] = [];
  for (const seconds of [1_700_000_000, 1_700_000_000, 1_699_000_000, 1_700_000_007, 12]) {
    const writer = await openEventWriter(directory, { now: () => 1000 * seconds, purgeStep: 7 });
    await writer.close();
    opened.push(writer.path);
    const [version, start] = records(await readFile(writer.path));
    expect(Buffer.from(version).toString('latin1')).toContain('brain.Event:2');
    expect(Buffer.from(start)).toEqual(Buffer.from(encodeEvent({ wallTime: seconds, step: 7, sessionStart: true })));
  }
  expect(opened.toSorted()).toEqual(opened);
  expect(opened.map((path) => Number(/tfevents\.(\d+)/.exec(path)![1]) - 1_700_000_000)).toEqual([0, 1, 2, 7, 8]);
});
