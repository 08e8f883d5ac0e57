import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveRequirements, findSection, readBpfObject, readElf } from '@bpfship/bpf-object';
import { describeObject } from '@bpfship/devkit';
import type { Seeds } from './targets.ts';

const SOURCES = join(import.meta.dirname, '..', '..', 'packages', 'bpf-object', 'test', 'objects');

/** Compiles the objects that the fuzzer starts from, and makes an index and facts that fit them. */
export function createSeeds(folder: string): Seeds {
  const objects = ['service', 'relocations', 'direct-access'].map((name) => compile(folder, name));
  const [service = new Uint8Array(0)] = objects;
  deriveRequirements(readBpfObject(service));
  const kernel = findSection(readElf(service), '.BTF')?.data ?? new Uint8Array(0);
  const facts = {
    schemaVersion: 1,
    mediaType: 'application/vnd.ebpf.kernel-facts.v1+json',
    release: '6.12.0-test',
    kernelVersion: 0x060c00,
    architecture: 'amd64',
    byteOrder: 'little',
    btf: { available: true, data: Buffer.from(kernel).toString('base64') },
    programTypes: { tracing: true, xdp: true, raw_tracepoint: true },
    mapTypes: { hash: true, array: true, ringbuf: true },
    helpers: { raw_tracepoint: { bpf_loop: true, bpf_map_lookup_elem: true } },
    features: { 'cpu-v3': true, 'narrow-stack-spills': true },
    hooks: { 'raw-tracepoint': { sched_process_exec: true } },
    kconfig: { CONFIG_BPF_LSM: 'y', CONFIG_HZ: '250' },
    privileges: { load: true },
  };
  return {
    objects,
    index: JSON.stringify(describeObject(service, 'service.bpf.o')),
    facts: JSON.stringify(facts),
    kernel,
  };
}

function compile(folder: string, name: string): Uint8Array {
  const out = join(folder, `${name}.bpf.o`);
  const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const source = join(SOURCES, `${name}.bpf.c`);
  execFileSync('clang', ['-g', '-O2', '-target', 'bpf', '-D__TARGET_ARCH_x86', include, '-c', source, '-o', out]);
  return new Uint8Array(readFileSync(out));
}
