import { open, readdir, stat } from 'node:fs/promises';
import { endianness, release as runningRelease } from 'node:os';
import { join } from 'node:path';
import { MEDIA_TYPE_KERNEL_FACTS } from '@bpfship/media-types';
import type { KernelFacts } from '@bpfship/portability';
import { nodeArchitecture } from './architecture.ts';
import { readConfigFile } from './kernel-config.ts';
import { readImageBtf } from './kernel-image.ts';

/** A packed kernel image; today's have 8 to 40 MB. */
const MAX_IMAGE_SIZE: number = 256 * 1024 * 1024;
/** Kernels that are looked at, newest first: a node boots its newest ones. */
const MAX_KERNELS = 8;
/** As kernels name themselves (`uname -r`, at most 64 characters). */
const RELEASE = /^\d+\.\d+[A-Za-z0-9._+~-]{0,56}$/;

/** Where a node's kernels are installed. */
export interface KernelFolders {
  /** Images and configurations. Default `/boot`. */
  boot?: string;
  /** Modules, a folder for each kernel; some distributions keep image and configuration there. Default `/lib/modules`. */
  modules?: string;
}

/** A kernel that is installed on this node and does not run. */
export interface InstalledKernel {
  /** As `uname -r` will say. */
  release: string;
  /** The file of its image. */
  image: string;
  /** Its configuration, where there is one. */
  config: string | undefined;
  /** Says whether the image is still the one that was looked at: size and time of the last change. */
  stamp: string;
}

/** The other kernels that are installed on this node, newest image first. What cannot be read is not there. */
export async function listInstalledKernels(folders: KernelFolders = {}): Promise<InstalledKernel[]> {
  const { boot = '/boot', modules = '/lib/modules' } = folders;
  const [files, moduleFolders] = await Promise.all([namesIn(boot), namesIn(modules)]);
  const inBoot = files.flatMap((name) => /^vmlinu[xz]-(.+)$/.exec(name)?.[1] ?? []);
  const releases = new Set([...inBoot, ...moduleFolders]);
  const found: (InstalledKernel & { changed: number })[] = [];
  for (const release of releases) {
    if (!RELEASE.test(release) || release === runningRelease()) continue;
    const image = await firstFile([
      join(boot, `vmlinuz-${release}`),
      join(boot, `vmlinux-${release}`),
      join(modules, release, 'vmlinuz'),
    ]);
    if (image === undefined || image.size > MAX_IMAGE_SIZE) continue;
    const config = await firstFile([join(boot, `config-${release}`), join(modules, release, 'config')]);
    const { path, size, changed } = image;
    found.push({ release, image: path, config: config?.path, stamp: `${size}-${Math.round(changed)}`, changed });
  }
  return found
    .sort((a, b) => b.changed - a.changed || (a.release < b.release ? 1 : -1))
    .slice(0, MAX_KERNELS)
    .map(({ changed: _changed, ...kernel }) => kernel);
}

/** What can be known of a kernel that does not run: its BTF and its configuration. Everything else is left open, which is never a no. */
export async function readInstalledFacts({ release, image, config }: InstalledKernel): Promise<{
  facts: KernelFacts;
  btf: Uint8Array | undefined;
}> {
  const [bytes, kconfig] = await Promise.all([
    readImage(image),
    config === undefined ? undefined : readConfigFile(config),
  ]);
  const found = bytes === undefined ? ({ btf: undefined, reason: 'unknown' } as const) : await readImageBtf(bytes);
  return { facts: factsOf(release, found, kconfig), btf: found.btf };
}

function factsOf(
  release: string,
  found: Awaited<ReturnType<typeof readImageBtf>>,
  kconfig: Record<string, string> | undefined,
): KernelFacts {
  const available =
    found.btf !== undefined || (found.reason === 'unknown' && kconfig?.['CONFIG_DEBUG_INFO_BTF'] !== undefined);
  return {
    schemaVersion: 1,
    mediaType: MEDIA_TYPE_KERNEL_FACTS,
    release,
    architecture: nodeArchitecture(),
    byteOrder: endianness() === 'LE' ? 'little' : 'big',
    btf: { available: available || (found.btf === undefined && found.reason === 'unknown') },
    programTypes: {},
    mapTypes: {},
    helpers: {},
    features: {},
    hooks: {},
    privileges: { load: true },
    ...(kconfig === undefined ? {} : { kconfig }),
  };
}

async function readImage(path: string): Promise<Buffer | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    return (await file.stat()).size > MAX_IMAGE_SIZE ? undefined : await file.readFile();
  } catch {
    return undefined;
  } finally {
    await file.close().catch(() => undefined);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((): string[] => []);
}

async function firstFile(
  paths: readonly string[],
): Promise<{ path: string; size: number; changed: number } | undefined> {
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return { path, size: found.size, changed: found.mtimeMs };
  }
  return undefined;
}
