import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fetchKernel } from '../../tools/machine/kernels.ts';
import { runInGuest } from '../guest/run-in-guest.ts';
import { collectRequirements } from './collect-requirements.ts';

/** What one kernel did with one program, or (`program: null`) with an object as a whole. One line of the driver's output. */
export interface Truth {
  /** File name of the object. */
  object: string;
  program: string | null;
  section: string;
  loaded: boolean;
  /** How far libbpf came; `crash`: it was killed. */
  stage: 'open' | 'load' | 'done' | 'crash';
  /** Positive errno; 0 where it was loaded. */
  errno: number;
  /** Milliseconds of processor time. */
  cpuMs?: number;
  /** End of libbpf's messages, with the verifier's log. */
  log?: string;
}

/** Where to measure what. */
export interface MeasureOptions {
  /** Kernel series. */
  kernel: string;
  /** BPF object files; their file names must differ. */
  objects: readonly string[];
  /** Folder for truth.jsonl, facts.json and vmlinux.btf. */
  output: string;
  /** Default 3,600,000. */
  timeoutMs?: number;
}

/** Modules that real nodes have loaded, for hooks and types that live in them. */
const MODULES = ['nf_conntrack', 'overlay', 'xfs', 'btrfs', 'nfsd', 'kvm'];
/** Enough for facts, BTF and truth of thousands of programs. */
const DISK_SIZE = 96 * 1024 * 1024;

/** Loads every program of the objects alone on a real kernel, and reads the kernel's facts in the same guest. */
export async function measureInGuest(options: MeasureOptions): Promise<Truth[]> {
  const { kernel, objects, output } = options;
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-corpus-'));
  try {
    const driver = compileDriver(folder);
    const requirements = join(folder, 'requirements.json');
    writeFileSync(requirements, JSON.stringify(collectRequirements(objects)));
    const disk = join(folder, 'disk');
    writeFileSync(disk, '');
    truncateSync(disk, DISK_SIZE);
    const result = await runInGuest({
      kernel,
      files: {
        '/corpus/load-alone': driver,
        '/corpus/requirements.json': requirements,
        '/bpfship/guest-facts.ts': join(import.meta.dirname, 'guest-facts.ts'),
        ...Object.fromEntries(objects.map((path) => [`/corpus/objects/${basename(path)}`, path])),
        ...configFile(kernel),
      },
      command: [
        'mkdir -p /run/out',
        'node --disable-warning=ExperimentalWarning /bpfship/guest-facts.ts /corpus/requirements.json /run/out',
        '/corpus/load-alone /corpus/objects/* > /run/out/truth.jsonl',
        'cat /proc/modules > /run/out/modules',
        'tar -c -f /dev/vda -C /run/out .',
        'sync',
      ].join('\n'),
      disk,
      modules: MODULES,
      memoryMb: 3072,
      timeoutMs: options.timeoutMs ?? 3_600_000,
    });
    mkdirSync(output, { recursive: true });
    writeFileSync(join(output, 'console.log'), result.output);
    const unpacked = spawnSync('tar', ['-x', '-f', disk, '-C', output], { encoding: 'utf8' });
    if (result.status !== 0 || unpacked.status !== 0)
      throw new Error(`kernel ${kernel}: status ${result.status} ${result.failure ?? ''}; see ${output}/console.log`);
    return readTruth(join(output, 'truth.jsonl'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The driver's lines. */
export function readTruth(path: string): Truth[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Truth).filter(({ object }) => object !== undefined);
}

/** Compiles the driver with this machine's compiler and libbpf. @returns its path. */
export function compileDriver(folder: string): string {
  const path = join(folder, 'load-alone');
  const source = join(import.meta.dirname, 'driver', 'load-alone.c');
  execFileSync('gcc', ['-O2', '-Wall', '-D_GNU_SOURCE', '-o', path, source, '-lbpf']);
  return path;
}

/** The kernel's configuration, at the path where its package puts it: libbpf only knows /boot. */
function configFile(series: string): Record<string, string> {
  const { modules, release } = fetchKernel(series);
  const places = [
    [`/boot/config-${release}`, join(modules, '..', '..', '..', 'boot', `config-${release}`)],
    [`/boot/config-${release}`, join(modules, '..', '..', '..', '..', 'boot', `config-${release}`)],
    [`/usr/lib/modules/${release}/config`, join(modules, 'config')],
  ] as const;
  return Object.fromEntries(places.filter(([, from]) => existsSync(from)));
}
