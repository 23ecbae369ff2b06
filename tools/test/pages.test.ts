/** @file The gate of the pages finds what is wrong in pages made for it. Needs a build of @arena/cli. */
import { expect, test } from 'vitest';
import { blockProblems } from '../docs/blocks.mjs';
import { linkProblems } from '../docs/links.mjs';
import { commandsOf } from '../docs/shell.mjs';

const PAGE = 'docs/concepts/made-up.md';
const block = (info: string, code: string) => `\`\`\`${info}\n${code}\n\`\`\`\n`;

test.each([
  ['a flag that does not exist', 'sh', 'arena train --base b --data d --out o --lerning-rate 1', /unknown option/],
  ['the same where it is not run', 'sh no-run: long', 'npx @arena/cli predict --base b --adaptre a', /unknown option/],
  ['a value that a flag does not take', '', 'arena train --base b --data d --out o --loss hinge', /Allowed choices/],
  ['a flag that is missing', 'sh', 'mpirun -np 2 arena train --base b --out o', /--data/],
  ['a command that does not exist', 'sh', 'arena trian', /no command 'trian'/],
  ['a command of others without a mark', 'sh', 'docker run x', /mark the block/],
  ['a mark without a reason', 'sh no-run', 'docker run x', /needs its reason/],
  ['a script that does not exist', 'sh', 'npx -y pnpm@10.34.8 biuld', /no script/],
  ['a package that does not exist', 'sh', 'npm install @arena/quants', /no package/],
  ['broken shell', 'sh', 'echo "', /no shell/],
  ['broken JSON', 'json', '{ "a": 1, }', /no JSON/],
  ['a name that is not exported', 'ts', "import { quantize5bit } from '@arena/quant';", /quantize5bit/],
  ['a name that nobody declared', 'js', 'console.log(votes);', /votes/],
])('%s', async (_, info, code, message) => {
  const problems = await blockProblems(new Map([[PAGE, `# Title\n\n${block(info, code)}`]]));
  expect(problems).toEqual([expect.stringMatching(message)]);
  expect(problems[0]).toContain(`${PAGE}:`);
});

test('what is right, or says why not', async () => {
  const page = [
    block('sh', 'arena predict --base b --adapter a --data votes.jsonl | head -3 # three'),
    block('sh no-run: needs a server', 'docker run x'),
    block('ts', "import { quantize4bit } from '@arena/quant';\nconst q = quantize4bit;"),
    block('ts continued', 'console.log(q);'),
    `<!-- given: declare const votes: string[]; -->\n\n${block('js', 'console.log(votes);')}`,
    block('ts no-check: of another program', 'let x: = 1;'),
  ].join('\n');
  expect(await blockProblems(new Map([[PAGE, page]]))).toEqual([]);
});

test('dead links and headings', () => {
  const page =
    '# A title\n\n[a](no.md) [b](qlora.md#no) [c](#a-title) [d](qlora.md#memory) [e](https://x.y/z) `[f](g)`\n';
  expect(linkProblems(new Map([[PAGE, page]]))).toEqual([
    `${PAGE}:3: no.md: is not there`,
    `${PAGE}:3: qlora.md#no: docs/concepts/qlora.md has no such heading`,
  ]);
});

test('words of shell', () => {
  const script = "A=1 b 'c d' \"e $F\" > out 2>&1 | g \\\n  -h # i\ncat <<'END'\nj k\nEND\nl && m; (n)\nbash -c 'o p'";
  expect(commandsOf(script).map((words) => words.join('|'))).toEqual([
    'b|c d|e $F',
    'g|-h',
    'cat',
    'l',
    'm',
    'n',
    'o|p',
  ]); // prettier-ignore
});
