import { readdir, writeFile } from 'node:fs/promises';
import { makeFolder } from '@bpfship/oras-client';
import { dirname, join, resolve } from 'node:path';
import { ServiceName } from '@bpfship/media-types';
import { DevkitError, fileError } from '../devkit-error.ts';
import { tracepointTemplate } from './tracepoint-template.ts';
import { xdpTemplate } from './xdp-template.ts';

/** The kinds of project that {@link initProject} starts. */
export const PROJECT_TEMPLATES = ['tracepoint', 'xdp'] as const;

/** One of {@link PROJECT_TEMPLATES}. */
export type ProjectTemplate = (typeof PROJECT_TEMPLATES)[number];

/** What to start. */
export interface InitOptions {
  /** `tracepoint` sends an event for each execution, `xdp` counts packets. Default: `tracepoint`. */
  template?: ProjectTemplate;
  /** Name of the service. Default: the folder's name. */
  name?: string;
}

/** Path in the new project → content. */
type TemplateFiles = Record<string, string>;

const TEMPLATES: Record<ProjectTemplate, (name: string) => TemplateFiles> = {
  tracepoint: tracepointTemplate,
  xdp: xdpTemplate,
};

/**
 * Writes a small project that builds at once.
 *
 * @param directory - made where it is missing; it must be empty.
 * @returns the files written, absolute.
 * @throws {DevkitError} `ERR_INIT_NOT_EMPTY`, `ERR_PROJECT_INVALID` for a bad name, or `ERR_FILE`.
 */
export async function initProject(directory: string, options: InitOptions = {}): Promise<string[]> {
  const folder = resolve(directory);
  const name = options.name ?? folder.slice(folder.lastIndexOf('/') + 1).toLowerCase();
  const checked = ServiceName.safeParse(name);
  if (!checked.success) {
    throw new DevkitError(
      'ERR_PROJECT_INVALID',
      `"${name}" is no service name: it ${checked.error.issues[0]?.message ?? ''}`,
      {
        path: 'name',
        hint: `Choose another: bpfship init ${directory} --name my-service`,
      },
    );
  }
  await requireEmpty(folder);
  const files = Object.entries(TEMPLATES[options.template ?? 'tracepoint'](name));
  for (const [path, content] of files) {
    const file = join(folder, path);
    try {
      await makeFolder(dirname(file));
      await writeFile(file, content, { flag: 'wx' });
    } catch (cause) {
      throw fileError('writing', file, cause);
    }
  }
  return files.map(([path]) => join(folder, path));
}

async function requireEmpty(folder: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw fileError('reading', folder, cause);
  }
  if (entries.length === 0) return;
  throw new DevkitError('ERR_INIT_NOT_EMPTY', `the folder ${folder} is not empty`, {
    file: folder,
    hint: 'Name a new folder: bpfship init my-service',
  });
}
