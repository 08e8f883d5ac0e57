import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { normalize } from 'node:path';
import { type Content, type Descriptor, digestOf } from '@bpfship/oras-client';
import { CliError } from '../cli-error.ts';
import { fileError } from '../files.ts';
import { titleProblem } from './titles.ts';

/** Files up to this size, in bytes, are read once and sent from memory. */
const SMALL = 256 * 1024;

/** A media type's name (RFC 6838, section 4.2). */
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/** A file argument: a path with a media type. */
export interface FileArgument {
  path: string;
  mediaType: string;
}

/** A file as a blob. */
export interface SourceBlob {
  descriptor: Descriptor;
  content: Content;
}

/**
 * Splits `file[:mediaType]` at the last colon, where what follows is a media type; a colon at the end belongs to neither, so that any name can
 * be written.
 */
export function parseFileArgument(text: string, defaultType: string): FileArgument {
  const colon = text.lastIndexOf(':');
  const after = text.slice(colon + 1);
  if (colon > 0 && after === '') return { path: text.slice(0, -1), mediaType: defaultType };
  if (colon > 0 && MEDIA_TYPE.test(after)) return { path: text.slice(0, colon), mediaType: after };
  return { path: text, mediaType: defaultType };
}

/**
 * The title that a file gets: its path, which must be one that can be pulled again.
 *
 * @throws {CliError} `ERR_CLI_FILE` for an absolute path and one that leads out of this folder.
 */
export function titleFor(path: string): string {
  const title = normalize(path);
  const problem = titleProblem(title);
  if (problem === undefined) return title;
  throw new CliError(
    'ERR_CLI_FILE',
    `${path} cannot be the name of a file in an artifact: ${problem}`,
    'Go to the folder that the file is in (cd), and name it from there.',
  );
}

/**
 * Reads and hashes a file once. A large one is read again when it is sent, and checked against the hash then.
 *
 * @throws {CliError} `ERR_CLI_FILE` for what is no file or cannot be read.
 */
export async function readSourceFile({ path, mediaType }: FileArgument, signal: AbortSignal): Promise<SourceBlob> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw notAFile(path, info);
    if (info.size <= SMALL) {
      const bytes = await readFile(path);
      return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, content: bytes };
    }
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
    }
    return {
      descriptor: { mediaType, digest: `sha256:${hash.digest('hex')}`, size },
      content: () => createReadStream(path) as AsyncIterable<Uint8Array>,
    };
  } catch (error) {
    throw fileError(error, path, 'read');
  }
}

function notAFile(path: string, info: Stats): CliError {
  return new CliError(
    'ERR_CLI_FILE',
    `${path} is ${info.isDirectory() ? 'a folder' : 'not a regular file'}`,
    info.isDirectory() ? `Pack it first: tar -czf ${path}.tar.gz ${path}` : 'Name a file.',
  );
}
