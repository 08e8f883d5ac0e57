import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createRegistry } from '@bpfship/registry-dev';
import { beforeAll, describe, expect, it } from 'vitest';
import { version } from '../src/version.ts';
import { BIN, cleanEnvironment } from './support/cli.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const BUNDLE = join(import.meta.dirname, '..', 'bundle');

/** Files, and modules of Node by way of import, that a command line loads. */
async function loadedBy(...args: string[]): Promise<string[]> {
  const script = `
    import { registerHooks } from 'node:module';
    const urls = [];
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
    process.on('exit', () => process.stderr.write('\\n' + JSON.stringify(urls)));
    process.argv.splice(1, 0, 'bpfship');
    await import(${JSON.stringify(pathToFileURL(BIN).href)});`;
  const command = ['--input-type=module', '-e', script, '--', ...args];
  const { stderr } = await promisify(execFile)(process.execPath, command, { env: cleanEnvironment() });
  return (JSON.parse(stderr.split('\n').at(-1) ?? '') as string[]).map((url) =>
    url.startsWith('file:') ? new URL(url).pathname : url,
  );
}

/** Files among them. */
const filesOf = (loaded: readonly string[]): string[] => loaded.filter((name) => name.startsWith('/'));

beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, 'tools', 'bundle.ts')], { cwd: ROOT });
});

describe('the program', () => {
  it('starts from a few files, and without a client for the network', async () => {
    const files = filesOf(await loadedBy('--version'));
    expect(files.filter((file) => file !== BIN && !file.startsWith(BUNDLE))).toEqual([]);
    expect(files.length).toBeLessThan(16);
    expect(files.filter((file) => /undici|koffi/.test(file))).toEqual([]);
  });

  it('pushes and pulls files without the schemas, the kernel, signatures and undici', async () => {
    using folder = temporaryFolder();
    const registry = await createRegistry({ root: folder.file('registry') });
    try {
      const reference = `${registry.host}/start/up:1`;
      const pushed = ['push', reference, '--annotation', 'a=b'];
      for (const line of [
        pushed,
        ['tag', reference, '2'],
        ['resolve', reference],
        ['pull', reference, '-o', folder.path],
      ]) {
        const loaded = await loadedBy(...line);
        const files = filesOf(loaded).filter((file) => file !== BIN);
        expect([line[0], files.length < 9 ? 'few' : files]).toEqual([line[0], 'few']);
        const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
        for (const foreign of [
          'ZodError',
          'llhttp',
          'YAMLParseError',
          'koffi',
          'DSSE',
          'Invalid tar header',
          'bpf_object__open',
        ])
          expect([line[0], foreign, text.includes(foreign)]).toEqual([line[0], foreign, false]);
        // An import of node:http asks for exports that load half of Node.
        expect(loaded.filter((name) => name.startsWith('node:') && name !== 'node:module')).toEqual([]);
      }
    } finally {
      await registry.close();
    }
  });

  it('says its version from there', () => {
    expect(execFileSync(process.execPath, [BIN, '--version'], { encoding: 'utf8' }).trim()).toBe(`bpfship ${version}`);
  });

  it('brings the licences of what is in it', () => {
    const text = readFileSync(join(BUNDLE, 'LICENSES.txt'), 'utf8');
    for (const name of ['zod', 'commander', 'undici', '@sigstore/verify']) expect(text).toContain(`${name}: `);
  });
});
