import { BpfObjectError, createCoreResolver, parseBtf, sizeOfType, skipModifiers, type Btf } from '@bpfship/bpf-object';
import { describeObject, DevkitError } from '@bpfship/devkit';
import { canonicalJson, DocumentError, parseBtfIndex, type BtfIndex, type Evidence } from '@bpfship/media-types';
import { decide, explainSelection, PortabilityError, selectionRows, type KernelFacts } from '@bpfship/portability';

/** What came of a case: `accepted`, or the code of the error. */
export type Outcome = string;

/** A read-only variable of the first seed (packages/bpf-object/test/objects/service.bpf.c). */
export const PARAMETER = 'only_pid';
/** Types of an accepted BTF that are looked at. */
const LOOKS = 200;
/** Errors about a question, not about what was read. */
const WITHOUT_PLACE: ReadonlySet<string> = new Set([
  'ERR_BTF_TYPE_NOT_FOUND',
  'ERR_TYPE_NOT_DECODABLE',
  'ERR_EVENT_TOO_SHORT',
]);

/** The whole road of an object: read, derive, describe, check against the schema, decide, explain. */
export function travel(bytes: Uint8Array, facts: readonly KernelFacts[]): Outcome {
  return typed(() => {
    const described = describeObject(bytes, 'fuzzed.bpf.o', parametersOf(bytes));
    const text = canonicalJson(described);
    const index = parseBtfIndex(text);
    if (canonicalJson(index) !== text) throw new Error('the index is not what was written');
    for (const each of facts) decideAll(index, each);
  });
}

/** The variable that the seeds' parameter names, in every second object that may have it. */
function parametersOf(bytes: Uint8Array): string[] {
  const isChosen = bytes.reduce((parity, byte) => parity ^ byte, 0) % 2 === 1;
  return isChosen && Buffer.from(bytes).includes(PARAMETER) ? [PARAMETER] : [];
}

/** Decides and explains, and holds the answer against what is true of all answers. */
export function decideAll(index: BtfIndex, facts: KernelFacts, evidence: readonly Evidence[] = []): void {
  const selection = decide({ index, facts, evidence, parameters: { [PARAMETER]: 7 } });
  if (selection.verdicts.length !== index.variants.length) throw new Error('not every variant has a verdict');
  for (const verdict of selection.verdicts) {
    const isCandidate = selection.candidates.includes(verdict);
    if (isCandidate !== (verdict.outcome !== 'refused')) throw new Error('a candidate is one that is not refused');
    if (verdict.outcome === 'refused' && verdict.findings.length === 0) throw new Error('refused without a finding');
    if (verdict.outcome === 'loads' && verdict.findings.length > 0) throw new Error('loads in spite of findings');
    for (const { code, reason } of verdict.findings) if (!code || !reason) throw new Error('a finding says nothing');
  }
  const text = explainSelection(selection);
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/.test(text)) throw new Error('it steers the terminal');
  if (selectionRows(selection).length < selection.verdicts.length) throw new Error('a variant is not explained');
  JSON.stringify(selection);
}

/** Follows what was accepted, as its users do. */
export function lookAtBtf(btf: Btf, index: BtfIndex | undefined): void {
  for (let id = 0; id < Math.min(btf.typeCount, LOOKS); id++) {
    skipModifiers(btf, id);
    sizeOfType(btf, id);
  }
  const local = index?.variants.find(({ types }) => types !== undefined);
  if (local?.types === undefined) return;
  const resolver = createCoreResolver(parseBtf(Buffer.from(local.types, 'base64')), btf);
  for (const requirement of local.requirements) {
    if (requirement.kind !== 'core-relocation' || !('spec' in requirement)) continue;
    const { relocation, spec } = requirement as { relocation: 'field-exists'; spec: [number, string] };
    resolver.resolve({ kind: relocation, typeId: spec[0], access: spec[1] });
  }
}

/** Whatever is thrown but the typed errors, with what they must say, is a defect. */
export function typed(run: () => unknown): Outcome {
  try {
    run();
    return 'accepted';
  } catch (error) {
    const inner = error instanceof DevkitError ? (error.cause ?? error) : error;
    if (inner instanceof BpfObjectError) {
      const { section, offset, rule, code } = inner;
      const isPlaced = section !== undefined && offset !== undefined && Boolean(rule);
      if (!isPlaced && !WITHOUT_PLACE.has(code))
        throw new Error(`no section, offset or rule: ${inner.message}`, { cause: error });
      return code;
    }
    if (inner instanceof DocumentError) {
      if (inner.code === 'ERR_DOCUMENT_INVALID' && !inner.issues[0]?.message)
        throw new Error('no rule is named', { cause: error });
      return inner.code;
    }
    if (inner instanceof DevkitError || inner instanceof PortabilityError) return inner.code;
    throw error;
  }
}
