import { z } from 'zod';
import { type BtfIndex, type Variant } from './btf-index.ts';
import type { GuardGraph } from './guard-graph.ts';
import { GuardGraphSchema } from './guard-graph-schema.ts';
import {
  MAX_ANSWERS,
  MAX_BTF_INDEX_SIZE,
  MAX_VARIANTS,
  MAX_VARIANT_GUARD_NODES,
  MAX_VARIANT_UNPACKED_SIZE,
} from './limits.ts';
import { MEDIA_TYPE_BTF_INDEX } from './media-types.ts';
import { EventStreamSchema, ServiceMetricSchema } from './observation-schema.ts';
import { ServiceParameterSchema } from './parameter-schema.ts';
import { parseDocument } from './parse-document.ts';
import {
  Architecture,
  CName,
  Digest,
  SemanticVersion,
  ServiceName,
  U32,
  VariantName,
  Word,
  base64,
  line,
} from './primitives.ts';
import { RequirementSchema } from './requirement-schema.ts';
import { expandParts } from './shared-parts.ts';
import { MapMigrationSchema, ServiceHealthSchema } from './upgrade-schema.ts';

const VariantProgramSchema = z.looseObject({
  name: CName,
  section: Word,
  type: Word,
  flags: z.array(Word).max(16).exactOptional(),
  hook: Word,
  target: Word.exactOptional(),
});

const VariantMapSchema = z.looseObject({
  name: CName,
  type: Word,
  keySize: U32,
  valueSize: U32,
  maxEntries: U32,
  flags: U32,
  inner: Word.exactOptional(),
  schema: Digest.exactOptional(),
});

const VariantSchema = z.looseObject({
  name: VariantName,
  layer: Digest,
  platform: z.looseObject({ byteOrder: z.enum(['little', 'big']), architecture: Architecture.exactOptional() }),
  object: z.looseObject({
    path: z
      .string()
      .max(255, { abort: true })
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'must be a plain file name'),
    digest: Digest,
    size: z.number().int().min(1).max(MAX_VARIANT_UNPACKED_SIZE),
  }),
  license: line(64),
  programs: z.array(VariantProgramSchema).min(1).max(1024),
  maps: z.array(VariantMapSchema).max(1024),
  types: base64(2 * 1024 * 1024).exactOptional(),
  requirements: z.array(RequirementSchema).max(65_536),
  guards: z.array(GuardGraphSchema).max(1024).exactOptional(),
});

const IndexSchema = z.looseObject({
  schemaVersion: z.literal(1),
  mediaType: z.literal(MEDIA_TYPE_BTF_INDEX),
  name: ServiceName,
  version: SemanticVersion,
  description: line(1024).exactOptional(),
  licenses: line(256).exactOptional(),
  source: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .exactOptional(),
  events: z.array(EventStreamSchema).max(256).exactOptional(),
  metrics: z.array(ServiceMetricSchema).max(256).exactOptional(),
  parameters: z.array(ServiceParameterSchema).max(256).exactOptional(),
  switching: z.literal('together').exactOptional(),
  migrations: z.array(MapMigrationSchema).max(256).exactOptional(),
  health: ServiceHealthSchema.exactOptional(),
  variants: z.array(VariantSchema).min(1).max(MAX_VARIANTS),
});

/**
 * Schema of a BTF index, its shared parts where they belong. Members it does not name are allowed and ignored, so that later versions can
 * add some.
 */
export const BtfIndexSchema: z.ZodType<BtfIndex> = IndexSchema.check((ctx) => {
  checkVariants(ctx.value, (path, message) => ctx.issues.push({ code: 'custom', path, message, input: ctx.value }));
});

/** A position in a list of `shared`. */
const Position = z.number().int().min(0).max(65_535);

/** Schema of a BTF index as it is written, with shared parts (spec/btf-index.md, "Shared parts"). */
export const BtfIndexDocumentSchema: z.ZodType = IndexSchema.extend({
  shared: z
    .looseObject({
      programs: z.array(VariantProgramSchema).max(65_536).exactOptional(),
      maps: z.array(VariantMapSchema).max(65_536).exactOptional(),
      types: z
        .array(base64(2 * 1024 * 1024))
        .max(MAX_VARIANTS)
        .exactOptional(),
      requirements: z.array(RequirementSchema).max(65_536).exactOptional(),
      guards: z.array(GuardGraphSchema).max(65_536).exactOptional(),
    })
    .exactOptional(),
  variants: z
    .array(
      VariantSchema.extend({
        programs: z
          .array(z.union([Position, VariantProgramSchema]))
          .min(1)
          .max(1024),
        maps: z.array(z.union([Position, VariantMapSchema])).max(1024),
        types: z.union([Position, base64(2 * 1024 * 1024)]).exactOptional(),
        requirements: z.array(z.union([Position, RequirementSchema])).max(65_536),
        guards: z
          .array(z.union([Position, GuardGraphSchema]))
          .max(1024)
          .exactOptional(),
      }),
    )
    .min(1)
    .max(MAX_VARIANTS),
});

/** Rules that tie parts of the document together (spec/btf-index.md, "Consistency"). */
function checkVariants(
  index: Pick<BtfIndex, 'variants' | 'events' | 'metrics' | 'parameters'>,
  report: (path: (string | number)[], message: string) => void,
): void {
  const names = new Set<string>();
  const parameters = new Set(index.parameters?.map(({ name }) => name));
  if (parameters.size !== (index.parameters ?? []).length) report(['parameters'], 'parameter names must be unique');
  const metrics = new Set(index.metrics?.map(({ name }) => name));
  if (metrics.size !== (index.metrics ?? []).length) report(['metrics'], 'metric names must be unique');
  const answers = index.variants.reduce(
    (sum, { programs, requirements }) => sum + programs.length * requirements.length,
    0,
  );
  if (answers > MAX_ANSWERS) report(['variants'], `must have at most ${MAX_ANSWERS} programs times requirements`);
  for (const [i, variant] of index.variants.entries()) {
    const key = `${variant.name} ${variant.platform.architecture ?? ''} ${variant.platform.byteOrder}`;
    if (names.has(key)) report(['variants', i, 'name'], `variant "${variant.name}" stands twice for one platform`);
    names.add(key);
    const programs = new Set(variant.programs.map((program) => program.name));
    if (programs.size !== variant.programs.length) report(['variants', i, 'programs'], 'program names must be unique');
    const maps = new Set(variant.maps.map((map) => map.name));
    if (maps.size !== variant.maps.length) report(['variants', i, 'maps'], 'map names must be unique');
    for (const name of parametersIn(variant)) {
      if (!parameters.has(name))
        report(['variants', i, 'guards'], `must name parameters that are declared, and "${name}" is not`);
    }
    checkGuards(variant, (path, message) => report(['variants', i, ...path], message));
    if (variant.types === undefined && variant.requirements.some(({ kind }) => kind === 'core-relocation')) {
      report(['variants', i, 'types'], 'is required where there are core-relocation requirements');
    }
    for (const stream of index.events ?? []) {
      if (!maps.has(stream.map)) report(['variants', i, 'maps'], `lacks the map "${stream.map}" that "events" names`);
    }
  }
}

/** Graphs belong to programs of the variant, and speak of requirements that stand in its list. */
function checkGuards(
  { guards = [], programs, requirements }: Variant,
  report: (path: (string | number)[], message: string) => void,
): void {
  const names = new Set(programs.map(({ name }) => name));
  const nodes = guards.reduce((sum, graph) => sum + graph.nodes.length, 0);
  if (nodes > MAX_VARIANT_GUARD_NODES)
    report(['guards'], `must have at most ${MAX_VARIANT_GUARD_NODES} nodes together`);
  for (const [at, graph] of guards.entries()) {
    if (!names.delete(graph.program))
      report(['guards', at, 'program'], 'must be a program of the variant, and have one graph');
    if (positionsIn(graph).some((position) => position >= requirements.length)) {
      report(['guards', at, 'nodes'], `must name positions below ${requirements.length}, the number of requirements`);
    }
  }
}

function parametersIn({ guards = [] }: Variant): Set<string> {
  const values = guards.flatMap((graph) => graph.values);
  return new Set(
    values.flatMap((value) => (typeof value === 'object' && 'parameter' in value ? [value.parameter] : [])),
  );
}

function positionsIn({ values, nodes }: GuardGraph): number[] {
  const relocations = values.flatMap((value) =>
    typeof value === 'object' && 'relocation' in value ? [value.relocation] : [],
  );
  return [...relocations, ...nodes.flatMap(({ reaches }) => reaches)];
}

/**
 * Reads and checks a BTF index.
 *
 * @param input - the config blob's bytes, its text, or the parsed JSON value.
 * @throws {DocumentError} with every broken rule named.
 */
export function parseBtfIndex(input: Uint8Array | string | object): BtfIndex {
  return parseDocument(input, {
    name: 'BTF index',
    schema: BtfIndexSchema,
    maxSize: MAX_BTF_INDEX_SIZE,
    expand: expandParts,
  });
}
