export interface FoundKernel {
  name: string;
  file: string;
  layout: {
    words: { [word: string]: string };
    constants: { [name: string]: number };
    records: { [name: string]: { [word: string]: string } };
  };
}
export declare function readKernels(folder: string): { files: string[]; kernels: FoundKernel[] };
export declare function entryOf(kernels: readonly FoundKernel[]): string;
