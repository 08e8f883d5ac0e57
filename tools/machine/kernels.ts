import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, type DebianSuite, fetchDebianPackages } from './debian-archive.ts';

/** Debian's names of the architectures that guests have. */
export type GuestArchitecture = 'amd64' | 'arm64';

/** A Debian kernel, fetched from Debian's archive. */
export interface GuestKernel {
  /** e.g. `5.10`, `6.12-arm64`. */
  series: string;
  architecture: GuestArchitecture;
  /** `uname -r`. */
  release: string;
  vmlinuz: string;
  /** Folder with the modules, as /lib/modules/RELEASE. */
  modules: string;
}

interface KernelSource {
  suite: DebianSuite;
  packages: string[];
  /** Default amd64. */
  architecture?: 'arm64';
}

/** Kernel series with the suite and packages that carry them. */
const KERNELS: Readonly<Record<string, KernelSource>> = {
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
  '6.12-arm64': {
    suite: 'trixie',
    packages: ['~^linux-image-6\\.12\\.[0-9]+\\+deb13-cloud-arm64$'],
    architecture: 'arm64',
  },
};

/** The series for amd64, which tests boot. */
export const KERNEL_SERIES: readonly string[] = Object.keys(KERNELS).filter(
  (series) => KERNELS[series]?.architecture === undefined,
);

/** The series for arm64, which needs a qemu of its own: only who names it boots it. */
export const ARM64_SERIES = '6.12-arm64';

/** Fetches a kernel once; later calls find it in the cache. */
export function fetchKernel(series: string): GuestKernel {
  const source = KERNELS[series];
  if (!source) throw new Error(`there is no kernel ${series}; known: ${Object.keys(KERNELS).join(', ')}`);
  const folder = join(CACHE, 'kernels', series);
  fetchDebianPackages(source.suite, source.packages, folder, source.architecture);
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
  const { architecture = 'amd64' } = source;
  return { series, architecture, release, vmlinuz, modules: join(modulesRoot, release) };
}
