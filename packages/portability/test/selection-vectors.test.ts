import { type ParameterValue, parseBtfIndex, parseEvidence } from '@bpfship/media-types';
import { describe, expect, it } from 'vitest';
import { type AttachTargets, decide, parseKernelFacts, type Selection } from '../src/index.ts';
import { readVectors } from './vectors.ts';

interface Input {
  index: object;
  facts: object;
  btf?: string;
  evidence?: object[];
  attachTargets?: AttachTargets;
  parameters?: Record<string, ParameterValue>;
}

interface ExpectedVerdict {
  variant: string;
  architecture?: string;
  outcome: string;
  findings: { code: string; outcome: string; requirement?: number }[];
}

interface Expected {
  verdicts: ExpectedVerdict[];
  candidates: string[];
}

/** A selection as the vectors write it. */
function summarise({ verdicts, candidates }: Selection, index: ReturnType<typeof parseBtfIndex>): Expected {
  return {
    verdicts: verdicts.map(({ variant, architecture, outcome, findings }, i) => ({
      variant,
      ...(architecture === undefined ? {} : { architecture }),
      outcome,
      findings: findings.map(({ code, outcome: answer, requirement }) => ({
        code,
        outcome: answer,
        ...(requirement === undefined ? {} : { requirement: index.variants[i].requirements.indexOf(requirement) }),
      })),
    })),
    candidates: candidates.map(({ variant }) => variant),
  };
}

describe('selection vectors', () => {
  it.each(readVectors<Input, Expected>('selection'))('$id: $description', ({ input, expected }) => {
    const index = parseBtfIndex(input.index);
    const facts = parseKernelFacts(input.facts);
    const btf = input.btf === undefined ? {} : { btf: new Uint8Array(Buffer.from(input.btf, 'base64')) };
    const evidence = (input.evidence ?? []).map((document) => parseEvidence(document));
    const { attachTargets = {}, parameters = {} } = input;
    const selection = decide({ index, facts, ...btf, evidence, attachTargets, parameters });
    expect(summarise(selection, index)).toEqual(expected);
    for (const { findings } of selection.verdicts)
      for (const { reason } of findings) expect(reason).toMatch(/^[^\p{Cc}]+$/u);
    // The order of evidence changes nothing, nor do parameters that no guard asks for, and neither does asking twice.
    const again = decide({
      index,
      facts,
      ...btf,
      attachTargets,
      evidence: evidence.toReversed(),
      parameters: { ...parameters, ...(evidence.length === 0 ? { 'nobody-asks': 1 } : {}) },
    });
    expect(again).toEqual(selection);
  });
});
