import {
  Architecture,
  base64,
  CName,
  canonicalJsonBytes,
  Digest,
  line,
  MEDIA_TYPE_KERNEL_FACTS,
  parseDocument,
  Word,
} from '@bpfship/media-types';
import { z } from 'zod';
import type { KernelFacts } from './facts.ts';

/** Kernel facts, in bytes: room for the largest kernel's BTF as base64 (spec/kernel-facts.md, "Limits"). */
export const MAX_KERNEL_FACTS_SIZE: number = 64 * 1024 * 1024;

/** The most names that one table of the facts holds. */
const MAX_NAMES = 65_536;

function table<T>(value: z.ZodType<T>): z.ZodType<Record<string, T>> {
  return z.record(Word, value).refine((names) => Object.keys(names).length <= MAX_NAMES, {
    error: `must hold at most ${MAX_NAMES} names`,
  });
}

const Answers = table(z.boolean());

const KernelBtfSchema = z.looseObject({
  available: z.boolean(),
  digest: Digest.exactOptional(),
  size: z.number().int().min(1).max(MAX_KERNEL_FACTS_SIZE).exactOptional(),
  data: base64(MAX_KERNEL_FACTS_SIZE).min(4).exactOptional(),
});

/** Schema of kernel facts (spec/kernel-facts.md). Members it does not name are allowed and ignored. */
export const KernelFactsSchema: z.ZodType<KernelFacts> = z
  .looseObject({
    schemaVersion: z.literal(1),
    mediaType: z.literal(MEDIA_TYPE_KERNEL_FACTS),
    release: line(256),
    kernelVersion: z.number().int().min(0).max(0xffff_ffff).exactOptional(),
    architecture: Architecture,
    byteOrder: z.enum(['little', 'big']),
    btf: KernelBtfSchema,
    programTypes: Answers,
    mapTypes: Answers,
    helpers: table(z.record(CName, z.boolean())),
    features: Answers,
    hooks: table(Answers),
    lsm: z.array(Word).max(256).exactOptional(),
    kconfig: z.record(CName, line(4096)).exactOptional(),
    privileges: z.looseObject({ load: z.boolean(), reason: line(1024).exactOptional() }),
  })
  .check((ctx) => {
    const { btf } = ctx.value;
    if (!btf.available && btf.data !== undefined) {
      ctx.issues.push({
        code: 'custom',
        path: ['btf', 'data'],
        message: 'stands where no BTF is available',
        input: btf,
      });
    }
  });

/**
 * Reads and checks a kernel facts document.
 *
 * @param input - its bytes, its text, or the parsed JSON value.
 * @throws {DocumentError} with every broken rule named.
 */
export function parseKernelFacts(input: Uint8Array | string | object): KernelFacts {
  return parseDocument(input, { name: 'kernel facts', schema: KernelFactsSchema, maxSize: MAX_KERNEL_FACTS_SIZE });
}

/** Kernel facts as canonical JSON: same facts, same bytes, so that a digest names them. */
export function kernelFactsBytes(facts: KernelFacts): Uint8Array {
  return canonicalJsonBytes(facts);
}
