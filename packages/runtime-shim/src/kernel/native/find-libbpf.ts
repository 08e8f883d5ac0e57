import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch } from 'node:os';
import { dirname, join } from 'node:path';
import { isSea } from 'node:sea';
import koffi, { type LibraryHandle } from 'koffi';
import { embeddedFile } from '../../executable/embedded-files.ts';
import { KernelError } from '../kernel-error.ts';

/**
 * Where a libbpf came from: `own` is bpfship’s own build (packages/libbpf-linux-*), `system` the machine’s, `named` the one that was asked for.
 */
export type LibbpfOrigin = 'own' | 'system' | 'named';

/** A libbpf that is open and new enough. */
export interface FoundLibbpf {
  library: LibraryHandle;
  /** As it was opened; of the single executable, which holds it, that one’s. */
  path: string;
  /** e.g. `1.7`. */
  version: string;
  origin: LibbpfOrigin;
}

type Version = readonly [major: number, minor: number];

/** Somebody who names a library means it: what cannot be done without is enough. 1.0 settled error returns and section names. */
const NAMED_FLOOR: Version = [1, 0];
/**
 * The system’s is taken unasked only where it can attach all that the standard names: TCX, netkit, netfilter and uprobe_multi links came with
 * 1.3 (src/libbpf.map), and before 1.2 a link of struct_ops could not be switched.
 */
const SYSTEM_FLOOR: Version = [1, 3];
/** Distributions take patches out as well as in, so that what the floor stands for is looked for too. */
const SYSTEM_SYMBOLS = [
  'bpf_program__attach_tcx',
  'bpf_program__attach_netkit',
  'bpf_program__attach_netfilter',
  'bpf_program__attach_uprobe_multi',
  'bpf_link__update_map',
];
const SYSTEM_PLACES = [
  'libbpf.so.1',
  '/usr/lib/x86_64-linux-gnu/libbpf.so.1',
  '/usr/lib/aarch64-linux-gnu/libbpf.so.1',
  '/usr/lib64/libbpf.so.1',
  '/usr/lib/libbpf.so.1',
];

/**
 * Opens a libbpf: the named one, or else bpfship’s own, or else the system’s.
 *
 * @throws {KernelError} `ERR_KERNEL_LIBBPF_MISSING`, `ERR_KERNEL_LIBBPF_TOO_OLD`.
 */
export function findLibbpf(named: string | undefined): FoundLibbpf {
  if (named !== undefined) return check(open([named]), 'named', NAMED_FLOOR);
  const own = ownLibbpf();
  if (own !== undefined) {
    const found = check(open([own]), 'own', NAMED_FLOOR);
    return isSea() ? { ...found, path: process.execPath } : found;
  }
  const system = open(SYSTEM_PLACES.filter((name) => !name.startsWith('/') || existsSync(name)));
  return check(system, 'system', SYSTEM_FLOOR, SYSTEM_SYMBOLS);
}

/** The file of bpfship’s own libbpf, where its package for this platform is installed and built. */
export function ownLibbpf(): string | undefined {
  return embeddedFile('libbpf.so') ?? fileOfPackage('lib', 'libbpf.so');
}

/** The program that keeps descriptors (packages/runtime-shim/native/hold.c), where it is installed. */
export function holderProgram(): string | undefined {
  return embeddedFile('bpfship-hold') ?? fileOfPackage('bin', 'bpfship-hold');
}

function fileOfPackage(...path: string[]): string | undefined {
  try {
    const { resolve } = createRequire(import.meta.url);
    const folder = dirname(resolve(`@bpfship/libbpf-${process.platform}-${arch()}/package.json`));
    const file = join(folder, ...path);
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}

function open(names: readonly string[]): { library: LibraryHandle; path: string } {
  let last: unknown;
  for (const path of names) {
    try {
      return { library: koffi.load(path), path };
    } catch (error) {
      last = error;
    }
  }
  throw missing(`libbpf cannot be opened (${last instanceof Error ? last.message : String(last)})`);
}

function check(
  { library, path }: { library: LibraryHandle; path: string },
  origin: LibbpfOrigin,
  floor: Version,
  symbols: readonly string[] = [],
): FoundLibbpf {
  const version = readVersion(library, path);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < floor[0] || (major === floor[0] && minor < floor[1])) {
    throw tooOld(`${path} is libbpf ${version}; at least ${floor.join('.')} is needed`, origin);
  }
  const lacking = symbols.filter((name) => !hasSymbol(library, name));
  if (lacking.length > 0) throw tooOld(`${path} is libbpf ${version}, but lacks ${lacking.join(', ')}`, origin);
  return { library, path, version, origin };
}

function readVersion(library: LibraryHandle, path: string): string {
  try {
    // libbpf 0.6 brought it; what lacks it is older, or no libbpf.
    const read = library.func('const char *libbpf_version_string()') as unknown as () => string;
    return read().replace(/^v/, '');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw missing(`${path} is no libbpf, or one before 0.6 (${why})`);
  }
}

function hasSymbol(library: LibraryHandle, name: string): boolean {
  try {
    library.func(`void *${name}()`);
    return true;
  } catch {
    return false;
  }
}

function tooOld(message: string, origin: LibbpfOrigin): KernelError {
  return new KernelError('ERR_KERNEL_LIBBPF_TOO_OLD', message, {
    hint:
      origin === 'system'
        ? `Install bpfship’s own libbpf (${ownPackage()}), or name this one with BPFSHIP_LIBBPF: from 1.0 on it does what it can.`
        : 'Install a newer libbpf, or name one with BPFSHIP_LIBBPF.',
  });
}

function missing(message: string): KernelError {
  return new KernelError('ERR_KERNEL_LIBBPF_MISSING', message, {
    hint: `Install bpfship’s own (${ownPackage()}) or the system’s, e.g. "apt-get install libbpf1" or "dnf install libbpf", or name the file with BPFSHIP_LIBBPF.`,
  });
}

function ownPackage(): string {
  return `npm package @bpfship/libbpf-${process.platform}-${arch()}; in a checkout: npm ci && npm run build`;
}
