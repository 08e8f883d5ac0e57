import {
  type BtfIndex,
  checkPackage,
  indexBlob,
  MAX_INDEX_BLOB_SIZE,
  parseIndexBlob,
  parseServiceManifest,
  type ServiceManifest,
  type Variant,
} from '@bpfship/media-types';
import {
  type Descriptor,
  fetchBytes,
  fetchReference,
  type GraphSource,
  type ReadOnlyTarget,
} from '@bpfship/oras-client';
import {
  type AttachTargets,
  decide,
  type KernelFacts,
  neededFacts,
  type Selection,
  targetsOf,
  type Verdict,
} from '@bpfship/portability';
import { type Policy, type Verification, verifyArtifact } from '@bpfship/trust';
import type { KernelBtf } from '../facts/kernel-btf.ts';
import { loadedModules } from '../facts/module-btf.ts';
import { readKernelFacts } from '../facts/read-kernel-facts.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { ShimError } from '../shim-error.ts';
import { checkAttachTargets } from './attach-targets.ts';
import { wrongService } from './change-errors.ts';
import { findEvidence } from './find-evidence.ts';
import { findSupplement, type FoundSupplement, type SupplementSearch } from './find-supplement.ts';
import { resolveTargets, withoutPatterns } from './resolve-targets.ts';
import { type ParameterChanges, type ParameterValues, resolveParameters } from './parameters.ts';
import type { StepTimer } from './steps.ts';

/** Where a package comes from and what it must satisfy. */
export interface PackageSource {
  target: ReadOnlyTarget & GraphSource;
  /** Tag or digest. */
  reference: string;
  /** Registry and repository, or folder; for people. */
  location: string;
  /** Who must have signed it. Exactly one of `policy` and `allowUnsigned`. */
  policy?: Policy;
  /** Loads it without looking at signatures. For development. */
  allowUnsigned?: true;
  /** Use this variant and no other. Default: the selected one. */
  variant?: string;
  signal?: AbortSignal;
}

/** A verified package with its selection. */
export interface PreparedPackage {
  descriptor: Descriptor;
  manifest: ServiceManifest;
  manifestBytes: Uint8Array;
  index: BtfIndex;
  /** The blob that holds the index, as it came. */
  indexBytes: Uint8Array;
  signer: string | undefined;
  /** The accepted signature's bundle; absent where none was asked for. */
  signature?: { digest: string; bytes: Uint8Array } | undefined;
  /** Load parameters that are set; the selection was made with them. */
  parameters: ParameterValues;
  selection: Selection;
  /** The verdicts to try, best first. */
  candidates: Verdict[];
  /** Minimal BTF for this kernel, which has none of its own. Absent where it has, or none was found. */
  supplement?: FoundSupplement;
  /** What people should know. */
  warnings: string[];
}

/** Resolve, verify, facts, select: everything that comes before a layer is fetched. */
export async function preparePackage(
  source: PackageSource &
    ParameterChanges & { service?: string; attach?: AttachTargets; keptParameters?: ParameterValues | undefined },
  { kernel, btf: ownBtf }: { kernel: Kernel; btf: KernelBtf },
  timer: StepTimer,
): Promise<PreparedPackage> {
  const { target, signal, attach = {} } = source;
  const attachTargets = withoutPatterns(resolveTargets(attach));
  // The worker opens libbpf and reads the kernel's BTF while the registry is asked.
  const [opening, reading] = [kernel.library(), ownBtf.read()];
  for (const begun of [opening, reading]) begun.catch(() => undefined);
  const { descriptor, bytes: manifestBytes } = await timer.run(
    'resolve',
    () => fetchReference(target, source.reference, { signal }),
    ({ descriptor: found, bytes }) => ({ detail: `${source.reference} is ${found.digest}`, bytes: bytes.length }),
  );
  const manifest = parseServiceManifest(manifestBytes);
  const verified = await timer.run(
    'verify',
    () => verifySigner(source, descriptor),
    (found) => ({ detail: found === undefined ? 'not checked' : `signed by key ${found.signer.hint}` }),
  );
  const { index, indexBytes, facts, btf } = await timer.run(
    'facts',
    async () => {
      const config = await fetchBytes(target, indexBlob(manifest), { maxBytes: MAX_INDEX_BLOB_SIZE, signal });
      const parsed = parseIndexBlob(manifest, config);
      checkPackage(manifest, parsed);
      // Nothing else of another service's package is worth saying.
      if (source.service !== undefined && parsed.name !== source.service)
        throw wrongService(parsed.name, source.service);
      const [kernelBtf] = await Promise.all([reading, opening]);
      return {
        index: parsed,
        indexBytes: config,
        btf: kernelBtf,
        facts: await readKernelFacts({ kernel, btf: kernelBtf, for: neededFacts(parsed.variants) }),
      };
    },
    ({ facts: read, indexBytes: config }) => ({
      detail: `Linux ${read.release}, ${read.btf.available ? 'BTF' : 'no BTF'}`,
      bytes: config.length,
    }),
  );
  if (!facts.privileges.load) throw missingPrivilege(facts.privileges.reason);
  const { found: supplement, warnings: left } = await supplementFor(source, descriptor, index, facts, timer);
  const { parameters, warnings: dropped } = resolveParameters(index, source, source.keptParameters);
  const { evidence, warnings: doubts } = await findEvidence({
    target,
    subject: descriptor,
    policy: source.policy,
    signal,
  });
  const warnings = [...left, ...dropped, ...doubts];
  const types = btf ?? supplement?.bytes;
  checkOnlyTargets(index, attachTargets, facts);
  const selection = await timer.run(
    'select',
    () => {
      const modules = loadedModules();
      return Promise.resolve(
        decide({ index, facts, evidence, attachTargets, parameters, modules, ...(types ? { btf: types } : {}) }),
      );
    },
    ({ candidates }) => ({
      detail: candidates[0] ? `variant ${candidates[0].variant} (${candidates[0].outcome})` : 'no variant fits',
    }),
  );
  return {
    descriptor,
    manifest,
    manifestBytes,
    index,
    indexBytes,
    signer: verified?.signer.hint,
    ...(verified ? { signature: { digest: verified.bundleDigest, bytes: verified.bundle } } : {}),
    parameters,
    selection,
    candidates: candidatesOf(source, index, selection, facts.release),
    ...(supplement === undefined ? {} : { supplement }),
    warnings,
  };
}

/** A target that is not there is the fault of who names it, not of any variant. */
function checkOnlyTargets({ variants }: BtfIndex, targets: AttachTargets, { interfaces }: KernelFacts): void {
  if (interfaces === undefined) return;
  for (const variant of variants) {
    const named = variant.programs.filter((program) =>
      targetsOf(targets, program).some(({ interfaceName }) => interfaceName !== undefined),
    );
    if (named.length > 0) checkAttachTargets({ ...variant, programs: named }, targets);
  }
}

/** Only for a kernel without BTF, and a package that reads something of it. */
async function supplementFor(
  { target, policy, allowUnsigned, signal }: PackageSource,
  subject: Descriptor,
  { variants }: BtfIndex,
  facts: KernelFacts,
  timer: StepTimer,
): Promise<SupplementSearch> {
  if (facts.btf.available || variants.every(({ types }) => types === undefined)) return { warnings: [] };
  return timer.run(
    'supplement',
    () => findSupplement({ target, subject, facts, policy, allowUnsigned, signal }),
    ({ found, warnings }) => ({
      detail:
        found === undefined
          ? `no BTF for this kernel${warnings.length > 0 ? ` (${warnings.length} left out)` : ''}`
          : `${found.match} match, ${found.digest}`,
      bytes: found?.size ?? 0,
    }),
  );
}

function missingPrivilege(reason = 'it is not known why'): ShimError {
  return new ShimError('ERR_SHIM_PRIVILEGE', `this process may not load programs into the kernel: ${reason}`, {
    hint: 'Run it as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; "bpfship check" needs no rights.',
  });
}

async function verifySigner(
  { target, policy, allowUnsigned, signal }: PackageSource,
  subject: Descriptor,
): Promise<Verification | undefined> {
  if (policy !== undefined) return verifyArtifact({ target, subject, policy, ...(signal ? { signal } : {}) });
  if (allowUnsigned) return undefined;
  throw new TypeError('either a policy or allowUnsigned must be given');
}

function candidatesOf(source: PackageSource, index: BtfIndex, selection: Selection, release: string): Verdict[] {
  const { variant } = source;
  if (variant === undefined) {
    if (selection.candidates.length > 0) return selection.candidates;
    throw new ShimError('ERR_SHIM_NO_VARIANT', `no variant of ${index.name} ${index.version} fits Linux ${release}`, {
      hint: 'The table says what each variant lacks; ask the author for a variant for this kernel.',
      selection,
    });
  }
  if (!index.variants.some(({ name }) => name === variant)) {
    throw new ShimError('ERR_SHIM_UNKNOWN_VARIANT', `${index.name} ${index.version} has no variant "${variant}"`, {
      hint: `It has: ${[...new Set(index.variants.map(({ name }) => name))].join(', ')}`,
    });
  }
  const named = selection.candidates.filter((verdict) => verdict.variant === variant);
  if (named.length > 0) return named;
  throw new ShimError(
    'ERR_SHIM_NO_VARIANT',
    `variant "${variant}" of ${index.name} ${index.version} does not fit Linux ${release}`,
    {
      hint: 'Leave --variant out to let the node choose.',
      selection,
    },
  );
}

/** The variant that a verdict is about. */
export function variantOf(index: BtfIndex, { variant, layer, architecture }: Verdict): Variant {
  const found = index.variants.find(
    (candidate) =>
      candidate.name === variant && candidate.layer === layer && candidate.platform.architecture === architecture,
  );
  if (!found) throw new TypeError('a verdict is of a variant of its index');
  return found;
}
