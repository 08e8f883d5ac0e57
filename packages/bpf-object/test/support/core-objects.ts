import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CACHE, fetchDebianSource } from '../../../../tools/machine/debian-archive.ts';
import { kernelBtf } from '../../../../tools/machine/kernel-btf.ts';

/** Version of what is compiled how; counts up with every change, so that the cache is made anew. */
const RECIPE = 1;
const SYSTEM_INCLUDE = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;

/** Objects of other people's making, compiled with the types of some kernel. */
export interface ObjectSet {
  name: string;
  /** Sources, and the folders that they include from. */
  sources: () => { files: string[]; include: string[] };
  /** Whose types: a Debian kernel's, or those that come with the sources. */
  types: string | undefined;
  architecture: 'x86' | 'arm64';
  /** Default: `bpf`, the byte order of this machine. */
  target?: 'bpfeb';
}

function libbpfTools(architecture: string): { files: string[]; include: string[] } {
  const root = join(CACHE, 'sources', 'forky', 'bpfcc');
  fetchDebianSource('forky', 'bpfcc', root);
  const folder = join(root, 'libbpf-tools');
  return { files: bpfFiles(folder), include: [join(folder, architecture), folder] };
}

function xdpTools(): { files: string[]; include: string[] } {
  const root = join(CACHE, 'sources', 'forky', 'xdp-tools');
  fetchDebianSource('forky', 'xdp-tools', root);
  const files = ['xdp-monitor', 'xdp-forward', 'xdp-bench', 'xdp-trafficgen', 'lib/util'].flatMap((folder) =>
    bpfFiles(join(root, folder)),
  );
  return { files, include: [join(root, 'headers'), join(root, 'lib', 'util')] };
}

function systemd(): { files: string[]; include: string[] } {
  const root = join(CACHE, 'sources', 'trixie', 'systemd');
  fetchDebianSource('trixie', 'systemd', root);
  const folders = [
    'network/bpf/sysctl_monitor',
    'core/bpf/socket_bind',
    'core/bpf/restrict_fs',
    'core/bpf/restrict_ifaces',
  ];
  return { files: folders.flatMap((folder) => bpfFiles(join(root, 'src', folder))), include: [] };
}

function bpfFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.bpf.c'))
    .sort()
    .map((name) => join(folder, name));
}

/** All sets. The same program compiled with another kernel's types is another object: its local types differ. */
export const OBJECT_SETS: readonly ObjectSet[] = [
  { name: 'libbpf-tools', sources: () => libbpfTools('x86'), types: undefined, architecture: 'x86' },
  { name: 'libbpf-tools-arm64', sources: () => libbpfTools('arm64'), types: undefined, architecture: 'arm64' },
  { name: 'libbpf-tools-5.10', sources: () => libbpfTools('x86'), types: '5.10', architecture: 'x86' },
  { name: 'libbpf-tools-7.2', sources: () => libbpfTools('x86'), types: '7.2', architecture: 'x86' },
  { name: 'xdp-tools', sources: xdpTools, types: undefined, architecture: 'x86' },
  { name: 'systemd', sources: systemd, types: '6.12', architecture: 'x86' },
];

/** A few programs that between them have most kinds of relocations; compiled in seconds. */
export const SMALL_SET: ObjectSet = {
  name: 'libbpf-tools-few',
  sources: () => {
    const { files, include } = libbpfTools('x86');
    const few = ['biolatency', 'biosnoop', 'fsslower', 'memleak', 'offcputime', 'runqslower', 'tcpconnlat', 'tcptop'];
    return { files: files.filter((file) => few.includes(basename(file, '.bpf.c'))), include };
  },
  types: undefined,
  architecture: 'x86',
};

/** The same programs for a big-endian machine. Their types are those of amd64; only the byte order is another. */
export const BIG_ENDIAN_SET: ObjectSet = { ...SMALL_SET, name: 'libbpf-tools-be', target: 'bpfeb' };

/** Compiles a set once. What does not compile is left out. @returns paths of the objects. */
export function compileSet(set: ObjectSet): string[] {
  const { files, include } = set.sources();
  const digest = createHash('sha256')
    .update(JSON.stringify([RECIPE, set, files.map((file) => basename(file))]))
    .digest('hex');
  const folder = join(CACHE, 'core-objects', `${set.name}-${digest.slice(0, 12)}`);
  if (!existsSync(folder)) {
    mkdirSync(dirname(folder), { recursive: true });
    const work = mkdtempSync(`${folder}.part-`);
    try {
      const headers = prepareHeaders(set, work);
      for (const file of files) compile(set, file, [...headers, ...include, dirname(file), SYSTEM_INCLUDE], work);
      rmSync(join(work, 'include'), { recursive: true });
      renameSync(work, folder);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
}

/** Compiled objects that cilium/ebpf's Go module carries for its own tests: every kind of relocation. Empty where there is no Go. */
export function ciliumObjects(byteOrder: 'el' | 'eb'): string[] {
  const folder = join(CACHE, 'go');
  mkdirSync(folder, { recursive: true });
  const { status, stdout } = spawnSync('go', ['mod', 'download', '-json', 'github.com/cilium/ebpf@v0.22.0'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) return [];
  const { Dir: root } = JSON.parse(stdout) as { Dir: string };
  return ['btf/testdata', 'testdata'].flatMap((part) =>
    readdirSync(join(root, part))
      .filter((name) => name.endsWith(`-${byteOrder}.elf`))
      .map((name) => join(root, part, name)),
  );
}

/** Headers of a new libbpf, and the kernel's types where a set asks for those of one. */
function prepareHeaders(set: ObjectSet, work: string): string[] {
  const libbpf = join(CACHE, 'sources', 'forky', 'libbpf');
  fetchDebianSource('forky', 'libbpf', libbpf);
  const include = join(work, 'include');
  mkdirSync(include);
  symlinkSync(join(libbpf, 'src'), join(include, 'bpf'));
  if (set.types !== undefined) {
    const header = execFileSync('bpftool', ['btf', 'dump', 'file', kernelBtf(set.types), 'format', 'c'], {
      maxBuffer: 64 * 1024 * 1024,
    });
    writeFileSync(join(include, 'vmlinux.h'), header);
  }
  return [include];
}

function compile(set: ObjectSet, file: string, include: readonly string[], work: string): void {
  const output = join(work, `${basename(file, '.bpf.c')}.bpf.o`);
  const flags = ['-O2', '-g', '-w', '-target', set.target ?? 'bpf', `-D__TARGET_ARCH_${set.architecture}`];
  const attempt = (folders: readonly string[]): boolean =>
    spawnSync('clang', [...flags, ...folders.map((folder) => `-I${folder}`), '-c', file, '-o', output]).status === 0;
  // Some sources define helpers that the newest headers have too: those get the machine's own.
  if (!attempt(include) && !attempt(include.slice(set.types === undefined ? 1 : 0))) rmSync(output, { force: true });
}
