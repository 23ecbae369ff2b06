/** @file What a file is that does not begin as a GGUF file does. */

/** Bytes that are looked at. */
export const SNIFF_BYTES = 64;

/** Says what a file with these first bytes is and what to do, or gives undefined where it begins with GGUF's magic. */
export function otherFormat(head: Uint8Array, size: number): string | undefined {
  if (size === 0) return 'is empty: was its download broken off?';
  const text = String.fromCharCode(...head.subarray(0, SNIFF_BYTES));
  if (text.startsWith('GGUF')) return undefined;
  if (/^(ggml|lmgg|ggmf|fmgg|ggjt|tjgg|ggla|algg)/.test(text)) {
    return "is an old GGML file, from before GGUF: take the model's GGUF file";
  }
  if (text.startsWith('version https://git-lfs')) {
    return "is a Git LFS pointer, not the model: run `git lfs pull`, or download the file from the model's page";
  }
  if (/^\s*<(!doctype|html|head|\?xml)/i.test(text)) {
    return 'is an HTML page, not the model: the address shows a page about it, or asks to sign in';
  }
  if (head[8] === 0x7b && size > 9) return 'is a .safetensors file, not a GGUF file: open its folder as a checkpoint';
  if (text.startsWith('PK')) return 'is a zip archive or PyTorch file, not a GGUF file';
  const start = [...head.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `is no GGUF file: it begins with the bytes ${start}, not with "GGUF"`;
}
