import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BtfIndex, type ServiceManifest, variantLayer } from '@bpfship/media-types';
import { makeFolder } from './durable-folder.ts';
import type { OciLayoutStore, ReadOnlyTarget } from '@bpfship/oras-client';
import { type AttachTargets, decide, type KernelFacts, type Verdict } from '@bpfship/portability';
import {
  type InstalledKernel,
  type KernelFolders,
  listInstalledKernels,
  readInstalledFacts,
} from '../facts/installed-kernels.ts';
import { fetchVariant } from './fetch-variant.ts';
import { variantOf } from './prepare.ts';

/** Bytes of layers that one service may have the node fetch for kernels that do not run. */
const MAX_BYTES: number = 64 * 1024 * 1024;

/** A package in the local store whose variants are wanted for other kernels. */
export interface PrefetchOptions {
  store: OciLayoutStore;
  stateDir: string;
  kernels: KernelFolders | undefined;
  manifest: ServiceManifest;
  index: BtfIndex;
  attach: AttachTargets;
  target: ReadOnlyTarget;
  signal?: AbortSignal | undefined;
}

/** What was prefetched for the kernels that are installed on the node and do not run. */
export interface Prefetched {
  /** Digests of layers that these kernels may want, all in the local store. */
  layers: string[];
  kernels: { release: string; variants: string[] }[];
  /** Bytes that came from the registry. */
  bytes: number;
  /** What people should know. */
  warnings: string[];
}

/**
 * Fetches, for every other kernel that is installed on this node, the variants that are not refused by what can be known of it, so that the
 * service comes back without a network after the node was started with that kernel.
 *
 * @throws {OciError} where the registry fails.
 */
export async function prefetchVariants(options: PrefetchOptions): Promise<Prefetched> {
  const { store, manifest, index, attach, target, signal } = options;
  const layers = new Set<string>();
  const result: Prefetched = { layers: [], kernels: [], bytes: 0, warnings: [] };
  for (const kernel of await listInstalledKernels(options.kernels)) {
    const { facts, btf } = await cachedFacts(options.stateDir, kernel);
    const candidates = candidatesFor(index, facts, btf, attach);
    if (typeof candidates === 'string') {
      result.warnings.push(`nothing was prefetched for Linux ${kernel.release}: ${candidates}`);
      continue;
    }
    if (candidates.length === 0)
      result.warnings.push(`no variant fits Linux ${kernel.release}, which is installed on this node`);
    for (const verdict of candidates) {
      const { size } = variantLayer(manifest, variantOf(index, verdict));
      if (!layers.has(verdict.layer) && result.bytes + size > MAX_BYTES) {
        result.warnings.push(
          `variant ${verdict.variant} was not prefetched for Linux ${kernel.release}: more than ${MAX_BYTES} bytes`,
        );
        continue;
      }
      const { fetched } = await fetchVariant(store, { manifest, index }, verdict, {
        target,
        ...(signal ? { signal } : {}),
      });
      result.bytes += fetched;
      layers.add(verdict.layer);
    }
    result.kernels.push({ release: kernel.release, variants: [...new Set(candidates.map(({ variant }) => variant))] });
  }
  return { ...result, layers: [...layers].sort() };
}

function candidatesFor(
  index: BtfIndex,
  facts: KernelFacts,
  btf: Uint8Array | undefined,
  attachTargets: AttachTargets,
): Verdict[] | string {
  try {
    return decide({ index, facts, attachTargets, ...(btf === undefined ? {} : { btf }) }).candidates;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Facts of a kernel that was looked at before: its BTF is cut out of its image once, and kept beside the state. */
async function cachedFacts(
  stateDir: string,
  kernel: InstalledKernel,
): Promise<{ facts: KernelFacts; btf: Uint8Array | undefined }> {
  const folder = join(stateDir, 'kernels');
  const path = join(folder, `${kernel.release}-${kernel.stamp}`);
  const kept = await readKept(path);
  if (kept) return kept;
  const read = await readInstalledFacts(kernel);
  // A cache that cannot be written is none: a full disk is told by what matters.
  await keep(folder, path, read).catch(() => undefined);
  return read;
}

async function readKept(path: string): Promise<{ facts: KernelFacts; btf: Uint8Array | undefined } | undefined> {
  try {
    const facts = JSON.parse(await readFile(`${path}.json`, 'utf8')) as KernelFacts & { kept: boolean };
    return { facts, btf: facts.kept ? await readFile(`${path}.btf`) : undefined };
  } catch {
    return undefined;
  }
}

async function keep(
  folder: string,
  path: string,
  { facts, btf }: { facts: KernelFacts; btf: Uint8Array | undefined },
): Promise<void> {
  await makeFolder(folder);
  if (btf) await replaceFile(`${path}.btf`, btf);
  await replaceFile(`${path}.json`, JSON.stringify({ ...facts, kept: btf !== undefined }));
}

async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  try {
    // Without it a power cut could leave the name with other bytes.
    await writeFile(temporary, content, { mode: 0o600, flush: true });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
