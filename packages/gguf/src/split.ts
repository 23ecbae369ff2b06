/** @file A model in several files, `NAME-00001-of-00003.gguf`: only the first has the metadata, each its own tensors. */
import type { ByteSource } from '@arena/files';
import { type FileOpener, quote } from '@arena/files/source';
import { GgufError } from './errors.js';
import { type GgufHeader, readHeader } from './header.js';

/** A file of the model and what its header says. */
export interface Part {
  source: ByteSource;
  header: GgufHeader;
}

const PART_NAME = /^(.*)-(\d{5})-of-(\d{5})(\.gguf)$/i;

/** Says which part a file is by its header, or undefined for a model of one file. */
function splitOf({ source, header }: Part): { part: number; count: number } | undefined {
  const count = header.metadata.get('split.count');
  if (count === undefined || count === 1 || count === 0) return undefined;
  const part = header.metadata.get('split.no');
  const whole = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value);
  if (!whole(count) || count < 0 || count > 99999 || !whole(part) || part < 0 || part >= count) {
    const why = `split.no ${String(part)} and split.count ${String(count)} are no part of a split file`;
    throw new GgufError('metadata', why, source.name, { key: 'split.no' });
  }
  return { part, count };
}

/**
 * All files of a split model in their order; the one at hand is among them. Those that were opened stand in `opened` and
 * are the caller's to close, also after an error.
 * @param name Plain name of the file at hand.
 * @param open Opens files beside it; undefined where nothing else can be opened.
 * @throws GgufError naming the file that is missing or is another part than its name says.
 */
export async function readParts(
  first: Part,
  name: string,
  open: FileOpener | undefined,
  opened: ByteSource[],
): Promise<Part[]> {
  const split = splitOf(first);
  if (!split) return [first];
  const { part, count } = split;
  const [, stem, , of, suffix] = PART_NAME.exec(name) ?? [];
  const nameOf = (index: number) => `${stem}-${String(index + 1).padStart(5, '0')}-of-${of}${suffix}`;
  if (stem === undefined || Number(of) !== count || nameOf(part) !== name) {
    const why = `is part ${part + 1} of ${count}, but its name is not ...-${String(part + 1).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf: give the parts the names that they had`;
    throw new GgufError('missing_part', why, first.source.name);
  }
  const parts: Part[] = [];
  for (let index = 0; index < count; index++) {
    if (index === part) {
      parts.push(first);
      continue;
    }
    const other = nameOf(index);
    const source = await open?.(other);
    if (!source) {
      const why = open
        ? 'it is not beside this file'
        : 'this file alone was given: open the folder that holds all parts';
      throw new GgufError(
        'missing_part',
        `needs ${quote(other)}, part ${index + 1} of ${count}: ${why}`,
        first.source.name,
      );
    }
    opened.push(source);
    const read: Part = { source, header: await readHeader(source) };
    const is = splitOf(read);
    if (is?.part !== index || is.count !== count) {
      const what = is ? `part ${is.part + 1} of ${is.count}` : 'a model of one file';
      throw new GgufError('missing_part', `should be part ${index + 1} of ${count}, but is ${what}`, source.name);
    }
    parts.push(read);
  }
  checkTensors(parts);
  return parts;
}

/** No tensor twice, and as many as the parts say. */
function checkTensors(parts: Part[]): void {
  const seen = new Set<string>();
  for (const { source, header } of parts) {
    for (const tensor of header.tensors.keys()) {
      if (seen.has(tensor)) throw new GgufError('tensor', 'stands in two parts', source.name, { tensor });
      seen.add(tensor);
    }
  }
  for (const { source, header } of parts) {
    const said = header.metadata.get('split.tensors.count');
    if (said !== undefined && said !== seen.size) {
      const why = `says ${String(said)}, but the parts hold ${seen.size} tensors together`;
      throw new GgufError('metadata', why, source.name, { key: 'split.tensors.count' });
    }
  }
}
