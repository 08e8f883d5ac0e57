import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { hasCommand } from '../../tools/machine/system-packages.ts';

/** A file or folder that every guest has. */
export interface GuestProgram {
  /** Real path on this machine. */
  from: string;
  /** Path in the guest. */
  to: string;
}

/** This machine's programs with the libraries that they are linked with. The Node is the one that runs the tests. */
export function ownPrograms(): GuestProgram[] {
  const programs: GuestProgram[] = [
    { from: commandPath('busybox'), to: '/bin/busybox' },
    { from: process.execPath, to: '/bin/node' },
    { from: commandPath('ip'), to: '/bin/iproute2' },
    { from: libraryPath('libbpf.so.1'), to: '/usr/lib/x86_64-linux-gnu/libbpf.so.1' },
  ];
  if (hasCommand('bpftool')) programs.push({ from: commandPath('bpftool'), to: '/bin/bpftool' });
  const libraries = programs.flatMap(({ from }) => linkedLibraries(realpathSync(from)));
  const sources = [...programs, ...libraries.map((path) => ({ from: path, to: path }))];
  return [...new Map(sources.map(({ from, to }) => [to, { from: realpathSync(from), to }])).values()];
}

function libraryPath(name: string): string {
  const folders = ['/usr/lib/x86_64-linux-gnu', '/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib'];
  const folder = folders.find((path) => existsSync(join(path, name)));
  if (folder === undefined) throw new Error(`${name} is not installed`);
  return join(folder, name);
}

function linkedLibraries(path: string): string[] {
  const { stdout } = spawnSync('ldd', [path], { encoding: 'utf8' });
  return [...stdout.matchAll(/(\/\S+)(?= \(0x)/g)].map((match) => match[1] ?? '');
}

function commandPath(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin', '/bin', '/usr/bin'];
  const found = folders.map((folder) => join(folder, basename(name))).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is not installed`);
  return found;
}
