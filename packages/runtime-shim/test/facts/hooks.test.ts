import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Requirement } from '@bpfship/media-types';
import { readHooks } from '../../src/facts/hooks.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { readKernelBtf } from '../../src/facts/kernel-btf.ts';
import { matchesPattern } from '@bpfship/portability';

const programs = ['x'];
const at = (hook: string, value: string): Requirement => ({ kind: 'attach-target', hook, value, programs });

describe('readHooks', () => {
  it('knows functions, system calls and patterns by kallsyms', async () => {
    const hooks = await readHooks({
      requirements: [
        at('kprobe', 'do_exit+0x10'),
        at('kretprobe', 'no_such_function'),
        at('kprobe-multi', 'do_exi?'),
        at('kprobe-multi', 'no_such_*'),
        at('ksyscall', 'execve'),
        at('ksyscall', 'no_such_call'),
      ],
      btf: undefined,
    });
    expect(hooks).toEqual({
      kprobe: { 'do_exit+0x10': true },
      kretprobe: { no_such_function: false },
      'kprobe-multi': { 'do_exi?': true, 'no_such_*': false },
      ksyscall: { execve: true, no_such_call: false },
    });
  });

  it('leaves to BTF what the kernel image has, and says no for what has no address', async () => {
    const btf = await readKernelBtf();
    const requirements = [
      at('fentry', 'do_exit'),
      at('fentry', 'no_such_function'),
      at('raw-tracepoint', 'sched_process_exec'),
      at('raw-tracepoint', 'no_such_tracepoint'),
      { kind: 'kfunc', value: 'no_such_kfunc', weak: false, programs },
      { kind: 'ksym', value: 'no_such_typed', typed: true, weak: false, programs },
    ];
    expect(await readHooks({ requirements, btf })).toEqual({
      fentry: { no_such_function: false },
      kfunc: { no_such_kfunc: false },
      ksym: { no_such_typed: false },
      // Where kallsyms was read for another one, it may confirm.
      'raw-tracepoint': { sched_process_exec: true },
    });
  });

  it('finds by kallsyms what the BTF of the image has not, as of modules', async () => {
    const requirements = [at('raw-tracepoint', 'sched_process_exec'), at('raw-tracepoint', 'no_such_tracepoint')];
    expect(await readHooks({ requirements, btf: new Uint8Array(1) })).toEqual({
      'raw-tracepoint': { sched_process_exec: true },
    });
  });

  it('says the same where the kernel is asked for functions', async () => {
    await using kernel = openKernel();
    const btf = await readKernelBtf();
    for (const requirements of [
      [at('kprobe', 'do_exit+0x10'), at('fentry', 'vfs_read')],
      [at('kprobe', 'do_exit'), at('kretprobe', 'no_such_function')],
      [{ kind: 'kfunc', value: 'bpf_dynptr_slice', weak: false, programs }],
    ]) {
      expect(await readHooks({ requirements, btf, kernel })).toEqual(await readHooks({ requirements, btf }));
    }
  });

  it('knows untyped symbols as the loader does', async () => {
    const requirements = ['do_exit', 'no_such_symbol'].map((value) => ({
      kind: 'ksym',
      value,
      typed: false,
      weak: false,
      programs,
    }));
    expect(await readHooks({ requirements, btf: undefined })).toEqual({
      ksym: { do_exit: true, no_such_symbol: false },
    });
  });
});

/** Other tests mount other things meanwhile. */
function tracefsMounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').match(/^.* - tracefs .*$/gm) ?? [];
}

describe.skipIf(process.getuid?.() !== 0)('tracepoints', () => {
  it('are known where tracefs is mounted nowhere, and leave no mount', async () => {
    await using kernel = openKernel();
    const before = tracefsMounts();
    const requirements = [at('tracepoint', 'sched/sched_process_exec'), at('tracepoint', 'sched/no_such_thing')];
    expect(await readHooks({ requirements, btf: undefined, kernel })).toEqual({
      tracepoint: { 'sched/sched_process_exec': true, 'sched/no_such_thing': false },
    });
    const tracefs = await kernel.tracefs();
    expect(existsSync(`${tracefs}/events/sched/sched_process_exec/id`)).toBe(true);
    expect(tracefsMounts()).toEqual(before);
    await kernel[Symbol.asyncDispose]();
    expect(existsSync(`${tracefs}/events`)).toBe(false);
  });
});

describe('matchesPattern', () => {
  it.each([
    ['abc', 'abc', true],
    ['abc', 'abcd', false],
    ['abc', 'ab', false],
    ['abc', '*', true],
    ['', '*', true],
    ['', '', true],
    ['', '?', false],
    ['abc', 'a*c', true],
    ['abc', 'a*b', false],
    ['abcbc', 'a*bc', true],
    ['abc', '?b?', true],
    ['a.c', 'a.c', true],
    ['abc', 'a.c', false],
    ['abc', '*a*b*c*', true],
  ])('%j, %j: %j', (name, pattern, expected) => {
    expect(matchesPattern(name, pattern)).toBe(expected);
  });

  it('ends for patterns made to last', () => {
    expect(matchesPattern('a'.repeat(2000), `${'a*'.repeat(500)}b`)).toBe(false);
  });
});
