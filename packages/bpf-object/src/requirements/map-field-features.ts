import { skipModifiers } from '../btf/resolve-type.ts';
import type { BpfMap, BpfObject, BpfProgram } from '../object/bpf-object.ts';

/** Program types that may run anywhere in the kernel (kernel/bpf/verifier.c, is_tracing_prog_type). */
const TRACING = new Set(['kprobe', 'tracepoint', 'perf_event', 'raw_tracepoint', 'raw_tracepoint_writable']);

const STORAGE = ['cgroup_storage', 'sk_storage', 'inode_storage', 'task_storage', 'cgrp_storage'];
const TIMED = ['hash', 'lru_hash', 'array'];

/**
 * Fields that the kernel looks for in the values of a map, by the name of their struct, and the types of maps that may have them
 * (kernel/bpf/syscall.c, map_check_btf). Of any other map the loader tells the kernel no types once that was refused.
 */
const FIELDS: ReadonlyMap<string, { feature: string; types: readonly string[] }> = new Map([
  ['bpf_spin_lock', { feature: 'spin-locks', types: ['hash', 'array', ...STORAGE] }],
  ['bpf_timer', { feature: 'timers', types: TIMED }],
  ['bpf_wq', { feature: 'work-queues', types: TIMED }],
]);

/**
 * Abilities that a program asks for because a map that it refers to has such a field (kernel/bpf/verifier.c,
 * check_map_prog_compatibility), whether it uses the field or not, and whether the verifier comes there or not.
 */
export function mapFieldFeatures(object: BpfObject, program: BpfProgram): string[] {
  const { type, sleepable } = program.attachment;
  const fields = new Set(
    object.maps.filter(({ name }) => program.maps.includes(name)).flatMap((map) => fieldsOf(object, map)),
  );
  return [...fields].flatMap((field) => [
    ...(TRACING.has(type) ? [`${field}-in-tracing`] : []),
    ...(field === 'spin-locks' && type === 'socket_filter' ? ['spin-locks-in-socket-filters'] : []),
    ...(field === 'spin-locks' && sleepable ? ['spin-locks-in-sleepable'] : []),
  ]);
}

function fieldsOf({ btf }: BpfObject, { type, valueType, internal }: BpfMap): string[] {
  if (btf === undefined || valueType === undefined || internal) return [];
  const value = skipModifiers(btf, valueType);
  if (value.kind !== 'struct') return [];
  return value.members.flatMap((member) => {
    const { kind, name } = skipModifiers(btf, member.type);
    const field = kind === 'struct' ? FIELDS.get(name) : undefined;
    return field?.types.includes(type) ? [field.feature] : [];
  });
}
