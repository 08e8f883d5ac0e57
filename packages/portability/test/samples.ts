import { type BtfIndex, parseBtfIndex, type Requirement, type Variant } from '@bpfship/media-types';
import { type KernelFacts, parseKernelFacts } from '../src/index.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;

/** A variant with these requirements. */
export function variant(name: string, requirements: Requirement[] = [], more: Partial<Variant> = {}): Variant {
  return {
    name,
    layer: DIGEST,
    platform: { byteOrder: 'little' },
    object: { path: `${name}.bpf.o`, digest: DIGEST, size: 1 },
    license: 'GPL',
    programs: [{ name: 'p', section: 'xdp', type: 'xdp', hook: 'xdp' }],
    maps: [],
    requirements,
    ...more,
  };
}

/** An index of these variants, checked as one from a registry would be. */
export function index(...variants: Variant[]): BtfIndex {
  return parseBtfIndex({
    schemaVersion: 1,
    mediaType: 'application/vnd.ebpf.service.btf-index.v1+json',
    name: 'demo',
    version: '1.0.0',
    variants,
  });
}

/** Facts of a kernel that carries BTF and of which nothing was probed, with changes. */
export function facts(more: Partial<KernelFacts> = {}): KernelFacts {
  return parseKernelFacts({
    schemaVersion: 1,
    mediaType: 'application/vnd.ebpf.kernel-facts.v1+json',
    release: '6.12.0',
    architecture: 'amd64',
    byteOrder: 'little',
    btf: { available: true },
    programTypes: {},
    mapTypes: {},
    helpers: {},
    features: {},
    hooks: {},
    privileges: { load: true },
    ...more,
  });
}
