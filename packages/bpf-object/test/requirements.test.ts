import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createCoreResolver,
  deriveRequirements,
  parseBtf,
  readBpfObject,
  relocatedInstruction,
  resolveCoreRelocation,
  type Btf,
  type BpfObject,
  type CoreRelocationRequirement,
  type Requirement,
} from '../src/index.ts';
import { compileBytes, openWorkshop, type Workshop } from './support/compile.ts';

let workshop: Workshop;
let service: BpfObject;
let kernel: Btf;

beforeAll(() => {
  workshop = openWorkshop();
  service = readBpfObject(compileBytes(workshop, 'service'));
  kernel = parseBtf(new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux')));
});

afterAll(() => workshop.remove());

function ofKind<K extends Requirement['kind']>(
  requirements: readonly Requirement[],
  kind: K,
): Extract<Requirement, { kind: K }>[] {
  return requirements.filter(
    (requirement): requirement is Extract<Requirement, { kind: K }> => requirement.kind === kind,
  );
}

describe('requirements of the service object', () => {
  it('name program types, hooks and map types', () => {
    const { requirements } = deriveRequirements(service);
    expect(ofKind(requirements, 'program-type').map(({ value, programs }) => [value, ...programs])).toEqual([
      ['kprobe', 'probed'],
      ['lsm', 'sleeping'],
      ['raw_tracepoint', 'on_exec'],
      ['tracepoint', 'on_syscall'],
      ['xdp', 'filter'],
    ]);
    expect(ofKind(requirements, 'attach-target').map(({ hook, value }) => `${hook} ${value}`)).toEqual([
      'kprobe do_nanosleep',
      'lsm bprm_committed_creds',
      'raw-tracepoint sched_process_exec',
      'tracepoint syscalls/sys_enter_execve',
    ]);
    expect(ofKind(requirements, 'map-type').map(({ value, maps }) => [value, ...maps])).toEqual([
      ['array', '.bss', '.data', '.kconfig', '.rodata', 'tables'],
      ['hash_of_maps', 'tables'],
      ['lru_hash', 'seen'],
      ['percpu_array', 'unused_counters'],
      ['ringbuf', 'events'],
    ]);
  });

  it('name helpers per program type, with what the loader puts in their place', () => {
    const helpers = ofKind(deriveRequirements(service).requirements, 'helper');
    expect(helpers.filter(({ programs }) => programs.includes('on_exec'))).toContainEqual(
      expect.objectContaining({ value: 'bpf_loop', programType: 'raw_tracepoint' }),
    );
    expect(helpers.find(({ value }) => value === 'bpf_probe_read_kernel')?.orElse).toBe('bpf_probe_read');
    expect(helpers.find(({ value }) => value === 'bpf_probe_read_user_str')?.orElse).toBe('bpf_probe_read_str');
  });

  it('name the struct of struct_ops for every program: the loader looks for it first', () => {
    const object = readBpfObject(compileBytes(workshop, 'arena'));
    const { requirements } = deriveRequirements(object, { programs: ['bump'] });
    expect(ofKind(requirements, 'attach-target')).toEqual([
      { kind: 'attach-target', hook: 'struct-ops', value: 'tcp_congestion_ops', members: ['init'], programs: ['bump'] },
    ]);
  });

  it('name features', () => {
    const features = ofKind(deriveRequirements(service).requirements, 'feature');
    const byName = Object.fromEntries(features.map(({ value, programs }) => [value, programs]));
    expect(byName).toMatchObject({
      'xdp-frags': ['filter'],
      'bounded-loops': ['filter'],
      'callback-functions': ['on_exec'],
      'kernel-btf': ['on_exec', 'sleeping'],
      sleepable: ['sleeping'],
    });
    expect(byName['subprogram-calls']).toContain('probed');
    expect(byName['global-data']).toContain('on_exec');
    expect(byName['cpu-v3']).toBeUndefined();
  });

  it('name externs', () => {
    const { requirements } = deriveRequirements(service);
    expect(ofKind(requirements, 'kconfig').map(({ value, weak }) => [value, weak])).toEqual([
      ['CONFIG_BPF_LSM', true],
      ['LINUX_KERNEL_VERSION', false],
    ]);
    expect(ofKind(requirements, 'ksym').map(({ value, weak }) => [value, weak])).toEqual([
      ['init_task', false],
      ['no_such_symbol', true],
    ]);
    expect(ofKind(requirements, 'kfunc')).toEqual([
      {
        kind: 'kfunc',
        value: 'bpf_rcu_read_lock',
        weak: true,
        programType: 'tracepoint',
        prototype: 'v()',
        programs: ['on_syscall'],
        guarded: ['on_syscall'],
      },
    ]);
  });

  it('guard what only some kernels come to, and nothing else', () => {
    const { requirements, guards } = deriveRequirements(service);
    const core = ofKind(requirements, 'core-relocation');
    const guarded = Object.fromEntries(
      core.map(({ relocation, access, guarded: programs }) => [`${relocation} ${access}`, programs ?? []]),
    );
    expect(guarded).toEqual({
      'field-byte-offset tgid': [],
      'field-byte-offset real_parent': [],
      'field-byte-offset pid': [],
      'field-exists no_such_field': [],
      'field-byte-offset no_such_field': ['on_exec'],
    });
    const graph = guards.find(({ program }) => program === 'on_exec');
    const at = requirements.findIndex((entry) => 'guarded' in entry && entry.kind === 'core-relocation');
    expect(graph?.nodes.flatMap(({ reaches }) => reaches)).toContain(at);
  });

  it('are of the wanted programs only', () => {
    const { requirements } = deriveRequirements(service, { programs: ['optional'] });
    expect(ofKind(requirements, 'program-type')).toEqual([
      { kind: 'program-type', value: 'tracing', programs: ['optional'] },
    ]);
    expect(ofKind(requirements, 'core-relocation')).toEqual([]);
  });

  it('see the instruction set that was compiled for', () => {
    const object = readBpfObject(compileBytes(workshop, 'service', ['-mcpu=v3']));
    const values = ofKind(deriveRequirements(object).requirements, 'feature').map(({ value }) => value);
    expect(values).toContain('cpu-v3');
  });

  it('refuse a program whose section libbpf does not know', () => {
    const changed = {
      ...service,
      programs: service.programs.map((program) => ({
        ...program,
        attachment: { type: 'unspec', sleepable: false, xdpFrags: false },
      })),
    };
    expect(() => deriveRequirements(changed)).toThrow(expect.objectContaining({ code: 'ERR_PROGRAM_TYPE_UNKNOWN' }));
  });
});

describe('minimal types', () => {
  it('are the same bytes, and requirements the same JSON, for the same object', () => {
    const first = deriveRequirements(readBpfObject(compileBytes(workshop, 'relocations')));
    const second = deriveRequirements(readBpfObject(compileBytes(workshop, 'relocations')));
    expect(second.types).toEqual(first.types);
    expect(JSON.stringify(second.requirements)).toBe(JSON.stringify(first.requirements));
  });

  it('are far smaller than the object and hold no type that nothing needs', () => {
    const object = readBpfObject(compileBytes(workshop, 'relocations'));
    const { types } = deriveRequirements(object);
    expect(types.length).toBeLessThan((object.btf?.bytes.length ?? 0) / 2);
    const btf = parseBtf(types);
    expect(btf.typesNamed('pid_type')).toEqual([]);
    expect(btf.typesNamed('task_struct', 'struct')).toHaveLength(1);
  });

  for (const name of ['relocations', 'direct-access', 'service']) {
    it(`give the decisions of ${name} that the object itself gives`, () => {
      const object = readBpfObject(compileBytes(workshop, name));
      const local = object.btf!;
      const { requirements, types } = deriveRequirements(object);
      const minimal = parseBtf(types);
      const fromIndex = new Set(
        ofKind(requirements, 'core-relocation').map((requirement) => decideRequirement(minimal, requirement)),
      );
      const fromObject = new Set<string>();
      for (const { functions } of object.programs.filter(({ autoload }) => autoload)) {
        for (const entry of functions) {
          for (const record of entry.relocations.filter(({ kind }) => kind !== 'type-id-local')) {
            const outcome = resolveCoreRelocation(
              local,
              { ...record, instruction: relocatedInstruction(entry, record) },
              kernel,
            );
            fromObject.add(word(record.kind, outcome));
          }
        }
      }
      expect([...fromIndex].sort()).toEqual([...fromObject].sort());
    });
  }
});

/** The decision in words. */
function decideRequirement(minimal: Btf, requirement: CoreRelocationRequirement): string {
  const [typeId, access] = requirement.spec;
  const { accessSize } = requirement;
  const instruction =
    accessSize === undefined ? {} : { instruction: { form: 'memory' as const, memorySize: accessSize } };
  const relocation = { kind: requirement.relocation, typeId, access, ...instruction };
  return word(requirement.relocation, createCoreResolver(minimal, kernel).resolve(relocation));
}

function word(kind: string, outcome: ReturnType<typeof resolveCoreRelocation>): string {
  if (outcome.kind !== 'resolved') return `${kind} ${outcome.local}: ${outcome.kind} ${outcome.reason}`;
  const { originalValue, value, memorySize, local } = outcome;
  // A local type id is another in the minimal types, and the loader does not look at it.
  if (kind === 'type-id-target') return `${kind} ${local}: ${value}`;
  return `${kind} ${local}: ${originalValue} -> ${value} ${JSON.stringify(memorySize ?? null)}`;
}
