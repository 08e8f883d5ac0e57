import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

/** A kernel configuration has about 10,000 lines. */
const MAX_SIZE: number = 16 * 1024 * 1024;

/** The kernel's configuration: from the kernel itself, or from the file that the distribution ships. `undefined` where there is none. */
export async function readKernelConfig(release: string): Promise<Record<string, string> | undefined> {
  const compressed = await readFile('/proc/config.gz').catch(() => undefined);
  if (compressed) {
    const text = await promisify(gunzip)(compressed, { maxOutputLength: MAX_SIZE }).catch(() => undefined);
    if (text) return parseConfig(text.toString('latin1'));
  }
  for (const path of [
    `/boot/config-${release}`,
    `/usr/lib/modules/${release}/config`,
    `/lib/modules/${release}/build/.config`,
  ]) {
    const text = await readFile(path, 'latin1').catch(() => undefined);
    if (text !== undefined && text.length <= MAX_SIZE) return parseConfig(text);
  }
  return undefined;
}

function parseConfig(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^(CONFIG_[A-Za-z0-9_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}
