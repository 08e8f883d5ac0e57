import { createHash } from 'node:crypto';
import { canonicalJsonBytes } from '@bpfship/media-types';
import { loadPublicKey, type PublicKey } from '../keys/public-key.ts';
import { TrustError } from '../trust-error.ts';
import { parseStrictJson } from './strict-json.ts';

/** Whom to trust. Whatever it does not allow is denied; a policy that names nobody denies everything. */
export interface Policy {
  /** Public keys in PEM, of which any one must have signed. */
  readonly keys: readonly string[];
  /** Public keys in PEM, of which any one must have signed a BTF supplement: a role of its own. Default: nobody may. */
  readonly supplementKeys?: readonly string[];
  /** Public keys in PEM, of which any one must have signed evidence: a role of its own. Default: nobody may, and none is looked for. */
  readonly evidenceKeys?: readonly string[];
  /** What packages may do on this node. Default: whatever whoever installs them lets them do. */
  readonly allow?: PolicyAllow;
}

/** What packages may do: for each list that is there nothing but what it names, with `*` for any text. */
export interface PolicyAllow {
  /** Hooks, with their targets where they have some: `xdp`, `kprobe:tcp_*`. */
  readonly hooks?: readonly string[];
  /** Helpers and kernel functions that change more than maps: `bpf_send_signal`. */
  readonly helpers?: readonly string[];
  /** Capabilities that loading takes, and `sleepable`: `CAP_NET_ADMIN`. */
  readonly capabilities?: readonly string[];
}

/** A policy ready for use. */
export interface CompiledPolicy {
  readonly keys: readonly PublicKey[];
  /** `sha256:…` of what the policy means: equal for policies that allow the same. */
  readonly fingerprint: string;
}

/** Bytes of a policy document. */
const MAX_POLICY_SIZE = 1024 * 1024;
/** Keys in one policy. */
const MAX_KEYS = 64;
/** Elements of one list of what is allowed. */
const MAX_ALLOWED = 4096;

/**
 * Reads a policy document: JSON `{"schemaVersion":1,"keys":[PEM, …],"supplementKeys":[PEM, …],"evidenceKeys":[PEM, …],"allow":{"hooks":[…],"helpers":[…],"capabilities":[…]}}`. A member that is not known is refused, since it may be a condition
 * that this version would not check.
 *
 * @throws {TrustError} `ERR_TRUST_POLICY_INVALID`, `ERR_TRUST_KEY_INVALID`; `ERR_TRUST_DENIED` where it names nobody.
 */
export function parsePolicy(document: string | Uint8Array): Policy {
  const bytes = typeof document === 'string' ? new TextEncoder().encode(document) : document;
  if (bytes.length > MAX_POLICY_SIZE) throw invalid(`has ${bytes.length} bytes; at most ${MAX_POLICY_SIZE} are read`);
  let value: unknown;
  try {
    value = parseStrictJson(bytes);
  } catch (cause) {
    throw invalid(`is not JSON: ${(cause as Error).message.slice(0, 128)}`, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('is not a JSON object');
  const { schemaVersion, keys, supplementKeys, evidenceKeys, allow, ...unknown } = value as Record<string, unknown>;
  if (schemaVersion !== 1) throw invalid('has no schemaVersion 1');
  const [member] = Object.keys(unknown);
  if (member !== undefined) throw invalid(`has a member that is not known: ${JSON.stringify(member).slice(0, 64)}`);
  if (!isKeyList(keys)) throw invalid('has no list of keys');
  return checked({
    keys,
    ...roleKeys('supplementKeys', supplementKeys),
    ...roleKeys('evidenceKeys', evidenceKeys),
    ...(allow === undefined ? {} : { allow: parseAllow(allow) }),
  });
}

/** Every list that `allow` has. */
const ALLOW_LISTS: readonly (keyof PolicyAllow)[] = ['hooks', 'helpers', 'capabilities'];

function parseAllow(value: unknown): PolicyAllow {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('has an allow that is no object');
  const lists = Object.entries(value as Record<string, unknown>);
  for (const [name, list] of lists) {
    if (!ALLOW_LISTS.some((known) => known === name)) {
      throw invalid(`has a member of allow that is not known: ${JSON.stringify(name).slice(0, 64)}`);
    }
    if (!isTextList(list)) throw invalid(`has in allow.${name} what is no list of at most ${MAX_ALLOWED} short texts`);
  }
  return Object.fromEntries(lists);
}

function isTextList(value: unknown): value is string[] {
  return isKeyList(value) && value.length <= MAX_ALLOWED && value.every((text) => /^[\w.$:/*?@+-]{1,256}$/.test(text));
}

/** Keys of a role beside that of packages. */
function roleKeys<Role extends string>(role: Role, keys: unknown): Partial<Record<Role, string[]>> {
  if (keys === undefined) return {};
  if (!isKeyList(keys)) throw invalid(`has ${role} that are no list of keys`);
  if (keys.length > 0) compilePolicy({ keys });
  return { [role]: keys } as Record<Role, string[]>;
}

function isKeyList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((key) => typeof key === 'string');
}

function checked(policy: Policy): Policy {
  compilePolicy(policy);
  return policy;
}

/**
 * Reads a policy's keys. The same key twice counts once.
 *
 * @throws {TrustError} `ERR_TRUST_DENIED` where it names nobody, `ERR_TRUST_KEY_INVALID`, `ERR_TRUST_POLICY_INVALID`.
 */
export function compilePolicy({ keys }: Policy): CompiledPolicy {
  if (keys.length === 0) throw new TrustError('ERR_TRUST_DENIED', 'the policy trusts nobody: it has no keys');
  if (keys.length > MAX_KEYS) throw invalid(`has ${keys.length} keys; at most ${MAX_KEYS} are read`);
  const byHint = new Map(keys.map(loadPublicKey).map((key) => [key.hint, key]));
  const meaning = { schemaVersion: 1, keys: [...byHint.keys()].sort() };
  const fingerprint = createHash('sha256').update(canonicalJsonBytes(meaning)).digest('hex');
  return { keys: [...byHint.values()], fingerprint: `sha256:${fingerprint}` };
}

function invalid(why: string, cause?: unknown): TrustError {
  return new TrustError('ERR_TRUST_POLICY_INVALID', `the policy ${why}`, { cause });
}
