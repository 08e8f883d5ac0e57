import { z } from 'zod';
import { CName, U32, Word, line } from './primitives.ts';
import {
  ACCESS_FAULTS,
  ACCESSED_MEMORY,
  ACCESS_KINDS,
  CORE_RELOCATION_KINDS,
  type KnownRequirement,
  type Requirement,
} from './requirement.ts';

const Programs = z.array(CName).min(1).max(1024);

/** Contexts have some hundred bytes; what an instruction can reach lies within 16 bits. */
const contextAccess = {
  access: z.enum(ACCESS_KINDS),
  offset: z.number().int().min(-32_768).max(65_535),
  size: z.literal([1, 2, 4, 8]),
  programs: Programs,
  guarded: Programs.exactOptional(),
};

const known = [
  z.looseObject({ kind: z.literal('program-type'), value: Word, programs: Programs }),
  z.looseObject({ kind: z.literal('map-type'), value: Word, maps: z.array(CName).min(1).max(1024) }),
  z.looseObject({
    kind: z.literal('helper'),
    value: CName,
    programType: Word,
    form: Word.exactOptional(),
    orElse: CName.exactOptional(),
    programs: Programs,
    guarded: Programs.exactOptional(),
  }),
  z.looseObject({
    kind: z.literal('attach-target'),
    hook: Word,
    value: Word,
    members: z.array(CName).min(1).max(1024).exactOptional(),
    loader: Word.exactOptional(),
    programs: Programs,
  }),
  z.looseObject({
    kind: z.literal('feature'),
    value: Word,
    programs: Programs.exactOptional(),
    guarded: Programs.exactOptional(),
  }),
  z.looseObject({
    kind: z.literal('context-field'),
    programType: Word,
    attachType: Word.exactOptional(),
    ...contextAccess,
  }),
  z.looseObject({ kind: z.literal('hook-argument'), hook: Word, value: Word, ...contextAccess }),
  z.looseObject({
    kind: z.literal('core-relocation'),
    relocation: z.enum(CORE_RELOCATION_KINDS),
    type: line(256),
    access: line(512),
    spec: z.tuple([
      U32,
      z
        .string()
        .max(512, { abort: true })
        .regex(/^\d+(:\d+)*$/, 'must be numbers joined by ":"'),
    ]),
    accessSize: z.literal([1, 2, 4, 8]).exactOptional(),
    programs: Programs,
    guarded: Programs.exactOptional(),
  }),
  z.looseObject({ kind: z.literal('kconfig'), value: CName, weak: z.boolean(), programs: Programs }),
  z.looseObject({ kind: z.literal('ksym'), value: CName, typed: z.boolean(), weak: z.boolean(), programs: Programs }),
  z.looseObject({
    kind: z.literal('kfunc'),
    value: CName,
    weak: z.boolean(),
    programType: Word.exactOptional(),
    prototype: z
      .string()
      .max(512, { abort: true })
      .regex(/^[viseuf*@()]+$/, 'must be a prototype')
      .exactOptional(),
    programs: Programs,
    guarded: Programs.exactOptional(),
  }),
  z.looseObject({ kind: z.literal('return-value'), value: Word, hook: Word, programs: Programs }),
  z.looseObject({ kind: z.literal('capability'), value: Word, programs: Programs }),
  z.looseObject({
    kind: z.literal('memory-access'),
    function: CName,
    instruction: U32,
    source: line(256).exactOptional(),
    memory: z.enum(ACCESSED_MEMORY),
    fault: z.enum(ACCESS_FAULTS),
    programs: Programs,
    guarded: Programs.exactOptional(),
  }),
] as const;

const kindNames = known.map((schema) => schema.shape.kind.value);

/** A requirement of a known kind. */
const KnownRequirementSchema: z.ZodType<KnownRequirement> = z.discriminatedUnion('kind', known);

/**
 * Anything with a kind that no known requirement has. The pattern excludes the known kinds, so that a malformed known requirement is
 * an error instead of an unknown one.
 */
const UnknownRequirementSchema = z.looseObject({
  kind: z
    .string()
    .max(64, { abort: true })
    .regex(new RegExp(`^(?!(?:${kindNames.join('|')})$)[a-z][a-z0-9-]*$`), {
      error: 'must be a requirement kind',
      // Without it the union takes this branch's complaint for that of a malformed known requirement.
      abort: true,
    }),
});

/** Schema of one requirement. */
export const RequirementSchema: z.ZodType<Requirement> = z.union([KnownRequirementSchema, UnknownRequirementSchema]);
