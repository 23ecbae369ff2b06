/** @file The types of tutorials.mjs, for its test. */
export function actionsOf(markdown: string): { kind: string; file?: string; text?: string }[];
