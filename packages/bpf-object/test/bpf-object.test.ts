import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBpfObject, readSectionName, type BpfObject } from '../src/index.ts';
import { SECTION_RULES } from '../src/object/section-rules.ts';
import { buildDriver, compileBytes, compileObject, openWorkshop, type Workshop } from './support/compile.ts';

let workshop: Workshop;
let driver: string;
let path: string;
let object: BpfObject;

beforeAll(() => {
  workshop = openWorkshop();
  driver = buildDriver(workshop, 'describe');
  path = compileObject(workshop, 'service');
  object = readBpfObject(new Uint8Array(readFileSync(path)));
});

afterAll(() => workshop.remove());

function describeWithLibbpf(sections: readonly string[] = []): string[] {
  return execFileSync(driver, [path, ...sections], { encoding: 'utf8' })
    .trim()
    .split('\n');
}

function program(name: string): BpfObject['programs'][number] {
  const found = object.programs.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no program ${name}`);
  return found;
}

describe('against libbpf', () => {
  it('reads the same programs', () => {
    const ours = object.programs.map(({ name, section, autoload, attachment, functions }) =>
      ['program', name, section, attachment.type, Number(autoload), functions[0]?.instructions.length].join(' '),
    );
    const libbpfs = describeWithLibbpf().filter((line) => line.startsWith('program'));
    expect(ours.sort()).toEqual(libbpfs.sort());
  });

  it('reads the same maps', () => {
    const ours = object.maps.map(({ name, type, keySize, valueSize, maxEntries, flags }) =>
      ['map', name, type, keySize, valueSize, maxEntries, flags].join(' '),
    );
    // libbpf asks the kernel whether it may map global data into memory (BPF_F_MMAPABLE = 1024); that is no property of the object.
    const libbpfs = describeWithLibbpf()
      .filter((line) => line.startsWith('map'))
      .map((line) =>
        line.startsWith('map .') ? line.replace(/\d+$/, (flags) => String(Number(flags) & ~1024)) : line,
      );
    expect(ours.sort()).toEqual(libbpfs.sort());
  });

  it('makes the same of section names', () => {
    const names = SECTION_RULES.flatMap(({ section }) =>
      section.endsWith('+') ? [section.slice(0, -1), `${section.slice(0, -1)}/a/b`] : [section, `${section}x`],
    ).concat(['', 'nothing', 'tracepoint', 'tpx', 'xdp/', 'kprobe/']);
    const known = describeWithLibbpf(names).filter((line) => line.startsWith('section') && !line.endsWith(' unknown'));
    expect(known.length).toBeGreaterThan(80);
    for (const line of known) {
      const [, name = '', type, attach] = line.split(' ');
      const ours = readSectionName(name);
      expect([name, ours.type]).toEqual([name, type]);
      // Attach type 0 stands for "none" and for cgroup_inet_ingress; the newer libbpf that the table follows sets some that 1.1 left open.
      if (attach !== 'cgroup_inet_ingress') expect([name, ours.attachType]).toEqual([name, attach]);
    }
  });
});

describe('a service object', () => {
  it('has its license, externs and maps', () => {
    expect(object.license).toBe('Dual BSD/GPL');
    expect(object.externs.map(({ name, kind, weak, typed }) => `${name} ${kind} ${weak} ${typed}`).sort()).toEqual([
      'CONFIG_BPF_LSM kconfig true true',
      'LINUX_KERNEL_VERSION kconfig false true',
      'bpf_rcu_read_lock kfunc true true',
      'init_task ksym false false',
      'no_such_symbol ksym true false',
    ]);
    const tables = object.maps.find(({ name }) => name === 'tables');
    expect(tables).toMatchObject({
      type: 'hash_of_maps',
      inner: { type: 'array', keySize: 4, valueSize: 8, maxEntries: 4 },
    });
    expect(object.maps.find(({ name }) => name === 'seen')).toMatchObject({ pinning: 'by-name', flags: 2 });
  });

  it('says what each program reaches', () => {
    const exec = program('on_exec');
    expect(exec.functions.map(({ name }) => name).sort()).toEqual(['count', 'each', 'global_function', 'on_exec']);
    expect(exec.maps).toEqual(['.bss', '.rodata', 'events']);
    expect(exec.helpers).toEqual([
      'bpf_get_current_comm',
      'bpf_get_current_task',
      'bpf_ktime_get_ns',
      'bpf_loop',
      'bpf_probe_read_kernel',
      'bpf_probe_read_user_str',
      'bpf_ringbuf_reserve',
      'bpf_ringbuf_submit',
    ]);
    expect(program('on_syscall').externs).toContain('bpf_rcu_read_lock');
    expect(program('filter').maps).toEqual(['tables']);
  });

  it('says where programs attach', () => {
    expect(program('on_exec').attachment).toMatchObject({ hook: 'raw-tracepoint', target: 'sched_process_exec' });
    expect(program('on_syscall').attachment).toMatchObject({ hook: 'tracepoint', target: 'syscalls/sys_enter_execve' });
    expect(program('filter').attachment).toMatchObject({ type: 'xdp', attachType: 'xdp', xdpFrags: true });
    expect(program('optional')).toMatchObject({
      autoload: false,
      attachment: { hook: 'fentry', target: 'do_unlinkat' },
    });
    expect(program('probed').attachment).toMatchObject({ hook: 'kprobe', target: 'do_nanosleep', targetOffset: 4 });
    expect(program('sleeping').attachment).toMatchObject({ hook: 'lsm', sleepable: true });
  });
});

/** What does not depend on byte order. */
const shape = ({ programs, maps, externs }: BpfObject): unknown => [
  programs.map(({ name, helpers, maps: used, attachment }) => ({ name, helpers, used, attachment })),
  maps.map(({ data: _data, ...rest }) => rest),
  externs,
];

describe('other files', () => {
  it('reads a big-endian object like its little-endian twin', () => {
    const big = readBpfObject(compileBytes(workshop, 'service', [], 'bpfeb'));
    expect(big.littleEndian).toBe(false);
    expect(shape(big)).toEqual(shape(object));
  });

  it('refuses legacy maps as libbpf does', () => {
    expect(() => readBpfObject(compileBytes(workshop, 'legacy-map'))).toThrow(
      expect.objectContaining({ code: 'ERR_MAPS_LEGACY' }),
    );
  });

  it('finds globals of the arena in its map', () => {
    const { programs, maps } = readBpfObject(compileBytes(workshop, 'arena'));
    expect(programs.find(({ name }) => name === 'bump')?.maps).toEqual(['arena']);
    expect(maps.map(({ name, type }) => [name, type])).toContainEqual(['arena', 'arena']);
  });

  it('says what an ELF file is that is not BPF', () => {
    const host = new Uint8Array(readFileSync(driver));
    expect(() => readBpfObject(host)).toThrow(
      /this is an x86-64 ELF object, not BPF|this is an AArch64 ELF object, not BPF/,
    );
  });
});
