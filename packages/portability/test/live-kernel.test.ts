import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Requirement } from '@bpfship/media-types';
import { beforeAll, describe, expect, it } from 'vitest';
import { decide, type KernelTypes, openKernelTypes, PortabilityError, type Verdict } from '../src/index.ts';
import { facts, index, variant } from './samples.ts';
import { readVectors } from './vectors.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const P = ['p'];

/** The vectors' local types: struct task_struct { pid, mm, comm, exit_code } is type 7, task_struct___new { __state } type 8. */
const LOCAL_TYPES = readVectors<{ types: string }, unknown>('relocation')[0].input.types;

const relocation = (spec: [number, string], access: string): Requirement => ({
  kind: 'core-relocation',
  relocation: 'field-byte-offset',
  type: 'struct task_struct',
  access,
  spec,
  programs: P,
});

const target = (hook: string, value: string): Requirement => ({ kind: 'attach-target', hook, value, programs: P });

describe.skipIf(!existsSync(VMLINUX))(`this machine's kernel (${release()})`, () => {
  let kernel: KernelTypes;
  beforeAll(() => {
    kernel = openKernelTypes(() => readFileSync(VMLINUX));
  });

  function verdictOn(...requirements: Requirement[]): Verdict {
    const selection = decide({
      index: index(variant('live', requirements, { types: LOCAL_TYPES })),
      facts: facts(),
      btf: kernel,
    });
    return selection.verdicts[0];
  }

  it('has the fields that every kernel has, and not those that none has', () => {
    expect(
      verdictOn(relocation([7, '0:0'], 'pid'), relocation([7, '0:1'], 'mm'), relocation([7, '0:2'], 'comm')).outcome,
    ).toBe('loads');
    expect(verdictOn(relocation([9, '0:0'], 'field')).findings).toMatchObject([{ code: 'relocation-poison' }]);
  });

  it('has the tracepoint, functions and hooks that the examples take', () => {
    expect(
      verdictOn(target('raw-tracepoint', 'sched_process_exec'), target('raw-tracepoint', 'sched_process_exit')).outcome,
    ).toBe('loads');
    expect(verdictOn(target('fentry', 'no_such_function')).findings).toMatchObject([{ code: 'attach-target-missing' }]);
    expect(verdictOn(target('raw-tracepoint', 'no_such_tracepoint')).outcome).toBe('refused');
  });

  it('lists its helpers, program types and map types; the list can deny, never confirm', () => {
    const helper = (value: string): Requirement => ({ kind: 'helper', value, programType: 'xdp', programs: P });
    expect(verdictOn(helper('bpf_map_lookup_elem')).findings).toMatchObject([
      { code: 'helper-unknown', outcome: 'unknown' },
    ]);
    expect(verdictOn(helper('bpf_make_coffee')).findings).toMatchObject([{ code: 'helper-missing', outcome: 'unmet' }]);
    expect(verdictOn({ kind: 'map-type', value: 'hash', maps: ['m'] }).outcome).toBe('uncertain');
    expect(verdictOn({ kind: 'map-type', value: 'teapot', maps: ['m'] }).outcome).toBe('refused');
    expect(verdictOn({ kind: 'program-type', value: 'xdp', programs: P }).outcome).toBe('uncertain');
    expect(verdictOn({ kind: 'program-type', value: 'teapot', programs: P }).outcome).toBe('refused');
  });

  it('gives the same verdict from bytes, from an opened BTF and from facts that travelled', () => {
    const bytes = readFileSync(VMLINUX);
    const requirements: Requirement[] = [
      { kind: 'attach-target', hook: 'raw-tracepoint', value: 'sched_process_exec', programs: P },
    ];
    const document = index(variant('live', requirements));
    const opened = decide({ index: document, facts: facts(), btf: kernel });
    expect(opened.candidates).toHaveLength(1);
    expect(decide({ index: document, facts: facts(), btf: bytes })).toEqual(opened);
    expect(
      decide({ index: document, facts: facts({ btf: { available: true, data: bytes.toString('base64') } }) }),
    ).toEqual(opened);
  });
});

describe('kernel BTF that cannot be read', () => {
  const broken = Uint8Array.of(1, 2, 3);
  const fentry = { kind: 'attach-target', hook: 'fentry', value: 'vfs_open', programs: P };

  it('is a typed error with its cause, where a rule needs it', () => {
    try {
      decide({ index: index(variant('trace', [fentry])), facts: facts(), btf: broken });
    } catch (error) {
      expect(error).toBeInstanceOf(PortabilityError);
      expect(error).toMatchObject({ code: 'ERR_KERNEL_BTF_INVALID' });
      expect((error as PortabilityError).cause).toBeDefined();
      return;
    }
    throw new Error('broken BTF was accepted');
  });

  it('does not matter where none does: it is read at the first question', () => {
    expect(decide({ index: index(variant('plain')), facts: facts(), btf: broken }).candidates).toHaveLength(1);
  });
});
