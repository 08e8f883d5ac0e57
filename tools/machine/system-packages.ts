import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { findGo } from './go-program.ts';

/** Something that the demonstration or the tests need of the machine. */
export interface SystemPackage {
  /** What it is for people. */
  name: string;
  /** Whether it is there. */
  isPresent: () => boolean;
  /** Its packages on Debian and Ubuntu: the first is installed, and the others in turn for as long as it is not present. */
  debian: string[];
}

/** Whether a program is on PATH or where administrators’ programs are. */
export function hasCommand(...names: string[]): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  return names.some((name) => folders.some((folder) => folder !== '' && existsSync(`${folder}/${name}`)));
}

function hasLibrary(pattern: RegExp): boolean {
  return [
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu',
    '/usr/lib64',
    '/usr/lib',
    '/lib/x86_64-linux-gnu',
  ].some((folder) => existsSync(folder) && readdirSync(folder).some((file) => pattern.test(file)));
}

/** Ubuntu's bpftool is a script that looks for the program of the running kernel's version. */
function runs(program: string, argument: string): boolean {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  return spawnSync(program, [argument], { stdio: 'ignore', env: { ...process.env, PATH: path } }).status === 0;
}

/** Debian has bpftool under its own name, Ubuntu in packages of its kernels. */
const BPFTOOL = ['bpftool', 'linux-tools-common', `linux-tools-${release()}`, 'linux-tools-generic'];

/** Everything that may be asked for. */
export const SYSTEM_PACKAGES = {
  clang: { name: 'clang', isPresent: () => hasCommand('clang'), debian: ['clang'] },
  llvm: {
    name: 'llvm-strip',
    isPresent: () => hasCommand('llvm-strip') || hasCommand('llvm-strip-14', 'llvm-strip-18', 'llvm-strip-19'),
    debian: ['llvm'],
  },
  libbpf: { name: 'libbpf', isPresent: () => hasLibrary(/^libbpf\.so\.1/), debian: ['libbpf1'] },
  libbpfHeaders: {
    name: 'libbpf’s headers',
    isPresent: () => existsSync('/usr/include/bpf/bpf_helpers.h'),
    debian: ['libbpf-dev'],
  },
  bpftool: { name: 'bpftool', isPresent: () => runs('bpftool', 'version'), debian: BPFTOOL },
  iproute2: { name: 'ip', isPresent: () => hasCommand('ip'), debian: ['iproute2'] },
  qemuArm: {
    name: 'qemu for arm64',
    isPresent: () => hasCommand('qemu-system-aarch64'),
    debian: ['qemu-system-arm'],
  },
  qemu: { name: 'qemu', isPresent: () => hasCommand('qemu-system-x86_64'), debian: ['qemu-system-x86'] },
  busybox: { name: 'busybox', isPresent: () => hasCommand('busybox'), debian: ['busybox-static'] },
  cpio: { name: 'cpio', isPresent: () => hasCommand('cpio'), debian: ['cpio'] },
  zstd: { name: 'zstd', isPresent: () => hasCommand('zstd'), debian: ['zstd'] },
  kmod: { name: 'modprobe', isPresent: () => hasCommand('modprobe'), debian: ['kmod'] },
  xz: { name: 'xz', isPresent: () => hasCommand('xz'), debian: ['xz-utils'] },
  dockerRegistry: {
    name: 'docker-registry',
    isPresent: () => hasCommand('docker-registry'),
    debian: ['docker-registry'],
  },
  go: { name: 'go', isPresent: () => findGo() !== undefined, debian: ['golang-go'] },
  prometheusClient: {
    name: 'prometheus_client for Python',
    isPresent: () => existsSync('/usr/lib/python3/dist-packages/prometheus_client/openmetrics'),
    debian: ['python3-prometheus-client'],
  },
  skopeo: { name: 'skopeo', isPresent: () => hasCommand('skopeo'), debian: ['skopeo'] },
  gcc: {
    name: 'gcc',
    isPresent: () => hasCommand('gcc') && existsSync('/usr/include/stdio.h'),
    debian: ['gcc', 'libc6-dev'],
  },
  gccArm64: {
    name: 'gcc for arm64',
    isPresent: () => hasCommand('aarch64-linux-gnu-gcc') && existsSync('/usr/aarch64-linux-gnu/include/stdio.h'),
    debian: ['gcc-aarch64-linux-gnu', 'libc6-dev-arm64-cross'],
  },
  elf: { name: 'libelf’s headers', isPresent: () => existsSync('/usr/include/libelf.h'), debian: ['libelf-dev'] },
  util: { name: 'setpriv', isPresent: () => hasCommand('setpriv'), debian: ['util-linux'] },
} as const satisfies Record<string, SystemPackage>;

/** Name of one of {@link SYSTEM_PACKAGES}. */
export type SystemPackageName = keyof typeof SYSTEM_PACKAGES;

/** The one command that installs packages on this machine. */
function installCommand(packages: readonly string[]): string {
  const ids = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (/^ID(?:_LIKE)?=.*(?:debian|ubuntu)/m.test(ids))
    return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  return `(with your package manager) install: ${packages.join(' ')}`;
}

/**
 * Installs what is missing by apt-get; as root only. Nothing is asked.
 *
 * @param say - is told what is installed.
 * @throws {Error} that names everything still missing, and holds the one command that installs it.
 */
export function ensureSystemPackages(names: readonly SystemPackageName[], say: (line: string) => void): void {
  const missing = stillMissing(names.map((name): SystemPackage => SYSTEM_PACKAGES[name]));
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !hasCommand('apt-get')) {
    throw new Error(
      `${problem(missing)}, and only root can install with apt-get here. Run as root:\n  ${installCommand(firstPackages(missing))}`,
    );
  }
  say(`Installing ${list(missing)} (apt-get install ${firstPackages(missing).join(' ')}) …`);
  const log: string[] = [];
  if (!hasFreshLists()) apt(['update'], log);
  // All at once is fastest; where one name does not exist, apt-get refuses all of them, and each is tried alone with fresh lists.
  if (!apt(['install', ...firstPackages(missing)], log)) apt(['update'], log);
  for (const entry of stillMissing(missing)) installOne(entry, log);
  const failed = stillMissing(missing);
  if (failed.length > 0)
    throw new Error(
      `${problem(failed)} after apt-get:\n${log.join('')}Install by hand:\n  ${installCommand(firstPackages(failed))}`,
    );
}

function installOne({ debian, isPresent }: SystemPackage, log: string[]): void {
  for (const candidate of debian) {
    apt(['install', candidate], log);
    if (isPresent()) return;
  }
}

function stillMissing(entries: readonly SystemPackage[]): SystemPackage[] {
  return entries.filter((entry) => !entry.isPresent());
}

function firstPackages(entries: readonly SystemPackage[]): string[] {
  return [...new Set(entries.map(({ debian }) => debian[0] ?? ''))];
}

function list(entries: readonly SystemPackage[]): string {
  return entries.map(({ name }) => name).join(', ');
}

function problem(entries: readonly SystemPackage[]): string {
  return `${list(entries)} ${entries.length === 1 ? 'is' : 'are'} missing`;
}

/** Whether apt's lists are there and younger than a day; container images ship without any. */
function hasFreshLists(): boolean {
  const folder = '/var/lib/apt/lists';
  if (!existsSync(folder)) return false;
  const lists = readdirSync(folder).filter((file) => /_Packages(?:\.\w+)?$/.test(file));
  return lists.length > 0 && Date.now() - statSync(folder).mtimeMs < 24 * 3600 * 1000;
}

/** @returns whether it succeeded; what apt-get said where it did not is added to the log. */
function apt([verb = '', ...packages]: string[], log: string[]): boolean {
  const options = verb === 'install' ? ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'] : [];
  const { status, stdout, stderr } = spawnSync('apt-get', ['-qq', verb, ...options, ...packages], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) log.push(`$ apt-get ${verb} ${packages.join(' ')}\n${stderr || stdout}`);
  if (status === 0 && packages.includes('docker-registry')) stopDockerRegistry();
  return status === 0;
}

/** Its package starts a service on port 5000; the tests only want the program. */
function stopDockerRegistry(): void {
  if (existsSync('/run/systemd/system'))
    spawnSync('systemctl', ['disable', '--now', 'docker-registry.service'], { stdio: 'ignore' });
}
