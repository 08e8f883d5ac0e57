import { existsSync, readFileSync } from 'node:fs';
import { type AttachTarget, type AttachTargets, targetOf } from '@bpfship/portability';
import type { Variant, VariantProgram } from '@bpfship/media-types';
import { ShimError } from '../shim-error.ts';

/** The hook of a program with its target, e.g. `raw-tracepoint:sched_process_exec`, `xdp:eth0`. */
export function hookOf(program: VariantProgram, { interfaceName, cgroupPath }: AttachTarget): string {
  const target = program.target ?? (needsInterface(program) ? interfaceName : cgroupPath);
  return target === undefined ? program.hook : `${program.hook}:${target}`;
}

/**
 * Checks what can be checked before anything is fetched or loaded.
 *
 * @throws {ShimError} `ERR_SHIM_ATTACH_TARGET` for a target that is needed and not given, or not there, or for one that two programs want
 * and only one can have.
 */
export function checkAttachTargets({ programs }: Variant, targets: AttachTargets): void {
  const taken = new Map<string, string>();
  for (const program of programs) {
    const { interfaceName, cgroupPath } = targetOf(targets, program.name);
    if (needsInterface(program)) takeInterface(program.name, checkInterface(program.name, interfaceName), taken);
    if (cgroupPath !== undefined && !existsSync(cgroupPath)) {
      throw new ShimError('ERR_SHIM_ATTACH_TARGET', `there is no cgroup ${cgroupPath} for program "${program.name}"`, {
        hint: 'Cgroups are folders: "mount -t cgroup2" shows where.',
      });
    }
  }
}

function needsInterface({ hook }: VariantProgram): boolean {
  return hook === 'xdp';
}

/** An interface has room for one XDP program. */
function takeInterface(program: string, name: string, taken: Map<string, string>): void {
  const other = taken.get(name);
  taken.set(name, program);
  if (other === undefined) return;
  throw new ShimError('ERR_SHIM_ATTACH_TARGET', `programs "${other}" and "${program}" cannot both be on ${name}`, {
    hint: 'An interface has room for one XDP program: name another interface for one of them.',
  });
}

function checkInterface(program: string, name: string | undefined): string {
  if (name === undefined) {
    throw new ShimError('ERR_SHIM_ATTACH_TARGET', `program "${program}" needs a network interface`, {
      hint: `Name one: --interface ${interfaceNames().find((candidate) => candidate !== 'lo') ?? 'eth0'}`,
    });
  }
  if (!interfaceNames().includes(name)) {
    throw new ShimError('ERR_SHIM_ATTACH_TARGET', `there is no network interface "${name}" for program "${program}"`, {
      hint: `There are: ${interfaceNames().join(', ')}`,
    });
  }
  return name;
}

/** Interfaces of this process's network namespace; unlike /sys/class/net, this file is always of that namespace. */
function interfaceNames(): string[] {
  const text = readFileSync('/proc/net/dev', 'utf8');
  return [...text.matchAll(/^\s*([^\s:|]+):/gm)].map(([, name = '']) => name);
}
