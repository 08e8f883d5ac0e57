import {
  ARTIFACT_TYPE_BTF_SUPPLEMENT,
  type BtfTable,
  MAX_MANIFEST_SIZE,
  MAX_MINIMAL_BTF_SIZE,
  MAX_SUPPLEMENT_TABLE_SIZE,
  MAX_SUPPLEMENTS,
  MEDIA_TYPE_MINIMAL_BTF,
  MEDIA_TYPE_OCI_MANIFEST,
  parseBtfTable,
  parseSupplementManifest,
  type SupplementManifest,
} from '@bpfship/media-types';
import { parseBtf } from '@bpfship/bpf-object';
import { type Descriptor, fetchBytes, type GraphSource, type ReadOnlyTarget } from '@bpfship/oras-client';
import { chooseSupplement, type KernelFacts } from '@bpfship/portability';
import { type Policy, TrustError, verifyArtifact } from '@bpfship/trust';
import { ShimError } from '../shim-error.ts';

/** Referrers of a package that are read to find its supplements. */
const MAX_ENTRIES = 10_000;

/** Where to look, and whom to believe. */
export interface FindSupplementOptions {
  target: ReadOnlyTarget & GraphSource;
  /** The package. */
  subject: Descriptor;
  facts: KernelFacts;
  /** Who must have signed the package; `supplementKeys` says who may sign supplements. */
  policy?: Policy | undefined;
  /** Takes supplements without looking at signatures. */
  allowUnsigned?: true | undefined;
  signal?: AbortSignal | undefined;
}

/** Minimal BTF for the running kernel. */
export interface FoundSupplement {
  /** Of the layer with the BTF. */
  digest: string;
  size: number;
  bytes: Uint8Array;
  match: 'exact' | 'near';
}

/** What was found, and what was left out and why. */
export interface SupplementSearch {
  found?: FoundSupplement;
  warnings: string[];
}

/**
 * Looks among the referrers of a package for minimal BTF of a kernel that has no BTF (spec/btf-supplements.md, "Discovery"). A supplement that is
 * not signed in its role, or breaks the standard, is left out with a warning; of the one that fits, one layer is fetched.
 *
 * @throws {OciError} where the registry fails. @throws {ShimError} `ERR_SHIM_SUPPLEMENT` where the chosen layer is not the BTF it should be.
 */
export async function findSupplement(options: FindSupplementOptions): Promise<SupplementSearch> {
  const { target, facts, signal } = options;
  const warnings: string[] = [];
  const entries = await listSupplements(options);
  if (entries.length > MAX_SUPPLEMENTS) {
    warnings.push(`the package has ${entries.length} BTF supplements; ${MAX_SUPPLEMENTS} of them were looked at`);
  }
  const usable: { manifest: SupplementManifest; table: BtfTable }[] = [];
  for (const entry of entries.slice(0, MAX_SUPPLEMENTS)) {
    const read = await readSupplement(options, entry);
    if (typeof read === 'string') warnings.push(`BTF supplement ${entry.digest} was left out: ${read}`);
    else usable.push(read);
  }
  const chosen = chooseSupplement(
    usable.map(({ table }) => table),
    facts,
  );
  const manifest = chosen && usable[chosen.table]?.manifest;
  if (chosen === undefined || manifest === undefined) return { warnings };
  const layer = manifest.layers.find(({ digest }) => digest === chosen.kernel.btf);
  if (layer?.mediaType !== MEDIA_TYPE_MINIMAL_BTF) {
    throw unusable(`its table names ${chosen.kernel.btf}, which is none of its layers`);
  }
  const bytes = await fetchBytes(target, layer, { maxBytes: MAX_MINIMAL_BTF_SIZE, signal });
  checkBtf(bytes, layer.digest);
  return { found: { digest: layer.digest, size: layer.size, bytes, match: chosen.match }, warnings };
}

/** In the order of their digests, whatever the registry's order is. */
async function listSupplements({ target, subject, signal }: FindSupplementOptions): Promise<Descriptor[]> {
  const entries = new Map<string, Descriptor>();
  let read = 0;
  const list = target.predecessors(subject, { artifactType: ARTIFACT_TYPE_BTF_SUPPLEMENT, signal });
  for await (const entry of list) {
    if (++read > MAX_ENTRIES) break;
    if (entry.mediaType === MEDIA_TYPE_OCI_MANIFEST) entries.set(entry.digest, entry);
  }
  return [...entries.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** The supplement, or why it is not usable. */
async function readSupplement(
  { target, subject, policy, allowUnsigned, signal }: FindSupplementOptions,
  entry: Descriptor,
): Promise<{ manifest: SupplementManifest; table: BtfTable } | string> {
  if (!allowUnsigned) {
    const keys = policy?.supplementKeys ?? [];
    if (keys.length === 0) return 'the policy names nobody who may sign BTF supplements (supplementKeys)';
    try {
      await verifyArtifact({ target, subject: entry, policy: { keys }, ...(signal ? { signal } : {}) });
    } catch (error) {
      if (error instanceof TrustError) return error.message;
      throw error;
    }
  }
  const bytes = await fetchBytes(target, entry, { maxBytes: MAX_MANIFEST_SIZE, signal });
  try {
    const manifest = parseSupplementManifest(bytes);
    if (manifest.subject.digest !== subject.digest) return 'it belongs to another package';
    const table = await fetchBytes(target, manifest.config, { maxBytes: MAX_SUPPLEMENT_TABLE_SIZE, signal });
    return { manifest, table: parseBtfTable(table) };
  } catch (error) {
    if (error instanceof Error && error.name === 'DocumentError') return error.message;
    throw error;
  }
}

function checkBtf(bytes: Uint8Array, digest: string): void {
  try {
    parseBtf(bytes);
  } catch (cause) {
    throw unusable(`its layer ${digest} is no BTF`, cause);
  }
}

function unusable(why: string, cause?: unknown): ShimError {
  return new ShimError('ERR_SHIM_SUPPLEMENT', `the BTF supplement for this kernel cannot be used: ${why}`, {
    hint: 'Tell who signed it; a kernel with BTF of its own (CONFIG_DEBUG_INFO_BTF) needs none.',
    cause,
  });
}
