import { parseBtfIndex, parseEvidence } from '@bpfship/media-types';
import { describe, expect, it } from 'vitest';
import { decide, parseKernelFacts, type Selection } from '../src/index.ts';
import { readVectors } from './vectors.ts';

interface Input {
  index: object;
  facts: object;
  btf?: string;
  evidence?: object[];
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
    const selection = decide({ index, facts, ...btf, evidence });
    expect(summarise(selection, index)).toEqual(expected);
    for (const { findings } of selection.verdicts)
      for (const { reason } of findings) expect(reason).toMatch(/^[^\p{Cc}]+$/u);
    // Reserved inputs and the order of evidence change nothing, and neither does asking twice.
    const again = decide({
      index,
      facts,
      ...btf,
      attachTargets: { xdp: 'eth0' },
      evidence: evidence.toReversed(),
      ...(evidence.length === 0 ? { parameters: { limit: 1 } } : {}),
    });
    expect(again).toEqual(selection);
  });
});
