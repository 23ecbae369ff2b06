/** @file The script that a text is mostly written in: a language label computed from the text. */

const SCRIPTS: readonly (readonly [name: string, letters: RegExp])[] = [
  ['Latin', /\p{Script=Latin}/gu],
  ['Cyrillic', /\p{Script=Cyrillic}/gu],
  ['Han', /\p{Script=Han}/gu],
  ['Japanese', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['Korean', /\p{Script=Hangul}/gu],
  ['Arabic', /\p{Script=Arabic}/gu],
  ['Hebrew', /\p{Script=Hebrew}/gu],
  ['Devanagari', /\p{Script=Devanagari}/gu],
  ['Thai', /\p{Script=Thai}/gu],
  ['Greek', /\p{Script=Greek}/gu],
];

/** Characters of the text to inspect. */
const SAMPLE = 500;

/** Name of the script with the most letters near the start of `text`; 'other' without letters of a known script. */
export function scriptOf(text: string): string {
  const sample = text.slice(0, SAMPLE);
  if (/^\p{ASCII}*$/u.test(sample)) return /[a-z]/i.test(sample) ? 'Latin' : 'other';
  let best = 'other';
  let most = 0;
  for (const [name, letters] of SCRIPTS) {
    let count = sample.match(letters)?.length ?? 0;
    if (name === 'Japanese' && count > 0) count += sample.match(/\p{Script=Han}/gu)?.length ?? 0; // Kanji
    if (count > most) {
      best = name;
      most = count;
    }
  }
  return best;
}
