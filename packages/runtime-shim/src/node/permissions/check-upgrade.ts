import { BpfObjectError } from '@bpfship/bpf-object';
import type { Variant } from '@bpfship/media-types';
import type { RunningGeneration } from '../activation.ts';
import type { InstallOptions } from '../node-options.ts';
import { checkPermissions, describePermission, newPermissions } from './check-permissions.ts';
import { type Permission, permissionsOf } from './permissions-of.ts';

/** A variant that is about to be loaded. */
export interface CheckedVariant {
  /** Name and version of the service, for messages. */
  version: string;
  variant: Variant;
  object: Uint8Array;
}

/**
 * Stops an install or upgrade that would do more than the policy, or the running generation, lets it. Without a policy, as in development,
 * what is new is only said.
 *
 * @returns what people should know, a line each.
 * @throws {ShimError} `ERR_SHIM_DENIED`.
 */
export async function checkUpgrade(
  { version, variant, object }: CheckedVariant,
  { policy, allowNew }: Pick<InstallOptions, 'policy' | 'allowNew'>,
  running: RunningGeneration | undefined,
): Promise<string[]> {
  if (!running && policy?.allow === undefined) return [];
  if (policy) {
    const rules = { allow: policy.allow, running: running && (await permissionsRunning(running)), allowNew };
    return checkPermissions(version, permissionsOf(object, variant), rules).map(saidNew);
  }
  try {
    const rules = { running: running && (await permissionsRunning(running)), allowNew };
    return newPermissions(permissionsOf(object, variant), rules).map(saidNew);
  } catch (error) {
    // Nobody asked for it, and the kernel's loader has its own word for an object that cannot be read.
    if (error instanceof BpfObjectError) return [];
    throw error;
  }
}

function saidNew(permission: Permission): string {
  return `new: ${describePermission(permission)}`;
}

async function permissionsRunning(running: RunningGeneration): Promise<Permission[]> {
  return permissionsOf(await running.object(), running.variant);
}
