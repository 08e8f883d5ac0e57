import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fetchKernel } from '../../tools/machine/kernels.ts';
import { runInGuest } from '../guest/run-in-guest.ts';

/** What to measure in a guest. */
export interface CorpusGuest {
  /** Kernel series. */
  kernel: string;
  /** The compiled driver. */
  driver: string;
  /** BPF object files; their file names must differ. None: the facts alone. */
  objects: readonly string[];
  /** JSON of the requirements that the facts must answer. Default: all facts. */
  neededPath?: string;
  /** Folder for truth.jsonl, facts.json and vmlinux.btf. */
  output: string;
}

/** Modules that real nodes have loaded, for hooks and types that live in them. */
const MODULES = ['nf_conntrack', 'overlay', 'xfs', 'btrfs', 'nfsd', 'kvm'];
/** Enough for facts, BTF and truth of thousands of programs. */
const DISK_SIZE = 96 * 1024 * 1024;
/** Emulated, a load takes a quarter of a second. */
const TIMEOUT_MS = 3_600_000;

/** Loads every program of the objects alone on a real kernel, and reads the kernel's facts in the same guest. */
export async function runCorpusGuest(guest: CorpusGuest): Promise<void> {
  const { kernel, driver, objects, output, neededPath } = guest;
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-disk-'));
  try {
    const disk = join(folder, 'disk');
    writeFileSync(disk, '');
    truncateSync(disk, DISK_SIZE);
    const result = await runInGuest({
      kernel,
      files: {
        '/corpus/load-alone': driver,
        ...(neededPath === undefined ? {} : { '/corpus/needed.json': neededPath }),
        '/bpfship/guest-facts.ts': join(import.meta.dirname, 'guest-facts.ts'),
        ...Object.fromEntries(objects.map((path) => [`/corpus/objects/${basename(path)}`, path])),
        ...configFile(kernel),
      },
      command: [
        'mkdir -p /run/out',
        `node --disable-warning=ExperimentalWarning /bpfship/guest-facts.ts /run/out${neededPath === undefined ? '' : ' /corpus/needed.json'}`,
        ...(objects.length > 0 ? ['/corpus/load-alone /corpus/objects/* > /run/out/truth.jsonl'] : []),
        'cat /proc/modules > /run/out/modules',
        'tar -c -f /dev/vda -C /run/out . && sync',
      ].join('\n'),
      disk,
      // Loading them takes seconds that a small question need not spend.
      modules: neededPath === undefined ? MODULES : [],
      memoryMb: 3072,
      timeoutMs: TIMEOUT_MS,
    });
    writeFileSync(join(output, 'console.log'), result.output);
    const unpacked = spawnSync('tar', ['-x', '-f', disk, '-C', output], { encoding: 'utf8' });
    if (result.status !== 0 || unpacked.status !== 0 || !existsSync(join(output, 'facts.json')))
      throw new Error(`kernel ${kernel}: status ${result.status} ${result.failure ?? ''}; see ${output}/console.log`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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
