/** @file What a file is, by its first bytes: one table for all readers. */

/** What a file is by its first bytes. `gzip`, `zstd`, `parquet` and `gguf` have readers here; the rest is named. */
export interface FileKind {
  key: string;
  /** With its article: "a Git LFS pointer". */
  name: string;
  /** What to do, for a reader that cannot use it. */
  advice: string;
}

/** First bytes that {@link fileKind} wants to see. */
export const KIND_BYTES = 4096;

type Test = (head: Uint8Array, text: string) => boolean;

const starts =
  (...magics: string[]): Test =>
  (_, text) =>
    magics.some((magic) => text.startsWith(magic));

const PAGE = 'open the address in a browser: it is a page about the file, a sign-in, or an error';
const PANDAS = 'write it as Parquet or JSON lines, in Python: pandas';
const CONVERT = 'write its table as Parquet, CSV or JSON lines';

/** Kinds in the order in which they are tried. Texts are latin1: one character a byte. */
const KINDS: readonly (readonly [key: string, name: string, advice: string, is: Test])[] = [
  [
    'lfs-pointer',
    'a Git LFS pointer',
    'run `git lfs pull` in its repository to get the file itself, or download it from its page',
    (_, text) => /^version https:\/\/(git-lfs|hawser)\.github\.com\/spec\//.test(text),
  ],
  ['gzip', 'a gzip file', 'unpack it: gunzip', starts('\x1f\x8b')],
  [
    'zstd',
    'a Zstandard file',
    'unpack it: zstd -d',
    (head, text) => text.startsWith('\x28\xb5\x2f\xfd') || isSkippable(head),
  ],
  [
    'bzip2',
    'a bzip2 file',
    'unpack it: bunzip2',
    (_, text) => /^BZh[1-9]/.test(text) && (text.startsWith('1AY&SY', 4) || text.startsWith('\x17rE8P\x90', 4)),
  ],
  ['xz', 'an xz file', 'unpack it: unxz', starts('\xfd7zXZ\0')],
  ['lz4', 'an LZ4 file', 'unpack it: lz4 -d', starts('\x04\x22\x4d\x18', '\x02\x21\x4c\x18')],
  ['snappy', 'a Snappy file', 'unpack it', starts('\xff\x06\0\0sNaPpY')],
  ['lzip', 'an lzip file', 'unpack it: lzip -d', starts('LZIP\x01')],
  ['compress', 'a file of compress (.Z)', 'unpack it: uncompress', starts('\x1f\x9d')],
  ['7z', 'a 7-Zip archive', 'unpack it', starts('7z\xbc\xaf\x27\x1c')],
  ['rar', 'a RAR archive', 'unpack it', starts('Rar!\x1a\x07')],
  ['docx', 'a Word document (.docx)', 'save its table as CSV', isZip(/\bword\//)],
  ['xlsx', 'an Excel workbook (.xlsx)', 'save its sheet as CSV UTF-8', isZip(/\bxl\//)],
  [
    'office',
    'an Office file (.xlsx, .docx), a zip archive',
    'save its sheet as CSV UTF-8',
    isZip(/\[Content_Types\]\.xml/),
  ],
  ['ods', 'an OpenDocument file', 'save its sheet as CSV', isZip(/mimetypeapplication\/vnd\.oasis/)],
  [
    'pytorch',
    'a PyTorch file (a zip archive with a pickle)',
    'save it as safetensors',
    isZip(/\bdata\.pkl|\/version|\/byteorder/),
  ],
  ['npz', 'a NumPy archive (.npz)', CONVERT, isZip(/\.npy/)],
  ['zip', 'a zip archive', 'unzip it first', isZip(/^/)],
  ['tar', 'a tar archive', 'unpack it: tar -xf', (_, text) => /^ustar[\0 ]/.test(text.slice(257))],
  ['parquet', 'a Parquet file', CONVERT, starts('PAR1')],
  ['encrypted-parquet', 'an encrypted Parquet file', 'write it without encryption', starts('PARE')],
  ['arrow', 'an Arrow file (Feather version 2)', `${PANDAS}.read_feather(file).to_parquet(...)`, starts('ARROW1')],
  ['feather', 'a Feather file (version 1)', `${PANDAS}.read_feather(file).to_parquet(...)`, starts('FEA1')],
  [
    'arrow-stream',
    'an Arrow stream, as the library datasets keeps a set on disk',
    'write it as Parquet or JSON lines, in Python: datasets.load_from_disk(folder).to_parquet(...)',
    isArrowStream,
  ],
  ['avro', 'an Avro file', CONVERT, starts('Obj\x01')],
  ['orc', 'an ORC file', `${PANDAS}.read_orc(file).to_parquet(...)`, (_, text) => /^ORC[\0-\x20]/.test(text)],
  [
    'sqlite',
    'a SQLite database',
    'write the table: sqlite3 -header -csv FILE "select * from votes"',
    starts('SQLite format 3\0'),
  ],
  [
    'duckdb',
    'a DuckDB database',
    "write the table: COPY votes TO 'votes.parquet'",
    (_, text) => text.startsWith('DUCK', 8),
  ],
  ['hdf5', 'an HDF5 file', `${PANDAS}.read_hdf(file).to_parquet(...)`, starts('\x89HDF\r\n\x1a\n')],
  ['numpy', 'a NumPy array (.npy)', CONVERT, starts('\x93NUMPY')],
  [
    'pickle',
    'a Python pickle',
    'nothing here runs a pickle: write a table as Parquet or JSON lines, weights as safetensors',
    (head, text) =>
      (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5) || /^(\([ld]p\d|c(copy_reg|numpy|pandas|torch)\b)/.test(text),
  ],
  ['gguf', 'a GGUF file', 'give it as a base', starts('GGUF')],
  [
    'ggml',
    'an old GGML file, from before GGUF',
    "take the model's GGUF file",
    (_, text) => /^(ggml|lmgg|ggmf|fmgg|ggjt|tjgg|ggla|algg)/.test(text),
  ],
  ['safetensors', 'a .safetensors file', 'open its folder as a checkpoint', isSafetensors],
  ['xls', 'an old Excel or Word file', 'save its table as CSV UTF-8', starts('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1')],
  [
    'apple-double',
    'what macOS keeps about another file (its name begins with ._)',
    'take the file itself',
    starts('\0\x05\x16\x07', '\0\x05\x16\0'),
  ],
  ['pdf', 'a PDF', 'take the data in it as CSV or JSON lines', starts('%PDF-')],
  ['image', 'an image', 'take the data in it as CSV or JSON lines', starts('\x89PNG\r\n', '\xff\xd8\xff', 'GIF8')],
  ['rtf', 'a rich-text file (.rtf)', 'save it as plain text, in UTF-8', starts('{\\rtf')],
  ['utf-32', 'text in UTF-32', 'save it as UTF-8', starts('\xff\xfe\0\0', '\0\0\xfe\xff')],
  ['utf-16', 'text in UTF-16', 'save it as UTF-8', (head, text) => /^(\xff\xfe|\xfe\xff)/.test(text) || isUtf16(head)],
  [
    'html',
    'an HTML page',
    PAGE,
    (_, text) => /^(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body|script)\b/i.test(text),
  ],
  ['xml', 'an XML file', PAGE, (_, text) => /^(\xef\xbb\xbf)?\s*<(\?xml|error>)/i.test(text)],
];

/**
 * What a file is, by its first {@link KIND_BYTES} bytes. Undefined for plain text and whatever else the table does not
 * have.
 */
export function fileKind(head: Uint8Array): FileKind | undefined {
  const first = head.subarray(0, KIND_BYTES);
  const text = String.fromCharCode(...first);
  const found = KINDS.find(([, , , is]) => is(first, text));
  return found && { key: found[0], name: found[1], advice: found[2] };
}

/** A zip archive, one of whose first names is such. */
function isZip(names: RegExp): Test {
  const isArchive = starts('PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08');
  return (head, text) => isArchive(head, text) && names.test(text);
}

/** A frame of Zstandard that decoders pass by; pzstd and seekable files begin with one. */
function isSkippable(head: Uint8Array): boolean {
  return head[0] >> 4 === 5 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
}

/** A message of Arrow's IPC: a continuation marker (newer ones), the length of a small flatbuffer. */
function isArrowStream(head: Uint8Array): boolean {
  if (head.length < 16) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const at = view.getUint32(0, true) === 0xffffffff ? 4 : 0;
  const [length, root] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
  // without the marker, two small multiples of 4 in front are all there is to see
  return length > 0 && length < 2 ** 24 && length % 8 === 0 && root >= 8 && root <= 64 && root % 4 === 0;
}

/** A JSON object behind the 8 bytes of its length. */
function isSafetensors(head: Uint8Array): boolean {
  return head.length > 9 && head[8] === 0x7b && head[6] === 0 && head[7] === 0;
}

/** Mostly zeros in one half of the pairs, and none in the other: ASCII in two bytes a character. */
function isUtf16(head: Uint8Array): boolean {
  const pairs = head.length >> 1;
  if (pairs < 4) return false;
  const zeros = [0, 0];
  for (let i = 0; i < 2 * pairs; i++) if (head[i] === 0) zeros[i % 2]++;
  const [more, fewer] = [Math.max(...zeros), Math.min(...zeros)];
  return fewer === 0 && more > pairs / 2;
}
