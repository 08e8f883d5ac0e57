import type { KernelTypes } from '../kernel-types.ts';

type Shape = NonNullable<ReturnType<KernelTypes['shapeOf']>>;

/** What stands before a target's name in the kernel's BTF (libbpf.c, libbpf_find_vmlinux_btf_id). */
const PREFIXES: ReadonlyMap<string, string> = new Map([
  ['fentry', ''],
  ['fexit', ''],
  ['fmod-ret', ''],
  ['lsm', 'bpf_lsm_'],
  ['lsm-cgroup', 'bpf_lsm_'],
  ['iter', 'bpf_iter_'],
]);

/** Arguments and result of what programs of a hook go to; undefined for other hooks, and where the kernel's BTF does not have it. */
export function targetShape(hook: string, target: string, kernel: KernelTypes | undefined): Shape | undefined {
  if (hook === 'btf-tracepoint') {
    const shape = kernel?.shapeOf('typedef', `btf_trace_${target}`);
    // The first is the tracepoint's own.
    return shape && { ...shape, parameters: shape.parameters.slice(1) };
  }
  const prefix = PREFIXES.get(hook);
  return prefix === undefined ? undefined : kernel?.shapeOf('func', prefix + target);
}
