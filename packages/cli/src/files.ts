import { createReadStream } from 'node:fs';
import { CliError } from './cli-error.ts';
import type { Streams } from './terminal/streams.ts';

/** Bytes of a text file that the user named: kernel facts with their BTF are the largest, with some 15 MB. */
const MAX_TEXT_FILE = 64 * 1024 * 1024;

/** Reads a text file that the user named, up to 64 MiB. @throws {CliError} `ERR_CLI_FILE`. */
export async function readTextFile(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_TEXT_FILE) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw fileError(cause, path, 'read');
  }
  if (size > MAX_TEXT_FILE) {
    throw new CliError('ERR_CLI_FILE', `${path} is larger than 64 MiB`, 'Check that it is the file you meant.');
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Bytes of a password or token on standard input. */
const MAX_SECRET = 64 * 1024;

/** All of standard input. @throws {CliError} `ERR_CLI_FILE` where it is more than `limit` bytes. */
export async function readStdin({ stdin }: Streams, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer | string>) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    size += bytes.length;
    if (size > limit) {
      throw new CliError(
        'ERR_CLI_FILE',
        `standard input has more than the ${limit} bytes that are read of it here`,
        'Check that it is what you meant to send.',
      );
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** A password or token from standard input, without the line's end. */
export async function readSecret(streams: Streams): Promise<string> {
  return (await readStdin(streams, MAX_SECRET)).toString('utf8').replace(/\r?\n$/, '');
}

/** The file system's refusal as an error that names the file and the next step; any other error stays as it is. */
export function fileError(cause: unknown, path: string, action: 'read' | 'written'): unknown {
  const code = cause instanceof Error && 'syscall' in cause && 'code' in cause ? String(cause.code) : undefined;
  if (code === undefined) return cause;
  const [reason, hint] = REASONS[code] ?? [code, 'Check the path and its permissions.'];
  return new CliError('ERR_CLI_FILE', `${path} cannot be ${action}: ${reason}`, hint, { cause });
}

const REASONS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  ENOENT: ['there is no such file or folder', 'Check the path.'],
  EACCES: ['permission denied', 'Check its permissions, or who you are: ls -ld'],
  EPERM: ['permission denied', 'Check its permissions, or who you are: ls -ld'],
  EISDIR: ['it is a folder', 'Name a file.'],
  ENOTDIR: ['a part of the path is not a folder', 'Check the path.'],
  EEXIST: ['something with this name is there already', 'Move it away, or choose another name.'],
  ENOSPC: ['no space is left on the device', 'Make room, or choose a folder elsewhere; df -h shows the space.'],
  EDQUOT: ['the disk quota is used up', 'Make room, or choose a folder elsewhere.'],
  EROFS: ['the file system is read-only', 'Choose a folder elsewhere.'],
};
