/** @file The model on the hub that a GGUF file was made from, where the file says so. */

/** Google's own checkpoints: what converters write as `general.name` is the id's second part in other letters. */
const GOOGLE = [
  ...['gemma-2-2b', 'gemma-2-9b', 'gemma-2-27b', 'gemma-3-270m'].flatMap((name) => [name, `${name}-it`]),
  ...['gemma-3-1b', 'gemma-3-4b', 'gemma-3-12b', 'gemma-3-27b'].flatMap((name) => [`${name}-pt`, `${name}-it`]),
];

/** Where converters name the checkpoint itself. `general.base_model` is another one: the parent of a tuned model. */
const KEYS = ['general.source.huggingface.repository', 'general.source.repo_url', 'general.repo_url'] as const;

/**
 * The id of the checkpoint that a GGUF file holds: its own word for it, or one of Google's by `general.name`.
 * @example
 * ggufHubId(new Map([['general.name', 'Gemma 3 270m']])); // 'google/gemma-3-270m'
 */
export function ggufHubId(metadata: ReadonlyMap<string, unknown>): string | undefined {
  const said = KEYS.map((key) => idIn(metadata.get(key))).find((id) => id !== undefined);
  if (said !== undefined) return said;
  const name = metadata.get('general.name');
  const slug = typeof name === 'string' ? name.trim().toLowerCase().replace(/\s+/g, '-') : '';
  return GOOGLE.includes(slug) ? `google/${slug}` : undefined;
}

/** The id in `owner/name` or in `https://huggingface.co/owner/name`. */
function idIn(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  return /^(?:https:\/\/huggingface\.co\/)?(\w[\w.-]*\/\w[\w.-]*)\/?$/.exec(value.trim())?.[1];
}
