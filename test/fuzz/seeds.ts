import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { BtfBuilder, findSection, parseBtf, readElf } from '@bpfship/bpf-object';
import { describeObject } from '@bpfship/devkit';
import { PARAMETER } from './road.ts';
import { compactBtf, minimalBtf } from '@bpfship/portability';

const ROOT = join(import.meta.dirname, '..', '..');
const SOURCES = join(ROOT, 'packages', 'bpf-object', 'test', 'objects');
/** Objects of other people, where `npm run test:corpus` has compiled them. */
const CORPUS = join(ROOT, '.cache', 'corpus', 'objects');
const VMLINUX = '/sys/kernel/btf/vmlinux';
/** Larger objects make the fuzzer slow and find the same. In bytes, before and after debug data is taken out. */
const MAX_OBJECT = 131_072;
const MAX_STRIPPED = 14_000;
const MAX_OBJECTS = 60;

/** What the fuzzer starts from. */
export interface Seeds {
  objects: Uint8Array[];
  /** BTF indexes, as JSON. */
  indexes: string[];
  /** Those with guard graphs. */
  guarded: string[];
  /** Kernel facts with BTF, whole and packed, as JSON. */
  facts: string[];
  /** Evidence about the first index on the kernel of the facts. */
  evidence: string;
  /** A table of BTF supplements. */
  table: string;
  /** A kernel's BTF, small. */
  kernel: Uint8Array;
}

/** Compiles objects, takes others from the corpus where there is one, and makes the documents that fit them. */
export function createSeeds(folder: string): Seeds {
  const own = ['service', 'relocations', 'direct-access'].map((name) => compile(folder, name));
  const objects = [...own, ...fromCorpus(folder)].map((bytes) => bytes.slice());
  const described = objects.flatMap((bytes, at) => {
    try {
      return [describeObject(bytes, 'service.bpf.o', at === 0 ? [PARAMETER] : [])];
    } catch {
      return [];
    }
  });
  const kernel = smallKernel(objects, described);
  const indexes = described.map((index) => JSON.stringify(index)).filter((text) => text.length < 40_000);
  const guarded = described.filter(({ variants }) => (variants[0]?.guards ?? []).length > 0);
  const digest = `sha256:${'1'.repeat(64)}`;
  return {
    objects,
    indexes,
    guarded: guarded.map((index) => JSON.stringify(index)).filter((text) => text.length < 40_000),
    facts: factsOf(kernel, digest),
    evidence: JSON.stringify(evidenceOf(described[0], digest)),
    table: JSON.stringify({
      schemaVersion: 1,
      mediaType: 'application/vnd.ebpf.service.btf-table.v1+json',
      kernels: [
        { release: '6.12.0-test', version: '#1', architecture: 'amd64', btf: digest },
        {
          release: '6.1.0',
          architecture: 'arm64',
          btf: digest,
          near: { release: '6.*', kconfig: { CONFIG_HZ: '250' } },
        },
      ],
    }),
    kernel,
  };
}

function compile(folder: string, name: string): Uint8Array {
  const out = join(folder, `${name}.bpf.o`);
  const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const source = join(SOURCES, `${name}.bpf.c`);
  execFileSync('clang', ['-g', '-O2', '-target', 'bpf', '-D__TARGET_ARCH_x86', include, '-c', source, '-o', out]);
  return strip(folder, out);
}

function strip(folder: string, path: string): Uint8Array {
  const out = join(folder, `${basename(path)}.stripped`);
  execFileSync('llvm-strip', ['-g', '-o', out, path]);
  return new Uint8Array(readFileSync(out));
}

/** Small ones, from all over the corpus. */
function fromCorpus(folder: string): Uint8Array[] {
  if (!existsSync(CORPUS)) return [];
  const files = globSync(join(CORPUS, '**', '*.o')).sort((a, b) => (a < b ? -1 : 1));
  const small = files.filter((path) => statSync(path).size < MAX_OBJECT);
  const step = Math.max(1, Math.floor(small.length / (2 * MAX_OBJECTS)));
  return small
    .filter((_, index) => index % step === 0)
    .map((path) => strip(folder, path))
    .filter((bytes) => bytes.length < MAX_STRIPPED && canBeRead(bytes))
    .slice(0, MAX_OBJECTS);
}

function canBeRead(bytes: Uint8Array): boolean {
  try {
    const btf = findSection(readElf(bytes), '.BTF');
    return btf !== undefined && parseBtf(btf.data).littleEndian;
  } catch {
    return false;
  }
}

/** The part of this machine's kernel BTF that the objects ask for; elsewhere an object's own types. */
function smallKernel(
  objects: readonly Uint8Array[],
  described: readonly ReturnType<typeof describeObject>[],
): Uint8Array {
  const [first] = described;
  if (!existsSync(VMLINUX) || first === undefined)
    return findSection(readElf(objects[0] ?? new Uint8Array(0)), '.BTF')?.data.slice() ?? new Uint8Array(0);
  const all = { ...first, variants: described.flatMap(({ variants }) => variants) };
  return minimalBtf(all, new Uint8Array(readFileSync(VMLINUX)));
}

function packed(bytes: Uint8Array): { encoding: 'zlib'; size: number; data: string } {
  return { encoding: 'zlib', size: bytes.length, data: deflateSync(bytes).toString('base64') };
}

function names(...list: string[]): Uint8Array {
  return new TextEncoder().encode(list.map((name) => `${name}\n`).join(''));
}

function factsOf(kernel: Uint8Array, digest: string): string[] {
  const common = {
    schemaVersion: 1,
    mediaType: 'application/vnd.ebpf.kernel-facts.v1+json',
    release: '6.12.0-test',
    version: '#1',
    kernelVersion: 0x060c00,
    architecture: 'amd64',
    byteOrder: 'little',
    programTypes: { tracing: true, xdp: true, raw_tracepoint: true, kprobe: true, tracepoint: true },
    mapTypes: { hash: true, array: true, ringbuf: true },
    helpers: { raw_tracepoint: { bpf_loop: true, bpf_map_lookup_elem: true } },
    features: { 'cpu-v3': true, 'narrow-stack-spills': true, 'stack-scalar-spills': true },
    hooks: { 'raw-tracepoint': { sched_process_exec: true } },
    kconfig: { CONFIG_BPF_LSM: 'y', CONFIG_HZ: '250' },
    privileges: { load: true },
  };
  const base = parseBtf(kernel);
  const module = new BtfBuilder({ base });
  module.addStruct('of_module', 4, []);
  return [
    { ...common, btf: { available: true, digest, data: Buffer.from(kernel).toString('base64') } },
    {
      ...common,
      btf: { available: true, digest, compact: packed(compactBtf(kernel)) },
      symbols: { functions: packed(names('do_unlinkat', 'vfs_open', 'vfs_read')), variables: packed(names('jiffies')) },
      tracepoints: packed(names('sched/sched_switch', 'syscalls/sys_enter_openat')),
      modules: { nf_conntrack: { btf: packed(module.bytes()) } },
    },
    { ...common, btf: { available: false } },
  ].map((document) => JSON.stringify(document));
}

function evidenceOf(index: ReturnType<typeof describeObject> | undefined, btf: string): unknown {
  const variant = index?.variants[0];
  return {
    schemaVersion: 1,
    mediaType: 'application/vnd.ebpf.service.evidence.v1+json',
    kernels: ['6.12.0-test', '6.1.0'].map((release) => ({
      release,
      version: '#1',
      architecture: 'amd64',
      btf,
      runs: [
        {
          variant: variant?.name ?? 'object',
          layer: variant?.layer ?? btf,
          object: { outcome: 'failed', errno: 'EINVAL', unforeseen: true, log: ['R1 invalid mem access'] },
          programs: (variant?.programs ?? []).map(({ name }) => ({
            name,
            loads: { outcome: release === '6.1.0' ? 'failed' : 'ok', unforeseen: true },
            attaches: { outcome: 'ok' },
          })),
        },
      ],
    })),
  };
}
