import { BtfBuilder } from '@bpfship/bpf-object';
import type { Requirement } from '@bpfship/media-types';
import { describe, expect, it } from 'vitest';
import { decide } from '../src/index.ts';
import { facts, index, variant } from './samples.ts';

const P = ['p'];
const at = (hook: string, value: string): Requirement => ({ kind: 'attach-target', hook, value, programs: P });

/** A supplement that has all that could be asked of it: what a careless author might sign. */
function generous(): Uint8Array {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', { size: 4 });
  const prototype = builder.addPrototype(int, []);
  for (const name of ['do_exit', 'bpf_lsm_file_open', 'bpf_iter_task', 'bpf_task_acquire'])
    builder.addFunction(name, prototype);
  builder.addVariable('runqueues', int);
  builder.addTypedef('btf_trace_sched_switch', builder.addPointer(prototype));
  builder.addStruct('bpf_struct_ops_tcp_congestion_ops', 4, [{ name: 'x', type: int, bitOffset: 0 }]);
  return builder.bytes();
}

describe('a supplement', () => {
  it.each([
    at('fentry', 'do_exit'),
    at('fexit', 'do_exit'),
    at('fmod-ret', 'do_exit'),
    at('btf-tracepoint', 'sched_switch'),
    at('lsm', 'file_open'),
    at('lsm-cgroup', 'file_open'),
    at('iter', 'task'),
    at('struct-ops', 'tcp_congestion_ops'),
    { kind: 'kfunc', value: 'bpf_task_acquire', weak: false, programs: P },
    { kind: 'kfunc', value: 'bpf_task_acquire', weak: true, programs: P },
    { kind: 'ksym', value: 'runqueues', typed: true, weak: true, programs: P },
  ] as Requirement[])('never stands in for the kernel’s own BTF: $kind $hook $value', (requirement) => {
    const { verdicts } = decide({
      index: index(variant('one', [requirement])),
      facts: facts({ btf: { available: false } }),
      btf: generous(),
    });
    expect(verdicts[0]?.findings).toMatchObject([{ outcome: 'unmet', code: 'kernel-btf' }]);
  });
});
