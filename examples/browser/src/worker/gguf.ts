/** @file A base that is a GGUF file, or several: the parts of a split one. */
import type { Location } from '@arena/files';
import type { FileOpener } from '@arena/files/source';

const PART = /-(\d{5})-of-(\d{5})(\.gguf)$/i;

export function isGguf(name: string): boolean {
  return /\.gguf$/i.test(name);
}

/** The first file of the model. @throws Error when the files are of several models. */
export function firstOf(names: string[]): string {
  const sorted = [...names].sort();
  const models = new Set(sorted.map((name) => name.replace(PART, '')));
  if (models.size > 1) throw new Error(`${sorted.join(', ')}: these are ${models.size} models, one is expected`);
  return sorted[0];
}

/** The files of a model at an address, the first of them first: the address of any part gives all. */
export function filesAt(url: string): { name: string; url: string }[] {
  const { pathname } = new URL(url);
  const folder = pathname.slice(0, pathname.lastIndexOf('/') + 1);
  const last = pathname.slice(folder.length);
  const count = Number(PART.exec(last)?.[2] ?? 1);
  return Array.from({ length: count }, (_, index) => {
    const part = last.replace(PART, `-${String(index + 1).padStart(5, '0')}-of-$2$3`);
    const at = new URL(url);
    at.pathname = folder + part;
    return { name: decodeURIComponent(part), url: at.href };
  });
}

/** The place of a base as `openBase` of @arena/judge takes a GGUF file: `model.gguf` is its first file. */
export function ggufPlace(open: FileOpener, first: string): Location {
  return (file) => open(file === 'model.gguf' ? first : file);
}
