import { matchesPattern } from '@bpfship/portability';
import type { PolicyAllow } from '@bpfship/trust';
import { ShimError } from '../../shim-error.ts';
import { type Permission, type PermissionKind, permissionText } from './permissions-of.ts';

/** What decides whether a version may do what it does. */
export interface PermissionRules {
  /** The policy's lists; what they do not name is denied, whatever else is said. */
  allow?: PolicyAllow | undefined;
  /** What the running generation does; `undefined` where there is none, and at a rollback, to what was let in before. */
  running?: readonly Permission[] | undefined;
  /** What may be new: `hook:kprobe:*`. */
  allowNew?: readonly string[] | undefined;
}

/** Lists of the policy by what they are for. */
const LISTS = { hook: 'hooks', helper: 'helpers', capability: 'capabilities' } as const satisfies Record<
  PermissionKind,
  keyof PolicyAllow
>;
/** Lines of a refusal that are shown. */
const SHOWN_LINES = 32;

/** What a version does that the policy does not name. */
export function beyondPolicy(permissions: readonly Permission[], { allow }: PermissionRules): Permission[] {
  return permissions.filter(({ kind, name }) => {
    const list = allow?.[LISTS[kind]];
    return list !== undefined && !list.some((pattern) => matchesPattern(name, pattern));
  });
}

/** What a version does that the running generation does not, and that neither the policy names nor anybody let in. */
export function newPermissions(
  permissions: readonly Permission[],
  { allow, running, allowNew = [] }: PermissionRules,
): Permission[] {
  if (running === undefined) return [];
  const before = new Set(running.map(permissionText));
  return permissions.filter((permission) => {
    const text = permissionText(permission);
    if (allow?.[LISTS[permission.kind]] !== undefined || before.has(text)) return false;
    return !allowNew.some((pattern) => matchesPattern(text, pattern));
  });
}

/**
 * Stops what would do more than it may, before anything of it is loaded. A new hook of a kind that the running generation takes already, as one
 * more tracepoint, is only said where the policy has no list of hooks.
 *
 * @param version - name and version, for the message.
 * @returns what is new and passes.
 * @throws {ShimError} `ERR_SHIM_DENIED`.
 */
export function checkPermissions(
  version: string,
  permissions: readonly Permission[],
  rules: PermissionRules,
): Permission[] {
  const denied = beyondPolicy(permissions, rules);
  if (denied.length > 0) {
    throw refusal(`${version} does what the policy does not allow`, denied, 'Ask who writes the policy to allow it.');
  }
  const kinds = new Set((rules.running ?? []).filter(({ kind }) => kind === 'hook').map(hookKind));
  const isSaid = (one: Permission): boolean => one.kind === 'hook' && kinds.has(hookKind(one));
  const found = newPermissions(permissions, rules);
  const fresh = found.filter((one) => !isSaid(one));
  if (fresh.length === 0) return found;
  const options = fresh.slice(0, SHOWN_LINES).map((permission) => `--allow-new ${permissionText(permission)}`);
  throw refusal(`${version} does what the running version does not`, fresh, `To let it: ${options.join(' ')}`);
}

/** `kprobe` of `kprobe:do_unlinkat`. */
function hookKind({ name }: Permission): string {
  return name.split(':', 1)[0] ?? name;
}

function refusal(message: string, permissions: readonly Permission[], hint: string): ShimError {
  const lines = permissions.slice(0, SHOWN_LINES).map((each) => `  ${describePermission(each)}`);
  if (permissions.length > SHOWN_LINES) lines.push(`  (${permissions.length - SHOWN_LINES} more)`);
  const names = permissions.slice(0, SHOWN_LINES).map(permissionText).join(', ');
  return new ShimError('ERR_SHIM_DENIED', `${message}: ${names}`, { hint, details: lines.join('\n') });
}

/** One line for people. */
export function describePermission(permission: Permission): string {
  const { programs } = permission;
  return `${permissionText(permission)} (${programs.length === 1 ? 'program' : 'programs'} ${programs.join(', ')})`;
}
