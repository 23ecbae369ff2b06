/** @file Flags for settings: values and defaults come from the settings' rules. */
import { DEFAULT_SETTINGS } from '@arena/judge';
import { type DefaultSettings, RULES, type Rule } from '@arena/judge/settings';
import { Option } from 'commander';
import { integer, number } from './arguments.js';

/** The flag for a setting: `--max-tokens <n>` sets `maxTokens`. */
export function settingOption(flags: string, description: string): Option {
  const option = new Option(flags, description);
  const key = option.attributeName() as keyof typeof RULES;
  const rule: Rule = RULES[key];
  if ('enum' in rule) option.choices(rule.enum);
  else if ('minimum' in rule) {
    const parse = rule.type === 'integer' ? integer : number;
    option.argParser(parse(rule.minimum, rule.maximum));
  }
  const standard = DEFAULT_SETTINGS[key as keyof DefaultSettings];
  if (standard === undefined) return option;
  return option.default(Array.isArray(standard) ? standard.join(',') : standard);
}
