import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { version } from '../src/version.ts';
import { BIN } from './support/cli.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const BUNDLE = join(import.meta.dirname, '..', 'bundle');

/** Files that a command line loads. */
function loadedBy(...args: string[]): string[] {
  const script = `
    import { registerHooks } from 'node:module';
    const urls = [];
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
    process.on('exit', () => process.stderr.write(JSON.stringify(urls.filter((url) => url.startsWith('file:')))));
    process.argv.splice(1, 0, 'bpfship');
    await import(${JSON.stringify(pathToFileURL(BIN).href)});`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, '--', ...args], {
    encoding: 'utf8',
  });
  return (JSON.parse(stderr) as string[]).map((url) => new URL(url).pathname);
}

beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, 'tools', 'bundle.ts')], { cwd: ROOT });
});

describe('the program', () => {
  it('starts from a few files, and without a client for the network', () => {
    const files = loadedBy('--version');
    expect(files.filter((file) => file !== BIN && !file.startsWith(BUNDLE))).toEqual([]);
    expect(files.length).toBeLessThan(16);
    expect(files.filter((file) => /undici|koffi/.test(file))).toEqual([]);
  });

  it('says its version from there', () => {
    expect(execFileSync(process.execPath, [BIN, '--version'], { encoding: 'utf8' }).trim()).toBe(`bpfship ${version}`);
  });

  it('brings the licences of what is in it', () => {
    const text = readFileSync(join(BUNDLE, 'LICENSES.txt'), 'utf8');
    for (const name of ['zod', 'commander', 'undici', '@sigstore/verify']) expect(text).toContain(`${name}: `);
  });
});
