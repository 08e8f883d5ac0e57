import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './support/cli.ts';
import { type PackedService, packService, PASSWORD, succeed } from './support/packed-service.ts';

let service: PackedService;
beforeAll(async () => {
  service = await packService();
});
afterAll(() => service[Symbol.asyncDispose]());

const DIGEST = /^sha256:[a-f0-9]{64}$/;

/** Fields of each command's JSON. They are what scripts hold on to: add some, never take any away. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  build: ['compiler', 'name', 'objects', 'runs', 'version'],
  check: ['candidates', 'kernel', 'name', 'reference', 'selected', 'signer', 'verdicts', 'version'],
  copy: ['digest', 'mediaType', 'reference', 'size', 'source'],
  'generate-key-pair': ['privateKey', 'publicKey'],
  info: ['architecture', 'btf', 'kernel', 'libbpf', 'node', 'privileges'],
  init: ['files', 'folder'],
  inspect: ['artifactType', 'digest', 'index', 'manifest', 'mediaType', 'reference', 'size', 'totalSize'],
  pack: ['digest', 'mediaType', 'reference', 'size'],
  pull: ['digest', 'files', 'reference'],
  push: ['artifactType', 'digest', 'mediaType', 'reference', 'referenceAsTags', 'size', 'tag'],
  sign: ['digest', 'existing', 'reference', 'signature'],
  verify: ['bundleDigest', 'candidates', 'checks', 'policyFingerprint', 'reference', 'signer', 'subject'],
  version: ['node', 'platform', 'standard', 'version'],
};

/** Each command with arguments that succeed. */
function commandLines(): Record<string, string[]> {
  const { folder, layout, reference, publicKey, privateKey } = service;
  return {
    build: ['build', folder.file('probe')],
    check: ['check', reference, '--key', publicKey],
    copy: ['copy', reference, `${folder.file('copy')}:0.1.0`, '--to-oci-layout'],
    info: ['info'],
    inspect: ['inspect', reference],
    pack: ['pack', folder.file('probe'), '--output', folder.file('layout')],
    pull: ['pull', reference, '--output', folder.file('pulled')],
    push: ['push', layout, reference],
    sign: ['sign', '--key', privateKey, reference],
    verify: ['verify', '--key', publicKey, reference],
    version: ['version'],
  };
}

describe('the road of a package', () => {
  it('pack, push, sign and verify name the same digest', async () => {
    const digests = [];
    for (const [name, line] of Object.entries(commandLines())) {
      if (!['pack', 'push', 'sign', 'verify', 'inspect', 'pull', 'copy', 'check'].includes(name)) continue;
      const data = JSON.parse(await succeed([...line, '-j'], service.env)) as { digest?: string; reference: string };
      digests.push(data.digest ?? data.reference.split('@')[1]);
    }
    expect(new Set(digests).size).toBe(1);
    expect(digests[0]).toMatch(DIGEST);
  });

  it('JSON has exactly the published fields', async () => {
    const lines = {
      ...commandLines(),
      init: ['init', service.folder.file('second')],
      'generate-key-pair': ['generate-key-pair', '--output-key-prefix', service.folder.file('second-key')],
    };
    expect(Object.keys(lines).sort()).toEqual(Object.keys(FIELDS).sort());
    for (const [name, line] of Object.entries(lines)) {
      const data = JSON.parse(await succeed([...line, '--format', 'json'], service.env)) as Record<string, unknown>;
      expect([name, Object.keys(data).sort()]).toEqual([name, FIELDS[name]]);
    }
  });

  it('text is the same on a terminal and in a pipe, and holds no control character', async () => {
    for (const [name, line] of Object.entries(commandLines())) {
      const piped = await runCli(line, { env: service.env });
      const shown = await runCli(line, { env: { ...service.env, TERM: 'xterm' }, tty: true });
      expect([name, piped.status, shown.stdout]).toEqual([name, 0, piped.stdout]);
      expect(piped.stdout + piped.stderr).toMatch(/^[^\p{Cc}]*(?:\n[^\p{Cc}]*)*$/u);
    }
  });

  it('-q prints just what the next command needs, one line and nothing on stderr', async () => {
    for (const [name, line] of Object.entries(commandLines())) {
      const { status, stdout, stderr } = await runCli([...line, '-q'], { env: service.env });
      expect([name, status, stderr]).toEqual([name, 0, '']);
      expect([name, stdout.trim().split('\n').length]).toEqual([
        name,
        name === 'build' ? stdout.trim().split('\n').length : 1,
      ]);
    }
    const pushed = (await succeed(['push', '-q', service.layout, service.reference])).trim();
    expect(pushed).toMatch(new RegExp(`^${service.registry.host}/acme/probe@sha256:[a-f0-9]{64}$`));
    await succeed(['verify', '--key', service.publicKey, pushed]);
  });

  it('a pull gives the layers and nothing else; a variant that is not there is named', async () => {
    const into = service.folder.file('pull-again');
    const { files } = JSON.parse(await succeed(['pull', service.reference, '-o', into, '-j'])) as {
      files: { path: string; size: number }[];
    };
    expect(readdirSync(into)).toHaveLength(files.length);
    for (const { path, size } of files) expect(statSync(path).size).toBe(size);
    const missing = await runCli(['pull', service.reference, '-o', into, '--variant', 'none']);
    expect(missing).toMatchObject({ status: 1, stdout: '' });
    expect(missing.stderr).toMatch(/has no variant "none"\nIt has: /);
  });

  it('a copy through a folder into another registry keeps the signature', async () => {
    const carried = `${service.folder.file('carried')}:0.1.0`;
    await succeed(['copy', service.reference, carried, '--to-oci-layout']);
    const inside = `${service.registry.host}/closed/probe:0.1.0`;
    const { stderr } = await runCli(['copy', carried, inside, '--from-oci-layout']);
    expect(stderr).toMatch(/^(?:(?:Copied|Exists|Mounted) +[a-f0-9]{12}.* \([\d.]+ (?:B|KiB)\)\n)+$/);
    await succeed(['verify', '--key', service.publicKey, inside]);
    await succeed(['copy', inside, `${service.registry.host}/bare/probe:0.1.0`, '--no-recursive']);
    expect(
      await runCli(['verify', '--key', service.publicKey, `${service.registry.host}/bare/probe:0.1.0`]),
    ).toMatchObject({ status: 10 });
  });

  it('keys: private one for the owner only, never overwritten, both or none', async () => {
    expect(statSync(service.privateKey).mode & 0o777).toBe(0o600);
    const before = readFileSync(service.privateKey, 'utf8');
    const prefix = service.folder.file('acme');
    const again = await runCli(['generate-key-pair', '--output-key-prefix', prefix], { env: service.env });
    expect(again).toMatchObject({ status: 1, stdout: '' });
    expect(again.stderr).toMatch(/acme\.key cannot be written: something with this name is there already/);
    expect(readFileSync(service.privateKey, 'utf8')).toBe(before);
    writeFileSync(service.folder.file('half.pub'), 'mine');
    expect(
      await runCli(['generate-key-pair', '--output-key-prefix', service.folder.file('half')], { env: service.env }),
    ).toMatchObject({ status: 1 });
    expect(existsSync(service.folder.file('half.key'))).toBe(false);
    expect(readFileSync(service.folder.file('half.pub'), 'utf8')).toBe('mine');
  });

  it('no output holds the password or the private key', async () => {
    const secret = readFileSync(service.privateKey, 'utf8').split('\n')[1] ?? 'no key';
    const wrong = ['sign', '--key', service.privateKey, service.reference];
    const lines = [...Object.values(commandLines()), wrong].flatMap((line) => [
      line,
      [...line, '-j'],
      [...line, '--debug'],
    ]);
    for (const line of lines) {
      const env =
        line.slice(0, 3).join() === wrong.slice(0, 3).join() ? { BPFSHIP_PASSWORD: `not ${PASSWORD}` } : service.env;
      const { stdout, stderr } = await runCli(line, { env });
      for (const text of [stdout, stderr]) {
        expect(text).not.toContain(PASSWORD);
        expect(text).not.toContain(secret);
      }
    }
  });
});
