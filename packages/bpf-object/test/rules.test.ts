import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BpfObject, deriveRequirements, readBpfObject } from '../src/index.ts';
import { compileBytes, openWorkshop, type Workshop } from './support/compile.ts';

let workshop: Workshop;
let object: BpfObject;

beforeAll(() => {
  workshop = openWorkshop();
  object = readBpfObject(compileBytes(workshop, 'rules'));
});

afterAll(() => workshop.remove());

const RULES = new Set([
  'global-function-pointers',
  'error-injection',
  'target-given-later',
  'bind-verdict-flags',
  'noreturn-functions',
  'sleepable-lsm-file-open',
]);

describe('rules of kernels', () => {
  it.each([
    ['lock_in_tc', []],
    ['lock_in_kprobe', ['spin-locks-in-tracing']],
    ['lock_in_socket', ['spin-locks-in-socket-filters']],
    ['lock_in_syscall', ['spin-locks-in-sleepable']],
  ])('for fields of map values: %s', (program, expected) => {
    const { requirements } = deriveRequirements(object, { programs: [program] });
    const found = requirements.flatMap((each) =>
      each.kind === 'feature' && each.value.startsWith('spin-locks') ? [each.value] : [],
    );
    expect(found).toEqual(expected);
  });

  it.each([
    ['global_number', []],
    ['global_context', []],
    ['global_pointer', ['global-function-pointers']],
    ['at_function', []],
    ['sleeps_at_function', ['error-injection']],
    ['at_end_of_none', ['noreturn-functions']],
    ['at_begin_of_none', []],
    ['at_hook', []],
    ['sleeps_at_hook', ['sleepable-lsm-file-open']],
    ['changes_security', []],
    ['changes_call', ['error-injection']],
    ['changes_own', []],
    ['at_later', ['target-given-later']],
    ['probe_later', []],
    ['returns_3', ['bind-verdict-flags']],
  ])('for functions and targets: %s', (program, expected) => {
    const { requirements } = deriveRequirements(object, { programs: [program] });
    const found = requirements.flatMap((each) =>
      each.kind === 'feature' && RULES.has(each.value) ? [each.value] : [],
    );
    expect(found).toEqual(expected);
  });

  it.each([
    ['returns_1', []],
    ['returns_5', ['5']],
    ['returns_of_function', ['2']],
    ['returns_masked', []],
    ['returns_3', []],
    ['returns_minus', ['-1']],
    ['returns_anything', []],
    ['returns_nothing', ['unset']],
  ])('for return values: %s', (program, expected) => {
    const { requirements } = deriveRequirements(object, { programs: [program] });
    const found = requirements.flatMap((each) => (each.kind === 'return-value' ? [each.value] : []));
    expect(found).toEqual(expected);
  });

  it.each([
    ['returns_1', ['CAP_BPF', 'CAP_NET_ADMIN']],
    ['at_function', ['CAP_BPF', 'CAP_PERFMON']],
    ['lock_in_socket', ['CAP_BPF']],
  ])('for who may load: %s', (program, expected) => {
    const { requirements } = deriveRequirements(object, { programs: [program] });
    const found = requirements.flatMap((each) => (each.kind === 'capability' ? [each.value] : []));
    expect(found).toEqual(expected);
  });
});
