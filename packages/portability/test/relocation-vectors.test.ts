import { type CoreRelocation, parseBtf, resolveCoreRelocation } from '@bpfship/bpf-object';
import { describe, expect, it } from 'vitest';
import { readVectors } from './vectors.ts';

interface Input {
  types: string;
  relocation: CoreRelocation['kind'];
  spec: [number, string];
  accessSize?: number;
  kernelBtf: string;
}

function btf(base64: string): ReturnType<typeof parseBtf> {
  return parseBtf(new Uint8Array(Buffer.from(base64, 'base64')));
}

describe('relocation vectors', () => {
  it.each(readVectors<Input, { outcome: string; value?: number }>('relocation'))(
    '$id: $description',
    ({ input, expected }) => {
      const [typeId, access] = input.spec;
      const { accessSize: memorySize } = input;
      const instruction = memorySize === undefined ? {} : { instruction: { form: 'memory', memorySize } as const };
      const answer = resolveCoreRelocation(
        btf(input.types),
        { kind: input.relocation, typeId, access, ...instruction },
        btf(input.kernelBtf),
      );
      expect(answer.kind).toBe(expected.outcome);
      if (answer.kind === 'resolved') expect(answer.value).toBe(BigInt(expected.value ?? -1));
    },
  );
});
