import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CACHE } from '../../tools/machine/debian-archive.ts';
import type { GuestArchitecture, GuestKernel } from '../../tools/machine/kernels.ts';
import { hasCommand } from '../../tools/machine/system-packages.ts';
import { copyTree, linkTo, packTree } from './cpio.ts';
import { foreignPrograms } from './foreign-programs.ts';
import { copyModules } from './guest-modules.ts';
import { type GuestProgram, ownPrograms } from './own-programs.ts';
import { initScript } from './init-script.ts';
import { collectRuntimeFiles, workspaceLinks } from './runtime-files.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** Modules that the tests use, where the kernel has them as modules. */
const MODULES = ['veth'];
/** What a network card of qemu needs. */
const NETWORK_MODULES = ['virtio_pci', 'virtio_net'];

/** What a guest holds. */
export interface GuestContent {
  kernel: GuestKernel;
  /** Path in the guest → path on this machine, file or folder. */
  files: Record<string, string>;
  /** Shell commands; the guest ends with their status. */
  command: string;
  /** Whether the guest has a network card. */
  network: boolean;
  /** Further kernel modules. */
  modules: readonly string[];
}

/**
 * Writes an initramfs of two archives, which the kernel unpacks one over the other: what every guest has (Node, busybox, libbpf, `ip`,
 * bpftool), which is kept between runs, and then this repository's packages, the kernel's modules and what is given.
 */
export async function writeInitramfs(path: string, content: GuestContent): Promise<void> {
  const base = writeBase(content.kernel.architecture);
  const root = `${path}.root`;
  const archive = `${path}.top`;
  try {
    writeTop(root, content);
    packTree(root, archive);
    await pipeline(createReadStream(base), createWriteStream(path));
    await pipeline(createReadStream(archive), createWriteStream(path, { flags: 'a' }));
  } finally {
    rmSync(root, { recursive: true, force: true });
    rmSync(archive, { force: true });
  }
}

function writeTop(root: string, { kernel, files, command, network, modules: further }: GuestContent): void {
  for (const file of collectRuntimeFiles()) copyTree(join(ROOT, file), join(root, 'bpfship', file), isNeededAtRunTime);
  for (const { name, folder } of workspaceLinks()) {
    linkTo(`/bpfship/${folder}`, join(root, 'bpfship', 'node_modules', name));
  }
  for (const [to, from] of Object.entries(files)) copyTree(from, join(root, to));
  const wanted = [...MODULES, ...(network ? NETWORK_MODULES : []), ...further];
  const modules = copyModules(join(root, 'modules'), kernel, wanted);
  writeFileSync(join(root, 'command.sh'), `${command}\n`);
  writeFileSync(join(root, 'init'), initScript({ modules, network, architecture: kernel.architecture }), {
    mode: 0o755,
  });
}

/** Sources, maps, types and other platforms' binaries: two thirds of the bytes. */
function isNeededAtRunTime(path: string): boolean {
  return !/\.(?:map|[cm]?ts|cc|hh|h|S|md|bare)$|\/(?:musl_x64|LICENSE)$/.test(path);
}

/** The archive that every guest has; written again when a program or library of this machine has changed. @returns its path. */
function writeBase(architecture: GuestArchitecture): string {
  const programs = architecture === 'arm64' ? foreignPrograms() : ownPrograms();
  const key = createHash('sha256')
    .update(readFileSync(import.meta.filename))
    .update(JSON.stringify(programs.map(describeSource)))
    .digest('hex')
    .slice(0, 16);
  const folder = join(CACHE, 'guest');
  const path = join(folder, `base-${architecture}-${key}.cpio`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, 'part-'));
  try {
    const root = join(work, 'root');
    for (const name of ['proc', 'sys', 'dev', 'tmp', 'run', 'var/lib', 'etc', 'root'])
      mkdirSync(join(root, name), { recursive: true });
    for (const { from, to } of programs) copyTree(from, join(root, to));
    strip(join(root, 'bin', 'node'));
    packTree(root, join(work, 'base.cpio'));
    for (const old of readdirSync(folder).filter((name) => name.startsWith(`base-${architecture}-`)))
      rmSync(join(folder, old), { force: true });
    renameSync(join(work, 'base.cpio'), path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return path;
}

function describeSource({ from, to }: GuestProgram): unknown[] {
  const { size, mtimeMs } = statSync(from);
  return [from, to, size, mtimeMs];
}

/** A third of Node's binary is symbols, which the guest would unpack at every boot. */
function strip(path: string): void {
  const program = ['llvm-strip', 'strip'].find((name) => hasCommand(name));
  // Those of binutils know only this machine's own programs: what they cannot read they leave as it is.
  if (program !== undefined) spawnSync(program, [path]);
}
