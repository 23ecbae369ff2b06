/**
 * @file TensorBoard event files: TFRecord framing (length and data, each with a masked CRC-32C) around the protobuf
 * messages of tensorflow/core/util/event.proto for scalars. Same bytes as torch.utils.tensorboard.
 */

import { storing } from '@arena/files/write';
import { crc, crcTable } from './crc.js';

/** One event: the file's version first, then scalars. */
export interface TensorBoardEvent {
  /** Seconds since 1970. */
  wallTime: number;
  step?: number;
  /** Only in a file's first event. */
  fileVersion?: boolean;
  scalar?: { tag: string; value: number };
  /** A session starts at `step`: what earlier sessions wrote of this and later steps counts no more. */
  sessionStart?: boolean;
}

/** An event as a record of the file. */
export function encodeEvent({ wallTime, step = 0, fileVersion, scalar, sessionStart }: TensorBoardEvent): Uint8Array {
  const event = [0x09, ...float64(wallTime)];
  if (step) event.push(0x10, ...varint(step));
  if (fileVersion) event.push(...bytesField(3, text('brain.Event:2')));
  if (scalar) {
    const value = [...bytesField(1, text(scalar.tag)), 0x15, ...float32(scalar.value)];
    event.push(...bytesField(5, bytesField(1, value)));
  }
  if (sessionStart) event.push(...bytesField(7, [0x08, 1])); // SessionLog with status START
  if (fileVersion) event.push(...bytesField(10, bytesField(1, text(WRITER))));
  return record(Uint8Array.from(event));
}

const WRITER = 'tensorboard.summary.writer.event_file_writer';

/** An open event file. Scalars are on disk when their promise is fulfilled. */
export interface EventWriter {
  readonly path: string;
  /** Writes one point of each tag. Skips values that are not finite, since TensorBoard cannot draw them. */
  scalars(values: { [tag: string]: number }, step: number): Promise<void>;
  close(): Promise<void>;
}

/** How to open an event file. */
export interface EventWriterOptions {
  /**
   * The first step of a run that goes on in a directory: points of this and later steps that an earlier file has are
   * dropped by TensorBoard, as with `purge_step` of torch's SummaryWriter.
   */
  purgeStep?: number;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/**
 * Creates `<directory>/events.out.tfevents.<seconds>.<host>.<pid>.0`. TensorBoard shows each directory as a run, and
 * reads its files in the order of their names: the seconds are later than those of every file there, whatever the clock
 * says.
 * @throws Error when the directory cannot be written, and for a full disk, with the file's name.
 */
export async function openEventWriter(
  directory: string,
  { purgeStep, now = Date.now }: EventWriterOptions = {},
): Promise<EventWriter> {
  const { mkdir, open, readdir } = process.getBuiltinModule('node:fs/promises');
  const { hostname } = process.getBuiltinModule('node:os');
  await mkdir(directory, { recursive: true });
  const before = (await readdir(directory)).map((name) => Number(/\.tfevents\.(\d{1,15})\./.exec(name)?.[1] ?? 0));
  const seconds = Math.max(Math.floor(now() / 1000), ...before.map((one) => one + 1));
  const name = `events.out.tfevents.${String(seconds).padStart(10, '0')}.${hostname()}.${process.pid}.0`;
  const path = `${directory}/${name}`;
  const file = await open(path, 'ax');
  const add = (event: TensorBoardEvent) => storing(path, file.appendFile(encodeEvent(event)));
  await add({ wallTime: now() / 1000, fileVersion: true });
  if (purgeStep !== undefined) await add({ wallTime: now() / 1000, step: purgeStep, sessionStart: true });
  return {
    path,
    async scalars(values, step) {
      const wallTime = now() / 1000;
      for (const [tag, value] of Object.entries(values)) {
        if (Number.isFinite(value)) await add({ wallTime, step, scalar: { tag, value } });
      }
    },
    close: () => file.close(),
  };
}

function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + data.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return bytes;
}

function bytesField(field: number, content: ArrayLike<number>): number[] {
  return [(field << 3) | 2, ...varint(content.length), ...Array.from(content)];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

function float32(value: number): Uint8Array {
  return new Uint8Array(new Float32Array([value]).buffer);
}

function float64(value: number): Uint8Array {
  return new Uint8Array(new Float64Array([value]).buffer);
}

/**
 * CRC-32C (Castagnoli), rotated by 15 bits and shifted, so that a checksum of data with checksums is no fixed point.
 */
function maskedCrc(bytes: Uint8Array): number {
  const c = crc(CASTAGNOLI, bytes);
  return (((c >>> 15) | (c << 17)) + 0xa282ead8) >>> 0;
}

const CASTAGNOLI = crcTable(0x82f63b78);
