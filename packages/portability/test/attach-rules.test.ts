import { describe, expect, it } from 'vitest';
import { checkAttachTarget } from '../src/rules/attach-rules.ts';
import type { RuleContext } from '../src/rules/context.ts';
import type { KernelTypes } from '../src/kernel-types.ts';
import { facts as factsWith } from './samples.ts';

/** A kernel whose BTF holds these names, and whose modules' BTF holds others. */
function contextOf(features: Record<string, boolean>, names: string[], inModules: string[] = []): RuleContext {
  const kernel: KernelTypes = {
    has: (_kind, name) => names.includes(name),
    hasInModules: (_kind, name) => inModules.includes(name),
    enumerators: () => undefined,
    shapeOf: () => undefined,
    prototypeOf: () => undefined,
    sizeOfStruct: () => undefined,
    membersOf: (name) => (names.includes(name) ? new Set(['init', 'name']) : undefined),
    relocate: () => ({ outcome: 'poison' }),
  };
  const facts = factsWith({ features, hooks: {}, btf: { available: true } });
  return {
    facts,
    kernel,
    license: 'GPL',
    relocationTarget: kernel,
    local: {
      source: undefined,
      resolve: () => {
        throw new Error('unused');
      },
    },
  };
}

const at = (hook: string, value: string) => ({ kind: 'attach-target' as const, hook, value, programs: ['p'] });

describe('attach targets', () => {
  it('of functions need trampolines, those of BTF tracepoints do not', () => {
    const context = contextOf({ trampolines: false }, ['vfs_read', 'btf_trace_sys_enter']);
    expect(checkAttachTarget(at('fentry', 'vfs_read'), context)).toMatchObject({ code: 'trampolines-missing' });
    expect(checkAttachTarget(at('btf-tracepoint', 'sys_enter'), context)).toBe('met');
    expect(checkAttachTarget(at('fentry', 'vfs_read'), contextOf({ trampolines: true }, ['vfs_read']))).toBe('met');
    expect(checkAttachTarget(at('fentry', 'vfs_read'), contextOf({}, ['vfs_read']))).toBe('met');
  });

  it('of struct_ops are structs of the kernel or of a module', () => {
    const context = contextOf({}, ['bpf_struct_ops_tcp_congestion_ops'], ['bpf_struct_ops_hid_bpf_ops']);
    expect(checkAttachTarget(at('struct-ops', 'tcp_congestion_ops'), context)).toBe('met');
    expect(checkAttachTarget(at('struct-ops', 'hid_bpf_ops'), context)).toBe('met');
    expect(checkAttachTarget(at('struct-ops', 'sched_ext_ops'), context)).toMatchObject({
      code: 'attach-target-missing',
      affects: 'load',
    });
  });

  it('of struct_ops have the members that the object uses, as far as the struct is known', () => {
    const context = contextOf({}, ['bpf_struct_ops_demo_ops', 'demo_ops', 'bpf_struct_ops_other_ops']);
    const using = (value: string, ...members: string[]) =>
      checkAttachTarget({ ...at('struct-ops', value), members }, context);
    expect(using('demo_ops', 'init', 'name')).toBe('met');
    expect(using('demo_ops', 'init', 'release')).toMatchObject({
      code: 'struct-member-missing',
      outcome: 'unmet',
      affects: 'load',
      reason: expect.stringContaining('no member release') as string,
    });
    expect(using('other_ops', 'release')).toBe('met');
  });
});
