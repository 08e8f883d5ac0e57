import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  answerHook,
  compactBtf,
  factsBtf,
  type KernelFacts,
  openNameList,
  type Packed,
  parseKernelFacts,
} from '../src/index.ts';

const pack = (text: string): Packed => ({
  encoding: 'zlib',
  size: Buffer.byteLength(text),
  data: deflateSync(text).toString('base64'),
});
const functions = openNameList(pack('__x64_sys_execve\ndo_exit\nlto.llvm.123\nnf_a\nnf_b\n'), 'functions');
const variables = openNameList(pack('__tracepoint_sched_switch\njiffies\n'), 'variables');
const sources = {
  functions,
  variables,
  tracepoints: openNameList(pack('sched/sched_switch\n'), 'tracepoints'),
  inModules: (kind: string, name: string): boolean => `${kind} ${name}` === 'typedef btf_trace_mine' || name === 'nf_a',
};

describe('openNameList', () => {
  it('finds names and patterns, in whatever order they came', () => {
    for (const text of ['a\nab\nabc\nb\n', 'b\nabc\na\nab\n']) {
      const list = openNameList(pack(text), 'names');
      expect(['a', 'ab', 'abc', 'b', 'c', '', 'abcd'].map((name) => list.has(name))).toEqual([
        true,
        true,
        true,
        true,
        false,
        false,
        false,
      ]);
      expect(['*c', 'a?', 'b*', 'c*', 'a', '?'].map((pattern) => list.matches(pattern))).toEqual([
        true,
        true,
        true,
        false,
        true,
        true,
      ]);
      expect(['ab', 'abcd', 'b'].map((head) => list.begins(head))).toEqual([true, false, true]);
    }
  });

  it('says what is broken', () => {
    const broken = openNameList({ encoding: 'zlib', size: 5, data: 'AAAA' }, 'the functions');
    expect(() => broken.has('a')).toThrow(expect.objectContaining({ code: 'ERR_FACTS_PACKED_INVALID' }));
  });
});

describe('answerHook', () => {
  it.each([
    ['kprobe', 'do_exit+0x4', true],
    ['kprobe', 'jiffies', false],
    ['kretprobe', 'gone', false],
    ['kprobe', 'lto', undefined],
    ['kprobe-multi', 'nf_*', true],
    ['kprobe-multi', 'tcp_*', false],
    ['ksyscall', 'execve', true],
    ['ksyscall', 'gone', false],
    ['tracepoint', 'sched/sched_switch', true],
    ['tracepoint', 'sched/gone', false],
    ['raw-tracepoint', 'sched_switch', true],
    ['raw-tracepoint', 'mine', true],
    ['raw-tracepoint', 'gone', undefined],
    ['btf-tracepoint', 'sched_switch', undefined],
    ['btf-tracepoint', 'mine', true],
    ['fentry', 'do_exit', undefined],
    ['fentry', 'nf_a', true],
    ['fentry', 'gone', false],
    ['ksym', 'jiffies', true],
    ['ksym', 'gone', false],
    ['ksym-typed', 'jiffies', undefined],
    ['ksym-typed', 'gone', false],
    ['xdp', 'eth0', undefined],
  ])('%s %s: %j', (hook, target, expected) => {
    expect(answerHook(hook, target, sources)).toBe(expected);
    // Without lists nothing is known.
    expect(answerHook(hook, target, {})).toBe(undefined);
  });
});

function factsWith(btf: KernelFacts['btf']): KernelFacts {
  return {
    schemaVersion: 1,
    mediaType: 'application/vnd.ebpf.kernel-facts.v1+json',
    release: '6.1',
    architecture: 'amd64',
    byteOrder: 'little',
    btf,
    programTypes: {},
    mapTypes: {},
    helpers: {},
    features: {},
    hooks: {},
    privileges: { load: true },
  };
}

function btfBytes(btf: KernelFacts['btf']): string | undefined {
  const open = factsBtf(parseKernelFacts(factsWith(btf)));
  return open && Buffer.from(open()).toString();
}

describe('facts that travel', () => {
  it('carry BTF whole or packed, or in a way that is not known yet', () => {
    expect(btfBytes({ available: true, data: Buffer.from('types').toString('base64') })).toBe('types');
    expect(btfBytes({ available: true, compact: pack('types') })).toBe('types');
    expect(
      btfBytes({ available: true, compact: { encoding: 'from-the-future', size: 5, data: 'AAAA' } }),
    ).toBeUndefined();
    expect(btfBytes({ available: true })).toBeUndefined();
    expect(() => btfBytes({ available: false, compact: pack('types') })).toThrow(/btf\.compact/);
  });

  it('leaves BTF alone that cannot be read', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('not BTF at all, but long enough'), Buffer.alloc(100, 0xff)]) {
      expect(compactBtf(bytes)).toBe(bytes);
    }
  });
});
