import { type Behaviour, type BehaviourName, BEHAVIOURS, behaviourOf } from './behaviour.ts';
import type { FaultKind, FaultRule, FaultTarget } from './faults.ts';

/** Whether a text is a value of a member; the parsed value where it is. */
type Reader = (text: string) => unknown;

const yesOrNo: Reader = (text) => ({ true: true, false: false })[text];
const whole: Reader = (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : undefined);
const share: Reader = (text) => (/^(?:0?\.\d+|0|1)$/.test(text) ? Number(text) : undefined);
const anyText: Reader = (text) => text;
const oneOf =
  (...words: readonly string[]): Reader =>
  (text) =>
    words.includes(text) ? text : undefined;
const listOf =
  (item: Reader): Reader =>
  (text) => {
    const items = text.split('+').map(item);
    return items.includes(undefined) ? undefined : items;
  };

const BEHAVIOUR_MEMBERS: Record<keyof Behaviour, Reader> = {
  referrersApi: (text) => (text === 'page' ? text : yesOrNo(text)),
  subjectHeader: yesOrNo,
  referrersFilter: yesOrNo,
  artifactTypes: oneOf('any', 'images'),
  strictDescriptors: yesOrNo,
  incompleteManifests: yesOrNo,
  chunks: oneOf('any', 'one', 'none'),
  patchLimit: whole,
  putLimit: whole,
  chunkMinLength: whole,
  patchStatus: (text) => ({ 201: 201, 202: 202, 204: 204 })[text],
  staleRange: yesOrNo,
  uploadStatus: yesOrNo,
  mounts: oneOf('any', 'from', 'none'),
  ranges: yesOrNo,
  head: yesOrNo,
  digestHeader: yesOrNo,
  sha512: yesOrNo,
  deletion: yesOrNo,
  catalog: yesOrNo,
  lastInclusive: yesOrNo,
  repositories: listOf(anyText),
  rateLimit: (text) => {
    const [, pulls, seconds] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? [];
    return seconds === undefined ? undefined : { pulls: Number(pulls), seconds: Number(seconds) };
  },
  warnings: (text) => [text],
};

/** A registry's name, or one switch as `member=value`. @throws {TypeError} that names what there is. */
export function parseBehaviour(text: string): Behaviour {
  const equals = text.indexOf('=');
  if (equals < 0) return behaviourOf(text as BehaviourName);
  const [name, value] = [text.slice(0, equals), text.slice(equals + 1)];
  return { [name]: readMember('--behaviour', BEHAVIOUR_MEMBERS, name, value) };
}

/** Names for the usage text. */
export const BEHAVIOUR_NAMES: readonly string[] = Object.keys(BEHAVIOURS);

const KINDS: Record<FaultKind['kind'], Record<string, Reader>> = {
  latency: { milliseconds: whole },
  status: { status: whole, retryAfter: whole },
  'cut-response': { after: whole },
  'cut-request': { after: whole },
  'lost-answer': {},
  corrupt: {},
  swap: {},
  'false-digest': {},
  'wrong-length': { by: whole },
  redirect: { to: anyText },
  slow: { bytesPerSecond: whole },
};
/** Members without which a fault says nothing. */
const REQUIRED: Partial<Record<FaultKind['kind'], string>> = {
  latency: 'milliseconds',
  status: 'status',
  slow: 'bytesPerSecond',
};
const TARGETS: readonly FaultTarget[] = ['blob', 'manifest', 'upload', 'tags', 'referrers', 'token', 'other'];
const MATCH: Record<string, Reader> = {
  on: listOf(oneOf(...TARGETS)),
  methods: listOf(oneOf('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE')),
  path: anyText,
  skip: whole,
  first: whole,
  probability: share,
};

/** Names for the usage text. */
export const FAULT_KINDS: readonly string[] = Object.keys(KINDS);

/** A fault as `kind,member=value,…`; members of lists are joined by `+`. @throws {TypeError} that names what there is. */
export function parseFault(text: string): FaultRule {
  const [kind = '', ...members] = text.split(',');
  if (!isKind(kind)) throw new TypeError(`--fault: there is no "${kind}"; there are ${FAULT_KINDS.join(', ')}`);
  const readers = { ...KINDS[kind], ...MATCH };
  const values = members.map((member) => {
    const [, name = member, value = ''] = /^([^=]*)=(.*)$/.exec(member) ?? [];
    return [name, readMember(`--fault ${kind}`, readers, name, value)];
  });
  const rule = { kind, ...(Object.fromEntries(values) as object) };
  const required = REQUIRED[kind];
  if (required !== undefined && !(required in rule)) throw new TypeError(`--fault ${kind} needs ${required}=…`);
  // Every member went through its reader.
  return rule as FaultRule;
}

function isKind(text: string): text is FaultKind['kind'] {
  return Object.hasOwn(KINDS, text);
}

function readMember(option: string, readers: Record<string, Reader>, name: string, text: string): unknown {
  const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (!reader) throw new TypeError(`${option} has no "${name}"; it has ${Object.keys(readers).join(', ')}`);
  const value = reader(text);
  if (value === undefined) throw new TypeError(`${option}: ${name} cannot be "${text}"`);
  return value;
}
