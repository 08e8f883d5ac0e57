import { existsSync } from 'node:fs';
import { type AttachTarget, type AttachTargets, isPattern, needsInterface, targetsOf } from '@bpfship/portability';
import type { BtfIndex, Variant, VariantProgram } from '@bpfship/media-types';
import { runsElsewhere } from '../kernel/attach/elsewhere.ts';
import { ShimError } from '../shim-error.ts';
import { type Attachment, attachmentOf } from './attachment.ts';
import { interfaceNames } from './resolve-targets.ts';

/** The attachments of a variant at resolved targets; patterns that nothing matched are left out. */
export function attachmentsOf(variant: Pick<Variant, 'programs' | 'maps'>, resolved: AttachTargets): Attachment[] {
  return attachingPrograms(variant).flatMap((program) =>
    targetsOf(resolved, program)
      .filter((target) => openPattern(target) === undefined)
      .map((target) => attachmentOf(program, target)),
  );
}

/** What is attached: programs, and in the place of those of a struct_ops the map that names them. */
function attachingPrograms({ programs, maps }: Pick<Variant, 'programs' | 'maps'>): VariantProgram[] {
  return [
    ...programs.filter((program) => program.type !== 'struct_ops' && runsElsewhere(program) === undefined),
    ...structOpsOf({ maps }).map(({ name }) => ({
      name,
      section: '.struct_ops',
      type: 'struct_ops',
      hook: 'struct-ops',
      target: name,
    })),
  ];
}

/** Patterns of the programs' targets that nothing matches, a line each. */
export function openPatterns({ programs }: Pick<Variant, 'programs'>, resolved: AttachTargets): string[] {
  const lines = programs.flatMap((program) =>
    targetsOf(resolved, program).flatMap((target) => {
      const pattern = openPattern(target);
      return pattern === undefined ? [] : [`nothing matches ${pattern}: program "${program.name}" waits for it`];
    }),
  );
  return [...new Set(lines)];
}

/** Programs that cannot be attached, since somebody else runs them, a line each. */
export function programsOfOthers({ programs }: Pick<Variant, 'programs'>): string[] {
  return programs.flatMap((program) => {
    const elsewhere = runsElsewhere(program);
    return elsewhere ? [`program "${program.name}" ${elsewhere.what}, and is only pinned. ${elsewhere.hint}`] : [];
  });
}

function openPattern({ interfaceName = '', cgroupPath = '' }: AttachTarget): string | undefined {
  return [interfaceName, cgroupPath].find(isPattern);
}

/**
 * Checks what can be checked before anything is fetched or loaded.
 *
 * @param resolved - targets without patterns, but for those that nothing matched.
 * @throws {ShimError} `ERR_SHIM_ATTACH_TARGET` for a target that is needed and not given, or not there, or for one that two programs want
 * and only one can have.
 */
export function checkAttachTargets(variant: Pick<Variant, 'programs' | 'maps'>, resolved: AttachTargets): void {
  const taken = new Map<string, string>();
  for (const { name, hook, place, program, target } of attachmentsOf(variant, resolved)) {
    if (needsInterface(program)) checkInterface(name, target.interfaceName);
    if (program.hook === 'xdp') takePlace(name, hook, place, taken);
    const { cgroupPath, binaryPath, netnsPath } = target;
    checkPath(name, 'cgroup', cgroupPath, 'Cgroups are folders: "mount -t cgroup2" shows where.');
    // A name without a folder is looked for when the program is attached.
    const binary = binaryPath?.includes('/') ? binaryPath : undefined;
    checkPath(name, 'binary', binary, 'Name the executable or library with its whole path.');
    checkPath(
      name,
      'network namespace',
      netnsPath,
      'Named ones are in /run/netns; that of a process is /proc/PID/ns/net.',
    );
  }
}

/**
 * A target for a program that there is not would be passed over, and the program that was meant attach elsewhere.
 *
 * @param named - as somebody has just named them. What is kept from another version may name programs that this one does not have.
 * @throws {ShimError} `ERR_SHIM_ATTACH_TARGET`.
 */
export function checkNamedPrograms({ name, version, variants }: BtfIndex, named: AttachTargets = {}): void {
  const programs = new Set(variants.flatMap((variant) => [...variant.programs, ...structOpsOf(variant)].map(nameOf)));
  const unknown = Object.keys(named).find((program) => program !== '*' && !programs.has(program));
  if (unknown === undefined) return;
  throw new ShimError('ERR_SHIM_ATTACH_TARGET', `${name} ${version} has no program "${unknown}" to attach`, {
    hint: `It has: ${[...programs].join(', ')}`,
  });
}

function structOpsOf({ maps }: Pick<Variant, 'maps'>): Variant['maps'] {
  return maps.filter(({ type }) => type === 'struct_ops');
}

function nameOf({ name }: { name: string }): string {
  return name;
}

/** An interface has room for one XDP program. */
function takePlace(program: string, hook: string, place: string, taken: Map<string, string>): void {
  const other = taken.get(hook);
  taken.set(hook, program);
  if (other === undefined) return;
  throw new ShimError('ERR_SHIM_ATTACH_TARGET', `programs "${other}" and "${program}" cannot both be on ${place}`, {
    hint: 'An interface has room for one XDP program: name another interface for one of them.',
  });
}

function checkInterface(program: string, name: string | undefined): void {
  const names = interfaceNames();
  if (name === undefined) {
    throw new ShimError('ERR_SHIM_ATTACH_TARGET', `program "${program}" needs a network interface`, {
      hint: `Name one: --interface ${names.find((candidate) => candidate !== 'lo') ?? 'eth0'}`,
    });
  }
  if (names.includes(name)) return;
  throw new ShimError('ERR_SHIM_ATTACH_TARGET', `there is no network interface "${name}" for program "${program}"`, {
    hint: `There are: ${names.join(', ')}`,
  });
}

function checkPath(program: string, what: string, path: string | undefined, hint: string): void {
  if (path === undefined || existsSync(path)) return;
  throw new ShimError('ERR_SHIM_ATTACH_TARGET', `there is no ${what} ${path} for program "${program}"`, { hint });
}
