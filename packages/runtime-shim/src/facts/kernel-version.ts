import { readFile } from 'node:fs/promises';
import { release, version } from 'node:os';

const UBUNTU_SIGNATURE = '/proc/version_signature';

/**
 * The value that the loader gives `LINUX_KERNEL_VERSION` (libbpf_probes.c, get_kernel_version): distributions whose `uname -r` says
 * something else tell the version elsewhere. 0 where nothing tells it.
 *
 * @param loader - version of the libbpf that will load: before 1.2 it takes no notice of what Debian says.
 */
export async function readKernelVersion(loader: string): Promise<number> {
  const signature = await readFile(UBUNTU_SIGNATURE, 'latin1').catch(() => '');
  return kernelVersionOf({ signature, release: release(), version: readsDebian(loader) ? version() : '' });
}

function readsDebian(loader: string): boolean {
  const [major = 0, minor = 0] = loader.split('.').map(Number);
  return major > 1 || (major === 1 && minor >= 2);
}

/** What {@link readKernelVersion} goes by: Ubuntu's signature, `uname -r`, `uname -v`. */
export interface VersionWords {
  signature: string;
  release: string;
  version: string;
}

/** The rule without the reading. */
export function kernelVersionOf(words: VersionWords): number {
  return (
    toNumber(/^\s*\S+\s+\S+\s+(\d+)\.(\d+)\.(\d+)/.exec(words.signature)) ??
    toNumber(/Debian (\d+)\.(\d+)\.(\d+)/.exec(words.version)) ??
    toNumber(/^(\d+)\.(\d+)\.(\d+)/.exec(words.release)) ??
    0
  );
}

/** KERNEL_VERSION(a, b, c) (include/linux/version.h of the build): the last number ends at 255. */
function toNumber(match: RegExpExecArray | null): number | undefined {
  if (!match) return undefined;
  const [major = 0, minor = 0, patch = 0] = match.slice(1).map(Number);
  return ((major << 16) + (minor << 8) + Math.min(patch, 255)) >>> 0;
}
