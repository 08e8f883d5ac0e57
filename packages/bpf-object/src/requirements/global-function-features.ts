import { skipModifiers } from '../btf/resolve-type.ts';
import type { Btf } from '../btf/btf.ts';
import type { BpfFunction, BpfObject, BpfProgram } from '../object/bpf-object.ts';

/** Structs of contexts (include/linux/bpf_types.h, user side), to which pointers were allowed from the start. */
const CONTEXTS = new Set(
  `__sk_buff xdp_md bpf_sock bpf_sock_addr bpf_sock_ops bpf_sockopt bpf_sysctl bpf_sk_lookup bpf_cgroup_dev_ctx bpf_perf_event_data
  bpf_raw_tracepoint_args bpf_nf_ctx pt_regs user_pt_regs user_regs_struct sk_msg_md sk_reuseport_md`.split(/\s+/),
);

/**
 * Abilities that the arguments of global functions ask for: pointers to memory came later than pointers to the context
 * (kernel/bpf/btf.c, btf_prepare_func_args).
 */
export function globalFunctionFeatures({ btf }: BpfObject, { functions }: BpfProgram): string[] {
  if (btf === undefined) return [];
  const globals = functions.slice(1).filter(({ global }) => global);
  return globals.some((entry) => takesMemory(btf, entry)) ? ['global-function-pointers'] : [];
}

function takesMemory(btf: Btf, { name }: BpfFunction): boolean {
  const [id] = btf.typesNamed(name, 'func');
  const type = id === undefined ? undefined : btf.type(id);
  const prototype = type?.kind === 'func' ? btf.type(type.type) : undefined;
  if (prototype?.kind !== 'func_proto') return false;
  return prototype.parameters.some((parameter) => {
    const argument = skipModifiers(btf, parameter.type);
    if (argument.kind !== 'ptr') return false;
    const target = skipModifiers(btf, argument.type);
    return target.kind !== 'struct' || !CONTEXTS.has(target.name);
  });
}
