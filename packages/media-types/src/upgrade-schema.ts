import { z } from 'zod';
import { MAX_HEALTH_SECONDS, type ServiceHealth } from './health.ts';
import { type MapMigration, MIGRATION_RULES } from './migration.ts';
import { CName, Digest, U32 } from './primitives.ts';

/** Probes of one kind. */
const MAX_PROBES = 64;
/** Nanoseconds of a run, and counts: beyond this no number of a service makes sense. */
const Count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const Seconds = z.number().int().min(1).max(MAX_HEALTH_SECONDS);

const migration = { map: CName, from: Digest.exactOptional(), rule: z.enum(MIGRATION_RULES) };
const eventsFlow = { map: CName, within: Seconds };
const errorCounter = { map: CName, key: U32, field: CName.exactOptional(), max: Count };
const runTime = { program: CName, maxNsPerRun: Count.min(1) };
const runs = { program: CName, min: Count.min(1) };

/** Schema of a declared migration of a map. */
export const MapMigrationSchema: z.ZodType<MapMigration> = z.looseObject(migration);

/** As {@link MapMigrationSchema}, for files that people write: unknown keys are errors. */
export const StrictMapMigrationSchema: z.ZodType<MapMigration> = z.strictObject(migration);

/** Schema of what a new generation must pass. */
export const ServiceHealthSchema: z.ZodType<ServiceHealth> = z.looseObject({
  for: Seconds.exactOptional(),
  eventsFlow: z.array(z.looseObject(eventsFlow)).max(MAX_PROBES).exactOptional(),
  errorCounter: z.array(z.looseObject(errorCounter)).max(MAX_PROBES).exactOptional(),
  runTime: z.array(z.looseObject(runTime)).max(MAX_PROBES).exactOptional(),
  runs: z.array(z.looseObject(runs)).max(MAX_PROBES).exactOptional(),
});

/** As {@link ServiceHealthSchema}, for files that people write: unknown keys are errors. */
export const StrictServiceHealthSchema: z.ZodType<ServiceHealth> = z.strictObject({
  for: Seconds.exactOptional(),
  eventsFlow: z.array(z.strictObject(eventsFlow)).max(MAX_PROBES).exactOptional(),
  errorCounter: z.array(z.strictObject(errorCounter)).max(MAX_PROBES).exactOptional(),
  runTime: z.array(z.strictObject(runTime)).max(MAX_PROBES).exactOptional(),
  runs: z.array(z.strictObject(runs)).max(MAX_PROBES).exactOptional(),
});
