import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, type DebianSuite, fetchDebianPackages } from './debian-archive.ts';

/** A Debian kernel for amd64, fetched from Debian's archive. */
export interface GuestKernel {
  /** e.g. `5.10`. */
  series: string;
  /** `uname -r`. */
  release: string;
  vmlinuz: string;
  /** Folder with the modules, as /lib/modules/RELEASE. */
  modules: string;
}

/** Kernel series with the suite and packages that carry them. */
const KERNELS: Readonly<Record<string, { suite: DebianSuite; packages: string[] }>> = {
  '5.10': { suite: 'bullseye', packages: ['~^linux-image-5\\.10\\.0-[0-9]+-cloud-amd64$'] },
  '6.1': { suite: 'bookworm', packages: ['~^linux-image-6\\.1\\.0-[0-9]+-cloud-amd64$'] },
  '6.12': { suite: 'trixie', packages: ['~^linux-image-6\\.12\\.[0-9]+\\+deb13-cloud-amd64$'] },
  '7.2': {
    suite: 'forky',
    packages: [
      '~^linux-binary-7\\.2\\.[0-9]+\\+deb14-cloud-amd64$',
      '~^linux-modules-7\\.2\\.[0-9]+\\+deb14-cloud-amd64$',
    ],
  },
};

/** Every series that can be fetched. */
export const KERNEL_SERIES: readonly string[] = Object.keys(KERNELS);

/** Fetches a kernel once; later calls find it in the cache. */
export function fetchKernel(series: string): GuestKernel {
  const source = KERNELS[series];
  if (!source) throw new Error(`there is no kernel ${series}; known: ${KERNEL_SERIES.join(', ')}`);
  const folder = join(CACHE, 'kernels', series);
  fetchDebianPackages(source.suite, source.packages, folder);
  const modulesRoot = [join(folder, 'lib', 'modules'), join(folder, 'usr', 'lib', 'modules')].find((path) =>
    existsSync(path),
  );
  const release = modulesRoot === undefined ? undefined : readdirSync(modulesRoot)[0];
  if (modulesRoot === undefined || release === undefined)
    throw new Error(`the packages of kernel ${series} hold no modules`);
  const vmlinuz = [join(folder, 'boot', `vmlinuz-${release}`), join(modulesRoot, release, 'vmlinuz')].find((path) =>
    existsSync(path),
  );
  if (vmlinuz === undefined) throw new Error(`the packages of kernel ${series} hold no vmlinuz`);
  return { series, release, vmlinuz, modules: join(modulesRoot, release) };
}
