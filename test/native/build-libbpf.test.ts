import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { buildInto, buildLibbpf, findCompiler } from '../../tools/native/build-libbpf.ts';
import { fetchSources, unpackOnce } from '../../tools/native/pinned-sources.ts';

const ARCHITECTURE = arch() === 'arm64' ? 'arm64' : 'x64';

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-native-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Names of the symbols that a library defines, or needs, each with its version. */
function symbols(path: string, kind: 'defined' | 'needed'): string[] {
  return execFileSync('readelf', ['-W', '--dyn-syms', path], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length >= 8 && /^\d+:$/.test(fields[0] ?? '') && fields[4] !== 'LOCAL')
    .filter((fields) => (fields[6] === 'UND') === (kind === 'needed'))
    .map((fields) => fields[7] ?? '');
}

it('the library is the same wherever it is built', async () => {
  const folder = await buildLibbpf(ARCHITECTURE);
  const again = join(temporary(), 'somewhere', 'else');
  await buildInto(again, {
    architecture: ARCHITECTURE,
    compiler: findCompiler(ARCHITECTURE, () => {}),
    sources: fetchSources(),
    say: () => {},
  });
  for (const file of ['lib/libbpf.so', 'bin/bpfship-hold', 'SOURCES.json'])
    expect(readFileSync(join(again, file)).equals(readFileSync(join(folder, file))), file).toBe(true);
}, 600_000);

it('needs only the C library, none newer than Node does, and shows only its own functions', async () => {
  const library = join(await buildLibbpf(ARCHITECTURE), 'lib', 'libbpf.so');
  const dynamic = execFileSync('readelf', ['-d', library], { encoding: 'utf8' });
  expect([...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1])).toEqual(['libc.so.6']);
  const versions = symbols(library, 'needed').map((name) => /@GLIBC_2\.(\d+)/.exec(name)?.[1] ?? '0');
  expect(Math.max(...versions.map(Number))).toBeLessThanOrEqual(28);
  const shown = symbols(library, 'defined').map((name) => name.replace(/@.*/, ''));
  expect(shown).toContain('bpfship_events_next');
  const own = /^(?:bpf|btf|libbpf|ring|perf|user_ring|BPFSHIP_|LIBBPF_|bpfship_)/;
  expect(shown.filter((name) => !own.test(name))).toEqual([]);
});

it('has its licences and its sources beside it', async () => {
  const folder = await buildLibbpf(ARCHITECTURE);
  const notes = JSON.parse(readFileSync(join(folder, 'SOURCES.json'), 'utf8')) as { sources: { sha256: string }[] };
  expect(notes.sources.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256))).toBe(true);
  for (const name of ['libbpf.BSD-2-Clause', 'libbpf.LGPL-2.1', 'libelf.LGPL-3.0', 'libelf.GPL-2.0', 'zlib.Zlib'])
    expect(existsSync(join(folder, 'licenses', `${name}.txt`)), name).toBe(true);
});

it('an archive that is not the pinned one is not unpacked', () => {
  const folder = temporary();
  const file = join(folder, 'x.tar');
  writeFileSync(join(folder, 'inside'), 'text');
  execFileSync('tar', ['-cf', file, '-C', folder, 'inside']);
  const name = `test-${process.pid}`;
  expect(() => unpackOnce(name, { file: 'x.tar', sha256: '0'.repeat(64) }, () => file)).toThrow(/is not unpacked/);
  expect(existsSync(join(import.meta.dirname, '..', '..', '.cache', 'native', 'sources', name))).toBe(false);
});
