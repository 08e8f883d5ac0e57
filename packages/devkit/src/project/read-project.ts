import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { EventStream, ServiceMetric } from '@bpfship/media-types';
import { DEFAULT_ARCHITECTURES, architectureTarget } from '../build/architectures.ts';
import { DevkitError, fileError } from '../devkit-error.ts';
import { parseProjectFile } from './parse-project-file.ts';
import { PROJECT_FILE_NAME, type ProjectFile } from './project-file-schema.ts';
import type { Project, ProjectVariant } from './project.ts';

/** Bound on a project file, in bytes. */
const MAX_PROJECT_FILE_SIZE: number = 1024 * 1024;

/**
 * Reads and checks a project.
 *
 * @param path - the project file, or the folder that holds `ebpf-service.yaml`.
 * @throws {DevkitError} `ERR_PROJECT_INVALID` with file, line, path and hint.
 */
export async function readProject(path: string): Promise<Project> {
  const file = await locateProjectFile(resolve(path));
  const content = parseProjectFile(await readText(file), file);
  checkVariants(content, file);
  const directory = dirname(file);
  const {
    docs = [],
    include = [],
    events = [],
    metrics = [],
    parameters = [],
    migrations = [],
    defines,
    variants,
    ...about
  } = content;
  const project: Project = {
    ...about,
    file,
    directory,
    events: events.map(toEventStream),
    metrics: metrics.map(toMetric),
    parameters,
    migrations,
    docs: docs.map((name) => resolve(directory, name)),
    include: include.map((name) => resolve(directory, name)),
    variants: variants.map((variant) => resolveVariant(variant, directory, defines ?? {})),
  };
  await checkFiles(project);
  return project;
}

/** In the index, fields and labels are lists, so that every member has a name that the standard gives. */
function toEventStream({ fields, ...stream }: NonNullable<ProjectFile['events']>[number]): EventStream {
  if (fields === undefined) return stream;
  return { ...stream, fields: Object.entries(fields).map(([name, format]) => ({ name, format })) };
}

function toMetric({ labels, ...metric }: NonNullable<ProjectFile['metrics']>[number]): ServiceMetric {
  if (labels === undefined) return metric;
  return {
    ...metric,
    labels: Object.entries(labels).map(([name, field]) => (field === '' ? { name } : { name, field })),
  };
}

async function locateProjectFile(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  const file = found?.isDirectory() ? join(path, PROJECT_FILE_NAME) : path;
  const entry = found?.isDirectory() ? await stat(file).catch(() => undefined) : found;
  if (entry?.isFile() && entry.size <= MAX_PROJECT_FILE_SIZE) return file;
  const why = entry === undefined ? 'does not exist' : entry.isFile() ? 'is larger than 1 MiB' : 'is not a file';
  throw new DevkitError('ERR_PROJECT_INVALID', `the project file ${file} ${why}`, {
    file,
    hint: `Name a folder that holds ${PROJECT_FILE_NAME}, or start one: bpfship init my-service`,
  });
}

async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    throw fileError('reading', file, cause);
  }
}

function resolveVariant(
  variant: ProjectFile['variants'][number],
  directory: string,
  defines: Record<string, string | number>,
): ProjectVariant {
  const byteOrder = variant.byteOrder ?? 'little';
  return {
    name: variant.name,
    source: resolve(directory, variant.sources[0] ?? ''),
    defines: { ...defines, ...variant.defines },
    flags: variant.flags ?? [],
    architectures: [...new Set(variant.architectures ?? DEFAULT_ARCHITECTURES[byteOrder])],
    byteOrder,
  };
}

/** Rules that tie parts of the file together. */
function checkVariants({ variants }: ProjectFile, file: string): void {
  const seen = new Set<string>();
  for (const [i, { name, byteOrder = 'little', architectures = [] }] of variants.entries()) {
    const key = `${name} ${byteOrder}`;
    if (seen.has(key)) {
      throw invalidVariant(
        file,
        `variants[${i}].name`,
        `variant "${name}" stands twice`,
        'Give each variant a name of its own.',
      );
    }
    seen.add(key);
    const other = architectures.find((architecture) => architectureTarget(architecture).byteOrder !== byteOrder);
    if (other !== undefined) {
      const message = `variant "${name}" is ${byteOrder}-endian, but ${other} is not`;
      throw invalidVariant(
        file,
        `variants[${i}].architectures`,
        message,
        'Write a variant with the other "byteOrder" for it.',
      );
    }
  }
}

function invalidVariant(file: string, path: string, message: string, hint: string): DevkitError {
  return new DevkitError('ERR_PROJECT_INVALID', `${file}: ${message}`, { file, path, hint });
}

/** Files that the project names must be there before anything is compiled. */
async function checkFiles({ file, variants, docs, include }: Project): Promise<void> {
  const wanted = [
    ...variants.map(({ source }, i) => ({ path: `variants[${i}].sources[0]`, name: source, kind: 'file' })),
    ...docs.map((name, i) => ({ path: `docs[${i}]`, name, kind: 'file' })),
    ...include.map((name, i) => ({ path: `include[${i}]`, name, kind: 'folder' })),
  ];
  for (const { path, name, kind } of wanted) {
    const entry = await stat(name).catch(() => undefined);
    if (kind === 'file' ? entry?.isFile() : entry?.isDirectory()) continue;
    throw new DevkitError('ERR_PROJECT_INVALID', `${file}: ${path} names ${name}, which is no ${kind}`, {
      file,
      path,
      hint: `Paths start at the project file's folder; correct "${path}" or write the ${kind}.`,
    });
  }
}
