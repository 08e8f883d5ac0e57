import {
  CName,
  type EventStream,
  FIELD_FORMATS,
  FieldPath,
  type MapMigration,
  MAX_PARAMETER_TEXT,
  MetricName,
  SemanticVersion,
  type ServiceHealth,
  type ServiceMetric,
  ServiceName,
  StrictMapMigrationSchema,
  StrictServiceHealthSchema,
  VariantName,
  line,
} from '@bpfship/media-types';
import { z } from 'zod';
import type { ProjectParameter } from './project.ts';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../build/architectures.ts';

/** Content of `ebpf-service.yaml`. */
export interface ProjectFile {
  name: string;
  version: string;
  description?: string;
  licenses?: string;
  source?: string;
  docs?: string[];
  include?: string[];
  defines?: Record<string, string | number>;
  events?: (Omit<EventStream, 'fields'> & { fields?: Record<string, string> })[];
  metrics?: (Omit<ServiceMetric, 'labels'> & { labels?: Record<string, string> })[];
  parameters?: ProjectParameter[];
  switching?: 'together';
  migrations?: MapMigration[];
  health?: ServiceHealth;
  variants: {
    name: string;
    sources: string[];
    defines?: Record<string, string | number>;
    flags?: string[];
    architectures?: ArchitectureName[];
    byteOrder?: 'little' | 'big';
  }[];
}

/** The name that a project file has. */
export const PROJECT_FILE_NAME = 'ebpf-service.yaml';

const Path = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[^/\\\p{Cc}][^\\\p{Cc}]*$/u, 'must be a path relative to the project file, with "/"');

const Defines = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a C identifier'),
  z.union([z.number().int(), line(1024)]),
);

/**
 * Flags that choose warnings, code generation or the language. Those that would change what is built from what, load code into the
 * compiler, or undo reproducibility belong to the devkit.
 */
const Flag = z
  .string()
  .max(256)
  .regex(
    /^-(?:W(?![alp],)[A-Za-z0-9=+-]+|m(?:cpu=|no-)?[A-Za-z0-9=-]+|O[0-3sz]|std=[a-z0-9]+|f(?!plugin|pass-plugin|debug-|file-|macro-|profile)[A-Za-z0-9=-]+)$/,
    'must be a flag such as -Wextra, -mcpu=v3, -O2, -std=gnu11 or -fno-builtin; use "defines" and "include" for -D and -I',
  )
  .refine((flag) => flag !== '-mllvm', 'must not be -mllvm');

const ProjectVariantSchema = z.strictObject({
  name: VariantName.describe('Unique name of the variant'),
  sources: z.array(Path).length(1, 'must name exactly one C file').describe('The C file, relative to this file'),
  defines: Defines.exactOptional().describe('Preprocessor definitions of this variant'),
  flags: z.array(Flag).max(64).exactOptional().describe('Further flags for clang'),
  architectures: z
    .array(z.enum(ARCHITECTURE_NAMES))
    .min(1)
    .exactOptional()
    .describe('CPU architectures to compile for; default: amd64 and arm64 (s390x for big-endian)'),
  byteOrder: z.enum(['little', 'big']).exactOptional().describe('Default: little'),
});

const Positive = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

/** Schema of `ebpf-service.yaml`. Unknown keys are errors: a misspelt key must not silently mean nothing. */
export const ProjectFileSchema: z.ZodType<ProjectFile> = z.strictObject({
  name: ServiceName.describe('Canonical name of the service; signatures bind it'),
  version: SemanticVersion.describe('Semantic version; in quotes where YAML would read a number'),
  description: line(1024).exactOptional().describe('One line'),
  licenses: line(256).exactOptional().describe('SPDX licence expression'),
  source: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .exactOptional()
    .describe('URL of the source repository'),
  docs: z.array(Path).max(64).exactOptional().describe('Files of the documentation layer'),
  include: z.array(Path).max(64).exactOptional().describe('Folders that #include searches'),
  defines: Defines.exactOptional().describe('Preprocessor definitions of all variants'),
  events: z
    .array(
      z.strictObject({
        map: CName,
        type: CName,
        description: line(1024).exactOptional(),
        fields: z
          .record(FieldPath, z.enum(FIELD_FORMATS))
          .exactOptional()
          .describe('How fields are shown, where neither their C type nor the conventions tell it'),
      }),
    )
    .max(256)
    .exactOptional()
    .describe('Maps that carry events, and the struct of one event'),
  metrics: z
    .array(
      z.strictObject({
        name: MetricName,
        type: z.enum(['counter', 'gauge', 'histogram']),
        map: CName,
        description: line(1024).exactOptional(),
        unit: MetricName.exactOptional().describe('Unit of the exported value, e.g. seconds or bytes'),
        value: FieldPath.exactOptional().describe(
          'Field of the value that holds the number, or the slots of a histogram',
        ),
        divisor: Positive.exactOptional().describe('What the number is divided by, e.g. 1000000000'),
        labels: z
          .record(MetricName, z.union([FieldPath, z.literal('')]))
          .exactOptional()
          .describe('Label → field of the key; an empty text for the key itself'),
        slots: z.enum(['log2', 'linear']).exactOptional(),
        step: Positive.exactOptional().describe('Width of linear slots'),
        sum: FieldPath.exactOptional().describe('Field of the value that holds the sum of a histogram'),
      }),
    )
    .max(256)
    .exactOptional()
    .describe('Metrics that maps hold'),
  parameters: z
    .array(
      z.strictObject({
        name: CName,
        description: line(1024).exactOptional(),
        default: z.union([z.boolean(), z.number(), line(MAX_PARAMETER_TEXT)]).exactOptional(),
      }),
    )
    .max(256)
    .exactOptional()
    .describe('Constants ("const volatile" variables) that may be set when the service is loaded'),
  switching: z
    .literal('together')
    .exactOptional()
    .describe('An upgrade switches all programs at one moment, or is refused; default: each for itself'),
  migrations: z
    .array(StrictMapMigrationSchema)
    .max(256)
    .exactOptional()
    .describe('What becomes of maps whose definition an upgrade to this version changes'),
  health: StrictServiceHealthSchema.exactOptional().describe(
    'What a new generation must pass before it stays, else the node goes back to the one before',
  ),
  variants: z.array(ProjectVariantSchema).min(1).max(64).describe('In the order of preference'),
});

/** The JSON Schema of `ebpf-service.yaml`, for editors. */
export function projectFileJsonSchema(): object {
  return z.toJSONSchema(ProjectFileSchema, { io: 'input' });
}
