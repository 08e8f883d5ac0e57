import type { BtfIndex, Evidence, ParameterValue } from '@bpfship/media-types';
import type { AttachTargets } from './attach-targets.ts';
import { openEvidence } from './evidence/open-evidence.ts';
import { weighEvidence } from './evidence/weigh-evidence.ts';
import type { KernelFacts } from './facts.ts';
import { factsModules, factsTypes } from './facts-view.ts';
import { judge } from './judge.ts';
import { type KernelModule, type KernelTypes, openKernelTypes } from './kernel-types.ts';
import { withoutDefaults } from './parameters/settings.ts';
import type { Selection } from './verdict.ts';

/** The one input of the selection function (spec/selection.md, "Input"). */
export interface DecideOptions {
  readonly index: BtfIndex;
  readonly facts: KernelFacts;
  /**
   * The kernel's BTF, as bytes or already opened (open it once to decide about many packages). Default: that of the facts, or none.
   * Where `facts.btf.available` is false it is a BTF supplement, which relocations alone may use.
   */
  readonly btf?: Uint8Array | KernelTypes;
  /**
   * Loaded modules, on the node itself: asked for where `btf` are bytes and have no type that a relocation wants. Hooks and symbols of
   * modules are answered by the facts. Default: the modules that the facts name.
   */
  readonly modules?: () => readonly KernelModule[];
  /** Where programs are to attach, such as `{ '*': { interfaceName: 'eth0' } }`. Default: not known, which no rule minds. */
  readonly attachTargets?: AttachTargets;
  /**
   * Load parameters by name, which guards may depend on; the caller has checked them (`checkParameters`). Default: the values that the
   * objects carry.
   */
  readonly parameters?: Readonly<Record<string, ParameterValue>>;
  /** What came of variants on kernels named exactly; signed and verified, or otherwise believed, by the caller (spec/evidence.md). Default: none. */
  readonly evidence?: readonly Evidence[];
}

/**
 * Chooses among the variants of a package: those that load, in the author's order, then the uncertain ones, in the author's order. Never
 * compares a version. No candidate is an answer too: `candidates` is then empty and every verdict says why.
 *
 * @throws {PortabilityError} `ERR_KERNEL_BTF_INVALID` where a rule needs the kernel's BTF and it cannot be read.
 */
export function decide(input: DecideOptions): Selection {
  const { index, facts, attachTargets = {}, parameters = {}, evidence = [] } = input;
  const types = kernelTypes(input);
  const declared = index.parameters ?? [];
  const given = withoutDefaults(declared, parameters);
  const options = { facts, parameters: given, declared, attachTargets, ...(types === undefined ? {} : { types }) };
  const known = evidence.length === 0 ? undefined : openEvidence(evidence, facts, { declared, given });
  const verdicts = index.variants.map((variant) => {
    const verdict = judge(variant, options);
    return known === undefined ? verdict : weighEvidence(verdict, known);
  });
  const candidates = [
    ...verdicts.filter(({ outcome }) => outcome === 'loads'),
    ...verdicts.filter(({ outcome }) => outcome === 'uncertain'),
  ];
  return { verdicts, candidates };
}

function kernelTypes({ facts, btf, modules }: DecideOptions): KernelTypes | undefined {
  if (!(btf instanceof Uint8Array)) return btf ?? factsTypes(facts);
  // To a loader a supplement is a custom BTF, beside which it looks at no module.
  if (!facts.btf.available) return openKernelTypes(btf);
  if (modules === undefined) return openKernelTypes(btf, () => factsModules(facts.modules));
  return { ...openKernelTypes(btf, modules), hasInModules: () => false };
}
