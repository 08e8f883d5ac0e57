import {
  type BtfIndex,
  type Evidence,
  type EvidenceKernel,
  type EvidenceRun,
  MEDIA_TYPE_EVIDENCE,
  parseEvidence,
} from '@bpfship/media-types';
import { decide, type KernelFacts, type KernelModule } from '@bpfship/portability';
import type { Kernel } from '@bpfship/runtime-shim';
import { tryVariant } from './try-variant.ts';

/** What to try, and where. */
export interface RecordEvidenceOptions {
  kernel: Kernel;
  index: BtfIndex;
  /** Of this kernel. */
  facts: KernelFacts;
  /** Its BTF. Default: that of the facts, or none. */
  btf?: Uint8Array | undefined;
  /** Its loaded modules. Default: those of the facts. */
  modules?: () => readonly KernelModule[];
  /** The object of the variant at a position of the index. */
  objectAt: (position: number) => Promise<Uint8Array>;
  /** RFC 3339, for people. Default: none, so that the same outcome gives the same bytes. */
  date?: string | undefined;
  /** Who says so, for people. Default: nobody. */
  by?: string | undefined;
  /** Also attaches programs at hooks that only watch, for a moment. Default: nothing is attached. */
  attach?: boolean;
  signal?: AbortSignal | undefined;
}

/** What this kernel said. */
export interface RecordedEvidence {
  /** Absent where nothing could be tried: no variant is for this platform, or this process may not load. */
  evidence?: Evidence;
  runs: EvidenceRun[];
}

/**
 * Loads every variant that is for this platform once on this kernel, and writes down what came of it (spec/evidence.md). Also those that the
 * verdict refuses: that they fail is evidence too.
 */
export async function recordEvidence(options: RecordEvidenceOptions): Promise<RecordedEvidence> {
  const { kernel, index, facts, btf, modules, objectAt, date, by, attach = false, signal } = options;
  if (!facts.privileges.load) return { runs: [] };
  const { version } = await kernel.library();
  const { verdicts } = decide({ index, facts, ...(btf ? { btf } : {}), ...(modules ? { modules } : {}) });
  const runs: EvidenceRun[] = [];
  for (const [position, verdict] of verdicts.entries()) {
    signal?.throwIfAborted();
    const variant = index.variants[position];
    if (!variant || verdict.programs.length === 0) continue;
    const tried = await tryVariant(kernel, { verdict, variant, bytes: await objectAt(position), attach });
    if (tried.object === undefined && tried.programs.length === 0) continue;
    runs.push({
      variant: verdict.variant,
      layer: verdict.layer,
      ...tried,
      loader: { name: 'libbpf', version },
      ...(date === undefined ? {} : { date }),
      ...(by === undefined ? {} : { by }),
    });
  }
  const where = kernelOf(facts);
  if (runs.length === 0 || where === undefined) return { runs };
  const document: Evidence = {
    schemaVersion: 1,
    mediaType: MEDIA_TYPE_EVIDENCE,
    kernels: [{ ...where, runs }],
  };
  return { evidence: parseEvidence(document), runs };
}

function kernelOf({ release, version, architecture, btf }: KernelFacts): Omit<EvidenceKernel, 'runs'> | undefined {
  // A kernel that cannot be named exactly is one of which nothing can be said.
  if (version === undefined || (btf.available && btf.digest === undefined)) return undefined;
  return { release, version, architecture, ...(btf.digest === undefined ? {} : { btf: btf.digest }) };
}
