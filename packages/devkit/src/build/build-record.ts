import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { CName, Digest, VariantName } from '@bpfship/media-types';
import { digestOf } from '@bpfship/oras-client';
import { z } from 'zod';
import { DevkitError, fileError } from '../devkit-error.ts';
import type { Project } from '../project/project.ts';
import { type BuiltObject, type BuiltProject, defaultBuildDirectory } from './built-project.ts';
import type { CompiledObject } from './compile.ts';

/** Beside the objects: what they were built from, so that stale ones are never packed. */
const RECORD_NAME = 'build.json';

/** Bounds, in bytes. */
const MAX_RECORD_SIZE: number = 4 * 1024 * 1024;
const MAX_OBJECT_SIZE: number = 64 * 1024 * 1024;

const FileName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/);

const BuildRecordSchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  compiler: z.string(),
  objects: z.array(
    z.strictObject({
      variant: VariantName,
      byteOrder: z.enum(['little', 'big']),
      architecture: CName.exactOptional(),
      file: FileName,
      digest: Digest,
    }),
  ),
  /** Path relative to the project's folder, and digest. */
  inputs: z.record(z.string(), Digest),
});

/** Writes the record of a build. */
export async function writeBuildRecord(
  project: Project,
  built: BuiltProject,
  compiled: readonly CompiledObject[],
): Promise<void> {
  const inputs: Record<string, string> = {};
  const file = join(built.directory, RECORD_NAME);
  try {
    for (const input of new Set([project.file, ...compiled.flatMap((object) => object.inputs)])) {
      const path = resolve(project.directory, input);
      inputs[relative(project.directory, path)] = digestOf(await readFile(path));
    }
    const { name, version, compiler } = built;
    const objects = built.objects.map(({ variant, byteOrder, architecture, path, digest }) => ({
      variant,
      byteOrder,
      architecture,
      file: basename(path),
      digest,
    }));
    await writeFile(`${file}.tmp`, `${JSON.stringify({ name, version, compiler, objects, inputs }, undefined, 2)}\n`);
    await rename(`${file}.tmp`, file);
  } catch (cause) {
    throw fileError('writing', file, cause);
  }
}

/**
 * Reads the objects of an earlier {@link buildProject}, if the project has not changed since.
 *
 * @param options.outDir - default: `build` in the project's folder.
 * @throws {DevkitError} `ERR_BUILD_STALE` where it has, or was never built.
 */
export async function readBuild(project: Project, options: { outDir?: string } = {}): Promise<BuiltProject> {
  const directory = resolve(options.outDir ?? defaultBuildDirectory(project));
  const record = await readRecord(project, join(directory, RECORD_NAME));
  for (const [input, digest] of Object.entries(record.inputs)) {
    const content = await readFile(resolve(project.directory, input)).catch(() => undefined);
    if (content === undefined || digestOf(content) !== digest)
      throw stale(project, `${input} has changed since it was built`);
  }
  const objects: BuiltObject[] = [];
  for (const { file, ...object } of record.objects) {
    const path = join(directory, file);
    const bytes = await readBounded(path, MAX_OBJECT_SIZE);
    if (bytes === undefined || digestOf(bytes) !== object.digest) throw stale(project, `${path} is not what was built`);
    objects.push({ ...object, path, bytes });
  }
  return { directory, name: record.name, version: record.version, compiler: record.compiler, objects };
}

async function readRecord(project: Project, file: string): Promise<z.infer<typeof BuildRecordSchema>> {
  const bytes = await readBounded(file, MAX_RECORD_SIZE);
  if (bytes === undefined) throw stale(project, 'it was not built yet');
  try {
    const record = BuildRecordSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
    if (record.name === project.name && record.version === project.version) return record;
  } catch (cause) {
    throw stale(project, `${file} is no record of a build`, cause);
  }
  throw stale(project, `${file} is of another service or version`);
}

async function readBounded(path: string, limit: number): Promise<Uint8Array | undefined> {
  try {
    return (await stat(path)).size <= limit ? await readFile(path) : undefined;
  } catch {
    return undefined;
  }
}

function stale(project: Project, why: string, cause?: unknown): DevkitError {
  return new DevkitError('ERR_BUILD_STALE', `${project.name} ${project.version} must be built first: ${why}`, {
    file: project.file,
    hint: `bpfship build ${relative(process.cwd(), project.directory) || '.'}`,
    cause,
  });
}
