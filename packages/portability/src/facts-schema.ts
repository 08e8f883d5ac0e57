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
import type { KernelFacts, Packed } from './facts.ts';

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

const PackedSchema = z.looseObject({
  encoding: Word,
  size: z.number().int().min(0).max(MAX_KERNEL_FACTS_SIZE),
  data: base64(MAX_KERNEL_FACTS_SIZE),
});

const KernelBtfSchema = z.looseObject({
  available: z.boolean(),
  digest: Digest.exactOptional(),
  size: z.number().int().min(1).max(MAX_KERNEL_FACTS_SIZE).exactOptional(),
  data: base64(MAX_KERNEL_FACTS_SIZE).min(4).exactOptional(),
  compact: PackedSchema.exactOptional(),
});

const ModuleSchema = z.looseObject({
  digest: Digest.exactOptional(),
  size: z.number().int().min(0).max(MAX_KERNEL_FACTS_SIZE).exactOptional(),
  btf: PackedSchema.exactOptional(),
});

const InterfaceSchema = z.looseObject({
  mtu: z.number().int().min(0).max(0xffff_ffff),
  kind: Word.exactOptional(),
  xdp: z.array(Word).max(64).exactOptional(),
});

/** Schema of kernel facts (spec/kernel-facts.md). Members it does not name are allowed and ignored. */
export const KernelFactsSchema: z.ZodType<KernelFacts> = z
  .looseObject({
    schemaVersion: z.literal(1),
    mediaType: z.literal(MEDIA_TYPE_KERNEL_FACTS),
    release: line(256),
    version: line(256).exactOptional(),
    kernelVersion: z.number().int().min(0).max(0xffff_ffff).exactOptional(),
    architecture: Architecture,
    byteOrder: z.enum(['little', 'big']),
    btf: KernelBtfSchema,
    programTypes: Answers,
    mapTypes: Answers,
    helpers: table(z.record(CName, z.boolean())),
    kfuncs: table(z.record(CName, z.boolean())).exactOptional(),
    contextFields: table(Answers).exactOptional(),
    features: Answers,
    hooks: table(Answers),
    symbols: z
      .looseObject({ functions: PackedSchema.exactOptional(), variables: PackedSchema.exactOptional() })
      .exactOptional(),
    tracepoints: PackedSchema.exactOptional(),
    modules: table(ModuleSchema).exactOptional(),
    lsm: z.array(Word).max(256).exactOptional(),
    kconfig: z.record(CName, line(4096)).exactOptional(),
    jit: z.looseObject({ enabled: z.boolean(), hardened: z.boolean().exactOptional() }).exactOptional(),
    lockdown: z.enum(['none', 'integrity', 'confidentiality']).exactOptional(),
    interfaces: z
      .record(line(64), InterfaceSchema)
      .refine((names) => Object.keys(names).length <= MAX_NAMES, { error: `must hold at most ${MAX_NAMES} names` })
      .exactOptional(),
    cgroup2: line(4096).exactOptional(),
    schedExt: z.looseObject({ available: z.boolean(), state: Word.exactOptional() }).exactOptional(),
    privileges: z.looseObject({
      load: z.boolean(),
      reason: line(1024).exactOptional(),
      root: z.boolean().exactOptional(),
      capabilities: z.array(Word).max(64).exactOptional(),
      unprivilegedBpfDisabled: z.number().int().min(0).max(2).exactOptional(),
    }),
  })
  .check((ctx) => {
    const { btf } = ctx.value;
    const unpacked = packedIn(ctx.value).reduce((sum, { size }) => sum + size, 0);
    if (unpacked > MAX_KERNEL_FACTS_SIZE) {
      ctx.issues.push({
        code: 'custom',
        path: [],
        message: `must unpack to at most ${MAX_KERNEL_FACTS_SIZE} bytes, not ${unpacked}`,
        input: ctx.value,
      });
    }
    for (const member of ['data', 'compact'] as const) {
      if (btf.available || btf[member] === undefined) continue;
      ctx.issues.push({
        code: 'custom',
        path: ['btf', member],
        message: 'stands where no BTF is available',
        input: btf,
      });
    }
  });

function packedIn({ btf, symbols, tracepoints, modules = {} }: KernelFacts): Packed[] {
  const parts = [btf.compact, symbols?.functions, symbols?.variables, tracepoints];
  for (const { btf: module } of Object.values(modules)) parts.push(module);
  return parts.filter((part) => part !== undefined);
}

/**
 * Reads and checks a kernel facts document.
 *
 * @param input - its bytes, its text, or the parsed JSON value.
 * @throws {DocumentError} with every broken rule named.
 */
export function parseKernelFacts(input: Uint8Array | string | object): KernelFacts {
  return parseDocument(input, {
    name: 'kernel facts document',
    schema: KernelFactsSchema,
    maxSize: MAX_KERNEL_FACTS_SIZE,
  });
}

/** Kernel facts as canonical JSON: same facts, same bytes, so that a digest names them. */
export function kernelFactsBytes(facts: KernelFacts): Uint8Array {
  return canonicalJsonBytes(facts);
}
