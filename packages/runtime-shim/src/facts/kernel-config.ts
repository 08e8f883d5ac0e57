import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { readBounded } from './read-bounded.ts';

/** A kernel configuration has about 10,000 lines. */
const MAX_SIZE: number = 16 * 1024 * 1024;

/**
 * The kernel's configuration, from where the loader takes it (libbpf.c, bpf_object__read_kconfig_file): the file that the distribution
 * ships, packed or not, or the kernel itself. `undefined` where neither can be opened: then the loader gives up every object that asks for
 * an option.
 */
export async function readKernelConfig(release: string): Promise<Record<string, string> | undefined> {
  for (const path of [`/boot/config-${release}`, '/proc/config.gz']) {
    const options = await readConfigFile(path);
    if (options) return options;
  }
  return undefined;
}

/** The options in one file, which may be packed; `undefined` where it cannot be read. */
export async function readConfigFile(path: string): Promise<Record<string, string> | undefined> {
  const bytes = await readBounded(path, MAX_SIZE);
  if (!bytes) return undefined;
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const text = packed ? await promisify(gunzip)(bytes, { maxOutputLength: MAX_SIZE }).catch(() => undefined) : bytes;
  return text && parseConfig(text.toString('latin1'));
}

function parseConfig(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^(CONFIG_[A-Za-z0-9_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}
