import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readKeyReference } from '../src/index.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trust-keys-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('reads a file, a named pipe, a variable and standard input', async () => {
  const file = join(folder, 'a.key');
  await writeFile(file, 'text of a key');
  await expect(readKeyReference(file)).resolves.toBe('text of a key');
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const [read] = await Promise.all([readKeyReference(pipe), writeFile(pipe, 'through a pipe')]);
  expect(read).toBe('through a pipe');
  await expect(readKeyReference('env://KEY', { env: { KEY: 'from a variable' } })).resolves.toBe('from a variable');
  await expect(readKeyReference('-', { stdin: Readable.from([Buffer.from('from '), 'stdin']) })).resolves.toBe(
    'from stdin',
  );
});

it.each([
  ['a missing file', '/nonexistent/a.key', /ENOENT/],
  ['a folder', '/', /EISDIR/],
  ['a file without end', '/dev/zero', /longer than/],
  ['an empty file', '/dev/null', /is empty/],
  ['an unset variable', 'env://NOT_SET', /is not set/],
  ['an empty variable', 'env://EMPTY', /is not set/],
  ['an inherited member of the environment object', 'env://toString', /is not set/],
  ['a place that is not known', 'awskms://alias/x', /not read from/],
  ['endless standard input', '-', /longer than/],
])('refuses %s', async (_what, reference, message) => {
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(10_000, 'x');
    })(),
  );
  const read = readKeyReference(reference, { env: { EMPTY: '' }, stdin: endless });
  await expect(read).rejects.toMatchObject({
    code: 'ERR_TRUST_KEY_UNREADABLE',
    message: expect.stringMatching(message),
  });
});

it('refuses a key itself without showing it', async () => {
  const secret = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----';
  const error: unknown = await readKeyReference(secret).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'ERR_TRUST_KEY_UNREADABLE' });
  expect(JSON.stringify(error) + String(error)).not.toMatch(/c2VjcmV0/);
});
