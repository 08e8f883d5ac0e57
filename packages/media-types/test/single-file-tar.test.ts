import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readSingleFile, tarSingleFile } from '../src/index.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const content = Buffer.from('{"a":1}');

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'single-file-tar-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

it.each([0, 1, 511, 512, 513, 5000])('gives back a file of %i bytes, as tar(1) does', (size) => {
  const bytes = Buffer.alloc(size, 'x');
  const archive = tarSingleFile('file.json', bytes);
  expect(text(readSingleFile(archive, 'file.json'))).toBe(text(bytes));
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'a.tar'), archive);
  expect(execFileSync('tar', ['-xOf', join(folder, 'a.tar'), 'file.json']).equals(bytes)).toBe(true);
});

it('reads what tar(1) writes, with its padding', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file.json'), content);
  const archive = execFileSync('tar', ['--format=ustar', '-C', folder, '-cf', '-', 'file.json']);
  expect(text(readSingleFile(archive, 'file.json'))).toBe(text(content));
});

it('writes nothing under a name that is a path', () => {
  for (const name of ['../x', 'a/b', '', '.x', 'x'.repeat(101)]) expect(() => tarSingleFile(name, content)).toThrow();
});

const changed = (change: (archive: Buffer) => void): Buffer => {
  const archive = Buffer.from(tarSingleFile('file.json', content));
  change(archive);
  archive.write('        ', 148);
  const sum = archive.subarray(0, 512).reduce((all, byte) => all + byte, 0);
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return archive;
};

it.each<[string, Uint8Array]>([
  ['nothing', Buffer.alloc(0)],
  ['zeros', Buffer.alloc(10_240)],
  ['another file', tarSingleFile('other.json', content)],
  [
    'a second entry',
    Buffer.concat([tarSingleFile('file.json', content).subarray(0, 1024), tarSingleFile('b', content)]),
  ],
  ['a cut archive', tarSingleFile('file.json', Buffer.alloc(4000)).subarray(0, 2048)],
  ['too much padding', Buffer.concat([tarSingleFile('file.json', content), Buffer.alloc(32 * 1024)])],
  ['a symbolic link', changed((archive) => archive.write('2', 156))],
  ['an extended header', changed((archive) => archive.write('x', 156))],
  ['a path before the name', changed((archive) => archive.write('/etc', 345))],
  ['a size beyond the end', changed((archive) => archive.write('77777777777', 124))],
  ['a size that is no number', changed((archive) => archive.write('-0000000007', 124))],
  ['a wrong checksum', Buffer.from(tarSingleFile('file.json', content)).fill('9', 100, 101)],
])('refuses %s', (_what, archive) => {
  expect(() => readSingleFile(archive, 'file.json')).toThrow(/^it(?:s|)\b/);
});
