/** @file Plain data as YAML, as far as the front matter of a model card needs it. */

export type Yaml = string | number | boolean | null | readonly Yaml[] | { readonly [key: string]: Yaml };

/** Texts that YAML reads as they stand. Others are quoted as JSON, which YAML knows. */
const PLAIN = /^[A-Za-z_][\w ./-]*(:[\w./-]+)*$/;
const WORDS = /^(true|false|yes|no|on|off|null|y|n)$/i;

/** The text of an object, with a line end. */
export function yaml(value: Yaml): string {
  return `${lines(value).join('\n')}\n`;
}

function lines(value: Yaml): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((one: Yaml) => {
      if (!isNested(one)) return [`- ${scalar(one)}`];
      const [first, ...rest] = lines(one);
      return [`- ${first}`, ...rest.map((line) => `  ${line}`)];
    });
  }
  return Object.entries(value as { [key: string]: Yaml }).flatMap(([key, one]) => {
    if (!isNested(one)) return [`${key}: ${scalar(one)}`];
    const indent = Array.isArray(one) ? '' : '  ';
    return [`${key}:`, ...lines(one).map((line) => indent + line)];
  });
}

function isNested(value: Yaml): boolean {
  return typeof value === 'object' && value !== null;
}

function scalar(value: Yaml): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return PLAIN.test(value) && !WORDS.test(value) && !/\s$/.test(value) ? value : JSON.stringify(value);
}
