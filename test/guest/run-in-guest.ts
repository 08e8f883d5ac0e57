import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchKernel, type GuestKernel } from '../../tools/machine/kernels.ts';
import { hasCommand } from '../../tools/machine/system-packages.ts';
import { BOOT_MARKER, EXIT_MARKER } from './init-script.ts';
import { type GuestContent, writeInitramfs } from './initramfs.ts';
import { qemuArguments } from './qemu-arguments.ts';

/** What a disk of qemu needs. */
const DISK_MODULES = ['virtio_pci', 'virtio_blk'];

/** What to run in a guest. */
export interface GuestRun extends Omit<GuestContent, 'kernel' | 'network' | 'modules'> {
  /** Kernel series, e.g. `5.10`. */
  kernel: string;
  /** Milliseconds after which the guest is given up. Default 500,000: emulation on a busy machine is slow. */
  timeoutMs?: number;
  /** Default 2048. */
  memoryMb?: number;
  /**
   * TCP ports of this machine's 127.0.0.1 that the guest may reach, at 10.0.2.100 under the same number; nothing else is reachable.
   * Default none, and no network card.
   */
  hostPorts?: readonly number[];
  /** File that is the guest's disk /dev/vda: what the guest writes there stays. Default none. */
  disk?: string;
  /** Further kernel modules, with those that they depend on, where the kernel has them as modules. Default none. */
  modules?: readonly string[];
  /** Sees each line of the guest's console. */
  onLine?: (line: string) => void;
}

/** What came of it. */
export interface GuestResult {
  /** Status of the command; `undefined` where the guest ended without one. */
  status: number | undefined;
  /** Why there is no status: the guest crashed, twice, or was given up. */
  failure?: 'crash' | 'timeout';
  /** Everything on the console. */
  output: string;
  /** `uname -r` of the guest's kernel. */
  release: string;
  /** Milliseconds from starting qemu to its end. */
  durationMs: number;
  /** The guest's own seconds from the kernel's start to the command's. */
  bootSeconds?: number;
}

/** Boots a Debian kernel in qemu, runs a command in it, and powers it off. A guest that crashes is started once more. */
export async function runInGuest(run: GuestRun): Promise<GuestResult> {
  const kernel = fetchKernel(run.kernel);
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-guest-'));
  try {
    const initrd = join(folder, 'initrd');
    const network = (run.hostPorts ?? []).length > 0;
    const modules = [...(run.disk === undefined ? [] : DISK_MODULES), ...(run.modules ?? [])];
    await writeInitramfs(initrd, { kernel, files: run.files, command: run.command, network, modules });
    const boot = (): Promise<Omit<GuestResult, 'release'>> => bootOnce(kernel, initrd, join(folder, 'report'), run);
    let result = await boot();
    // A crash of the emulated machine itself is no answer; it happens about once in a hundred boots.
    if (result.failure === 'crash') result = await boot();
    return { ...result, release: kernel.release };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function bootOnce(
  { vmlinuz, architecture }: GuestKernel,
  initrd: string,
  report: string,
  run: GuestRun,
): Promise<Omit<GuestResult, 'release'>> {
  rmSync(report, { force: true });
  const qemu = qemuArguments({
    architecture,
    vmlinuz,
    initrd,
    report,
    memoryMb: run.memoryMb ?? 2048,
    hostPorts: run.hostPorts ?? [],
    ...(run.disk === undefined ? {} : { disk: run.disk }),
  });
  // The guest dies with this process, even when that is killed.
  const [program = '', ...args] = hasCommand('setpriv') ? ['setpriv', '--pdeathsig', 'KILL', ...qemu] : qemu;
  const begin = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let rest = '';
  let timedOut = false;
  const take = (text: string): void => {
    const clean = text.replaceAll('\r', '');
    output += clean;
    const lines = (rest + clean).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) run.onLine?.(line);
  };
  child.stdout.setEncoding('utf8').on('data', take);
  child.stderr.setEncoding('utf8').on('data', take);
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, run.timeoutMs ?? 500_000);
  try {
    await new Promise<void>((resolve, reject) => child.on('error', reject).on('close', () => resolve()));
  } finally {
    clearTimeout(timer);
  }
  const status = readReport(report, EXIT_MARKER);
  const bootSeconds = readReport(report, BOOT_MARKER);
  return {
    status,
    ...(status === undefined ? { failure: timedOut ? ('timeout' as const) : ('crash' as const) } : {}),
    output,
    durationMs: performance.now() - begin,
    ...(bootSeconds === undefined ? {} : { bootSeconds }),
  };
}

/** The number after a marker in what the guest wrote to its second serial port. */
function readReport(path: string, marker: string): number | undefined {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const found = new RegExp(`^${marker} ([\\d.]+)\\s*$`, 'm').exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
