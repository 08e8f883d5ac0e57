import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { makeFolder } from '@bpfship/oras-client';
import { join, resolve } from 'node:path';
import { fileError } from '../devkit-error.ts';
import type { Project, ProjectVariant } from '../project/project.ts';
import type { ArchitectureName } from './architectures.ts';
import { writeBuildRecord } from './build-record.ts';
import {
  type BuildStep,
  type BuiltObject,
  type BuiltProject,
  defaultBuildDirectory,
  formSuffix,
} from './built-project.ts';
import { collapseForms } from './collapse-forms.ts';
import { type CompiledObject, compile } from './compile.ts';
import { type Toolchain, findToolchain } from './toolchain.ts';

/** How to build. */
export interface BuildOptions {
  /** Where the objects go. Default: `build` in the project's folder. */
  outDir?: string;
  /** Name or path of clang. Default: `clang`. */
  clang?: string;
  /** Compilations at a time. Default: 2. */
  concurrency?: number;
  /** Called for each step. */
  onStep?: (step: BuildStep) => void;
  signal?: AbortSignal;
}

/**
 * Compiles every variant for each of its architectures. The objects of an earlier build are replaced only when all compile.
 *
 * @throws {DevkitError} `ERR_COMPILER_MISSING`, `ERR_HEADERS_MISSING`, `ERR_COMPILE_FAILED` or `ERR_FILE`.
 */
export async function buildProject(project: Project, options: BuildOptions = {}): Promise<BuiltProject> {
  const directory = resolve(options.outDir ?? defaultBuildDirectory(project));
  const toolchain = await findToolchain({ ...options, include: project.include });
  options.onStep?.({ kind: 'toolchain', ...toolchain });
  const temporary = await makeTemporary(directory);
  try {
    const compiled = await compileAll(project, toolchain, temporary, options);
    const objects = project.variants.flatMap((variant) => placeForms(variant, compiled.get(variant) ?? [], directory));
    const built: BuiltProject = {
      directory,
      name: project.name,
      version: project.version,
      compiler: toolchain.version,
      objects,
    };
    await store(objects, temporary, options);
    await writeBuildRecord(project, built, [...compiled.values()].flat());
    return built;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function makeTemporary(directory: string): Promise<string> {
  try {
    await makeFolder(directory);
    return await mkdtemp(join(directory, '.building-'));
  } catch (cause) {
    throw fileError('writing', directory, cause);
  }
}

/** Compiles a few at a time; after the first failure no further one begins. */
async function compileAll(
  project: Project,
  toolchain: Toolchain,
  temporary: string,
  { concurrency = 2, onStep, signal }: BuildOptions,
): Promise<Map<ProjectVariant, CompiledObject[]>> {
  const results = new Map<ProjectVariant, CompiledObject[]>(project.variants.map((variant) => [variant, []]));
  const jobs = project.variants.flatMap((variant) =>
    variant.architectures.map((architecture, position) => ({ variant, architecture, position })),
  );
  const work = async (): Promise<void> => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      signal?.throwIfAborted();
      const { variant, architecture, position } = job;
      const output = join(temporary, `${variant.name}-${variant.byteOrder}-${architecture}.o`);
      const begin = performance.now();
      const compilation = { project, variant, architecture, output, dependencies: `${output}.d` };
      const object = await compile(toolchain, compilation, signal).catch((error: unknown) => {
        jobs.length = 0;
        throw error;
      });
      (results.get(variant) ?? [])[position] = object;
      onStep?.(compiledStep(variant, architecture, object, performance.now() - begin));
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: Math.max(1, concurrency) }, work));
  const failure = outcomes.find(({ status }) => status === 'rejected');
  if (failure?.status === 'rejected') throw failure.reason;
  return results;
}

function compiledStep(
  variant: ProjectVariant,
  architecture: ArchitectureName,
  { command, warnings }: CompiledObject,
  milliseconds: number,
): BuildStep {
  return { kind: 'compiled', variant: variant.name, architecture, command, warnings, milliseconds };
}

function placeForms(variant: ProjectVariant, compiled: readonly CompiledObject[], directory: string): BuiltObject[] {
  return collapseForms(variant, compiled).map((form) => {
    const about = { variant: variant.name, byteOrder: variant.byteOrder, ...form };
    return { ...about, path: join(directory, `${variant.name}${formSuffix(about)}.bpf.o`) };
  });
}

async function store(objects: readonly BuiltObject[], temporary: string, { onStep }: BuildOptions): Promise<void> {
  for (const { path, bytes, variant, architecture, digest } of objects) {
    try {
      const file = join(temporary, 'object');
      await writeFile(file, bytes);
      await rename(file, path);
    } catch (cause) {
      throw fileError('writing', path, cause);
    }
    const where = architecture === undefined ? {} : { architecture };
    onStep?.({ kind: 'object', variant, ...where, path, size: bytes.length, digest });
  }
}
