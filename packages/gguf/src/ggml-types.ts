/** @file The element types of ggml by their numbers: names, values and bytes of a block (GGML_QUANT_SIZES of gguf-py). */

/** Values and bytes of a block, by name. */
const SIZES = {
  F32: [1, 4],
  F16: [1, 2],
  Q4_0: [32, 18],
  Q4_1: [32, 20],
  Q5_0: [32, 22],
  Q5_1: [32, 24],
  Q8_0: [32, 34],
  Q8_1: [32, 40],
  Q2_K: [256, 84],
  Q3_K: [256, 110],
  Q4_K: [256, 144],
  Q5_K: [256, 176],
  Q6_K: [256, 210],
  Q8_K: [256, 292],
  IQ2_XXS: [256, 66],
  IQ2_XS: [256, 74],
  IQ3_XXS: [256, 98],
  IQ1_S: [256, 50],
  IQ4_NL: [32, 18],
  IQ3_S: [256, 110],
  IQ2_S: [256, 82],
  IQ4_XS: [256, 136],
  I8: [1, 1],
  I16: [1, 2],
  I32: [1, 4],
  I64: [1, 8],
  F64: [1, 8],
  IQ1_M: [256, 56],
  BF16: [1, 2],
  TQ1_0: [256, 54],
  TQ2_0: [256, 66],
  MXFP4: [32, 17],
  NVFP4: [64, 36],
  Q1_0: [128, 18],
} as const;

/** Name of a ggml type, such as `Q4_K`. */
export type GgmlType = keyof typeof SIZES;

/** By number; types that ggml has dropped stand with their names alone. */
const NUMBERS: Readonly<Record<number, GgmlType>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  30: 'BF16',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
  40: 'NVFP4',
  41: 'Q1_0',
};

/** Types that ggml no longer reads. */
const DROPPED: Readonly<Record<number, string>> = {
  4: 'Q4_2',
  5: 'Q4_3',
  31: 'Q4_0_4_4',
  32: 'Q4_0_4_8',
  33: 'Q4_0_8_8',
  36: 'IQ4_NL_4_4',
  37: 'IQ4_NL_4_8',
  38: 'IQ4_NL_8_8',
};

/** The type of a number, or undefined. */
export function ggmlType(id: number): GgmlType | undefined {
  return NUMBERS[id];
}

/** The number of a type in a file. */
export function typeId(type: GgmlType): number {
  return Number(Object.keys(NUMBERS).find((id) => NUMBERS[Number(id)] === type));
}

/** What a number that is no type of today was, for a message. */
export function oddType(id: number): string {
  const dropped = DROPPED[id];
  if (dropped) return `${dropped}, which ggml has dropped: quantise the model anew`;
  return `number ${id}, which is not known: the file is damaged, or made by a newer program`;
}

/** How many values a block of the type holds, and in how many bytes. A float is a block of one value. */
export function blockSize(type: GgmlType): { values: number; bytes: number } {
  const [values, bytes] = SIZES[type];
  return { values, bytes };
}
