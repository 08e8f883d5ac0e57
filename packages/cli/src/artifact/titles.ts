import type { Descriptor } from '@bpfship/oras-client';
import { CliError } from '../cli-error.ts';

/** The annotation that names a layer's file (image-spec annotations.md). */
export const ANNOTATION_TITLE = 'org.opencontainers.image.title';

/** Names that are devices on Windows, with any ending. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/**
 * Why a title cannot be the path of a file below a folder; `undefined` where it can: a relative path of plain names, which leads nowhere else
 * on any system.
 */
export function titleProblem(title: string): string | undefined {
  if (title === '') return 'it is empty';
  if (title.length > 1024) return 'it is longer than 1024 characters';
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(title)) return 'it has control characters';
  if (title.startsWith('/') || /^[A-Za-z]:/.test(title)) return 'it is an absolute path';
  if (title.includes('\\')) return 'it has a backslash';
  for (const name of title.split('/')) {
    if (name === '..') return 'it leads out of the folder';
    if (name === '' || name === '.') return 'it has an empty part';
    if (Buffer.byteLength(name) > 255) return 'a name in it is longer than 255 bytes';
    if (DEVICE.test(name)) return `"${name}" is a device on Windows`;
  }
  return undefined;
}

/**
 * Checks what layers are to be named as files: each a path below the folder, each once, none within another.
 *
 * @throws {CliError} `ERR_CLI_FILE`.
 */
export function checkTitles(layers: readonly { title: string; digest: string }[]): void {
  const all = new Set<string>();
  for (const { title, digest } of layers) {
    const problem = titleProblem(title) ?? (all.has(title) ? 'it is another layer’s too' : undefined);
    if (problem !== undefined) throw refused(digest, title, problem);
    all.add(title);
  }
  for (const { title, digest } of layers) {
    const parts = title.split('/');
    for (let end = 1; end < parts.length; end++)
      if (all.has(parts.slice(0, end).join('/'))) throw refused(digest, title, 'a part of it is another layer’s file');
  }
}

function refused(digest: string, title: string, problem: string): CliError {
  return new CliError(
    'ERR_CLI_FILE',
    `layer ${digest} has the title ${JSON.stringify(title.slice(0, 128))}, which is no path to write to: ${problem}`,
    'The publisher should push it again under a plain name; "bpfship blob fetch" gets the layer under a name of yours.',
  );
}

/** A layer's title, where it has one. */
export function titleOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[ANNOTATION_TITLE];
}
