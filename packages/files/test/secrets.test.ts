/** @file No secret in a message: tokens, passwords and signatures, on every way to an error. */
import { diskStore, downloadCheckpoint, FileError, urlSource } from '@arena/files';
import { cleanToken, hubModel, withoutSecrets } from '@arena/files/hub';
import { expect, test } from 'vitest';

const SECRET = 'hf_S3cretT0ken';

/** Everything that an error could print. */
async function said(work: () => Promise<unknown>): Promise<string> {
  const error = await work().catch((one) => one as FileError);
  expect(error).toBeInstanceOf(FileError);
  const { message, file, reason } = error as FileError;
  return [message, file, reason].join('\n');
}

// as huggingface_hub 1.x cleans it: utils/_auth.py, _clean_token
test.each([
  [undefined, undefined],
  ['', undefined],
  [' \n', undefined],
  ['hf_x\n', 'hf_x'],
  ['\r\n hf_x\t', 'hf_x'],
  ['hf_\nx', 'hf_x'],
  ['hf_x\u2028', 'hf_x'],
  ['"hf_x"', 'hf_x'], // as env files of containers keep it; the hub's own would send the quotes
])('a token is cleaned: %j', (given, clean) => {
  expect(cleanToken(given, 'HF_TOKEN')).toBe(clean);
});

test.each([`${SECRET}\u2028x`, `${SECRET} x`, `"${SECRET}\u201d`, `${SECRET}\0`])(
  '%j is refused by the name of what gave it',
  async (bad) => {
    const text = await said(async () => cleanToken(bad, 'HF_TOKEN'));
    expect(text).toMatch(/^HF_TOKEN: the token holds .* copy it anew/);
    expect(text).not.toContain(SECRET);
    expect(await said(() => hubModel('owner/name', { token: bad }))).not.toContain(SECRET);
  },
);

test('headers that HTTP does not allow are named, not shown', async () => {
  const options = { headers: { authorization: `Bearer ${SECRET}\u2028` } };
  for (const work of [
    () => urlSource('http://localhost:1/x', options),
    () => downloadCheckpoint('http://localhost:1/m', diskStore('/nowhere'), options),
    () => downloadCheckpoint([{ name: 'x', url: 'http://localhost:1/x' }], diskStore('/nowhere'), options),
  ]) {
    const text = await said(work);
    expect(text).toContain('the header authorization');
    expect(text).not.toContain(SECRET);
  }
});

test('addresses are shown without passwords, tokens and signatures', async () => {
  for (const url of [
    `http://user:${SECRET}@localhost:1/x`,
    `http://localhost:1/x?token=${SECRET}&a=1`,
    `http://localhost:1/x?a=1&X-Amz-Signature=${SECRET}`,
    `http://localhost:1/x?sv=1&sig=${SECRET}`,
    `http://[${SECRET}/x?access_token=${SECRET}`.replace(`[${SECRET}`, '[bad'),
  ]) {
    expect(await said(() => urlSource(url))).not.toContain(SECRET);
    expect(
      await said(() => downloadCheckpoint([{ name: 'x', url, size: 1 }], diskStore('/nowhere'), { retries: 0 })),
    ).not.toContain(SECRET);
    expect(await said(() => hubModel('owner/name', { endpoint: url }))).not.toContain(SECRET);
  }
  expect(withoutSecrets('a@b.c at https://h/x?revision=main&tokens=1')).toBe(
    'a@b.c at https://h/x?revision=main&tokens=1',
  );
});
