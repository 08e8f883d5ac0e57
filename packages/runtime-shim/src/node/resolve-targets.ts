import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AttachTargets, expandInterfaces, isPattern, mapTargets, matchesPattern } from '@bpfship/portability';
import { ShimError } from '../shim-error.ts';

/** A pattern that matches more than this is taken for a mistake: each match costs a link. */
const MAX_MATCHES = 1024;

/**
 * Puts what is there now in the place of patterns: interfaces of this process's network namespace, and cgroups. A pattern that matches
 * nothing stays as it is; `attachmentsOf` leaves it out.
 *
 * @throws {ShimError} `ERR_SHIM_ATTACH_TARGET` for a pattern that matches far too much.
 */
export function resolveTargets(targets: AttachTargets): AttachTargets {
  const withInterfaces = expandInterfaces(targets, interfaceNames());
  return mapTargets(withInterfaces, (target) => {
    const { cgroupPath } = target;
    if (cgroupPath === undefined || !isPattern(cgroupPath)) return [target];
    const found = foldersMatching(cgroupPath);
    return found.length > 0 ? found.map((path) => ({ ...target, cgroupPath: path })) : [target];
  });
}

/** Takes out what {@link resolveTargets} found nothing for. */
export function withoutPatterns(resolved: AttachTargets): AttachTargets {
  return mapTargets(resolved, (target) => {
    const { interfaceName = '', cgroupPath = '' } = target;
    return isPattern(interfaceName) || isPattern(cgroupPath) ? [] : [target];
  });
}

/** Interfaces of this process's network namespace; unlike /sys/class/net, this file is always of that namespace. */
export function interfaceNames(): string[] {
  const text = readFileSync('/proc/net/dev', 'utf8');
  return [...text.matchAll(/^\s*([^\s:|]+):/gm)].map(([, name = '']) => name);
}

/** Folders that a path with patterns in its parts matches, sorted. */
function foldersMatching(pattern: string): string[] {
  let found = [pattern.startsWith('/') ? '/' : '.'];
  for (const part of pattern.split('/').filter(Boolean)) {
    found = found.flatMap((folder) => stepsInto(folder, part));
    if (found.length <= MAX_MATCHES) continue;
    throw new ShimError('ERR_SHIM_ATTACH_TARGET', `${pattern} matches more than ${MAX_MATCHES} cgroups`, {
      hint: 'Name their parent: what is attached there holds for all below it.',
    });
  }
  return found;
}

function stepsInto(folder: string, part: string): string[] {
  const path = join(folder, part);
  if (!isPattern(part)) return existsSync(path) ? [path] : [];
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && matchesPattern(entry.name, part))
      .map(({ name }) => join(folder, name))
      .sort();
  } catch {
    // It went meanwhile.
    return [];
  }
}
