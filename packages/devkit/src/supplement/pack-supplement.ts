import {
  ARTIFACT_TYPE_BTF_SUPPLEMENT,
  type BtfIndex,
  type BtfTable,
  canonicalJsonBytes,
  MEDIA_TYPE_BTF_TABLE,
  MEDIA_TYPE_MINIMAL_BTF,
  type NearKernels,
  parseBtfTable,
  type SupplementedKernel,
} from '@bpfship/media-types';
import { type Descriptor, packManifest, pushBytes, type Target } from '@bpfship/oras-client';
import { minimalBtf } from '@bpfship/portability';
import { DevkitError } from '../devkit-error.ts';

/** A kernel, with its whole BTF. */
export interface KernelToSupplement {
  /** `uname -r`. */
  release: string;
  /** `uname -v`. Default: every build of the release. */
  version?: string;
  /** OCI architecture name. */
  architecture: string;
  /** As in /sys/kernel/btf/vmlinux. */
  btf: Uint8Array;
  near?: NearKernels;
}

/** What to make a supplement of. */
export interface PackSupplementOptions {
  target: Target;
  /** The package. */
  subject: Descriptor;
  /** Its index. */
  index: BtfIndex;
  kernels: readonly KernelToSupplement[];
  signal?: AbortSignal | undefined;
}

/** A supplement that is stored. */
export interface PackedSupplement {
  descriptor: Descriptor;
  table: BtfTable;
  /** Layers, which is how many different minimal BTFs there are; most kernels share one. */
  layers: number;
  /** Bytes of all layers. */
  size: number;
}

/**
 * Makes minimal BTF for kernels that carry none, and attaches it to a package as a referrer (spec/btf-supplements.md). The package itself stays as
 * it is, so that its signature holds. The same input gives the same digest.
 *
 * @throws {DevkitError} `ERR_SUPPLEMENT_INVALID` where a kernel's BTF cannot be read, or the list is none.
 */
export async function packSupplement(options: PackSupplementOptions): Promise<PackedSupplement> {
  const { target, subject, index, kernels, signal } = options;
  const pushOptions = signal === undefined ? {} : { signal };
  const layers = new Map<string, Descriptor>();
  const entries: SupplementedKernel[] = [];
  for (const { btf, ...kernel } of kernels) {
    const bytes = minimumFor(index, kernel.release, btf);
    const layer = await pushBytes(target, MEDIA_TYPE_MINIMAL_BTF, bytes, pushOptions);
    // Unique titles: "oras pull" writes each layer into a file of its own.
    layers.set(layer.digest, {
      ...layer,
      annotations: { 'org.opencontainers.image.title': `${layer.digest.replace(/^sha256:/, '').slice(0, 16)}.btf` },
    });
    entries.push({ ...kernel, btf: layer.digest });
  }
  const table = tableOf(entries);
  const config = await pushBytes(target, MEDIA_TYPE_BTF_TABLE, canonicalJsonBytes(table), pushOptions);
  const sorted = [...layers.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  const descriptor = await packManifest(target, {
    artifactType: ARTIFACT_TYPE_BTF_SUPPLEMENT,
    config,
    layers: sorted,
    subject,
    ...pushOptions,
  });
  return { descriptor, table, layers: sorted.length, size: sorted.reduce((sum, { size }) => sum + size, 0) };
}

function minimumFor(index: BtfIndex, release: string, btf: Uint8Array): Uint8Array {
  try {
    return minimalBtf(index, btf);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DevkitError('ERR_SUPPLEMENT_INVALID', `the BTF of kernel ${release} cannot be read: ${reason}`, {
      hint: 'Give raw BTF as in /sys/kernel/btf/vmlinux: pahole --btf_encode_detached, or a file of BTFHub.',
      cause,
    });
  }
}

function keyOf({ release, version = '', architecture, btf }: SupplementedKernel): string {
  return [release, version, architecture, btf].join('\0');
}

function tableOf(entries: readonly SupplementedKernel[]): BtfTable {
  const kernels = [...new Map(entries.map((entry) => [keyOf(entry), entry])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, entry]) => entry);
  try {
    return parseBtfTable({ schemaVersion: 1, mediaType: MEDIA_TYPE_BTF_TABLE, kernels });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DevkitError('ERR_SUPPLEMENT_INVALID', `the kernels cannot be described: ${reason}`, {
      hint: 'Each needs release, architecture and btf; see spec/btf-supplements.md.',
      cause,
    });
  }
}
