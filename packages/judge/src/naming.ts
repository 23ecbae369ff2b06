/** @file How the votes of a file are named, as people write it: "response_a=answer_1,winner=label" and "a=1,b=0". */
import { JudgeError } from './error.js';
import { RULES } from './settings-rules.js';

/**
 * Reads pairs of a setting with names, `columns` or `winnerValues`.
 * @param before Pairs that stay unless the text names them.
 * @throws JudgeError for an unknown name, or one without a value.
 * @example
 * namesFromText('columns', 'prompt=question,winner=label'); // { prompt: 'question', winner: 'label' }
 */
export function namesFromText(
  setting: 'columns' | 'winnerValues',
  text: string,
  before: Record<string, string> = {},
): Record<string, string> {
  const known = RULES[setting].properties;
  const names = { ...before };
  for (const part of text.split(',')) {
    const [name, value = ''] = part.split(/=(.*)/s).map((word) => word.trim());
    if (!Object.hasOwn(known, name)) {
      throw new JudgeError('settings', `\`${setting}\`: '${name}' is none of ${Object.keys(known).join(', ')}`);
    }
    if (!value) throw new JudgeError('settings', `\`${setting}\`: ${name} needs a value, ${name}=...`);
    names[name] = value;
  }
  return names;
}
