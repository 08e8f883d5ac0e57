import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { TrustError } from '../trust-error.ts';

/** Bytes of a key that are read. */
const MAX_KEY_SIZE = 64 * 1024;

/** Where keys come from. */
export interface ReadKeyReferenceOptions {
  /** Default: the process’s environment. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Default: the process’s standard input. */
  stdin?: Readable;
  signal?: AbortSignal | undefined;
}

/**
 * Reads the text of a key from where a reference says: a file, `env://VARIABLE`, or `-` for standard input. A key itself is refused as a
 * reference: command lines are visible to every user of the machine.
 *
 * @throws {TrustError} `ERR_TRUST_KEY_UNREADABLE`.
 */
export async function readKeyReference(reference: string, options: ReadKeyReferenceOptions = {}): Promise<string> {
  if (reference.includes('-----BEGIN')) {
    throw new TrustError('ERR_TRUST_KEY_UNREADABLE', 'a key was given where the name of a key is expected');
  }
  if (reference === '-') return readBounded(options.stdin ?? process.stdin, 'standard input', options.signal);
  const [, variable] = /^env:\/\/(.*)$/s.exec(reference) ?? [];
  if (variable !== undefined) return readVariable(variable, options.env ?? process.env);
  if (/^[a-z][a-z0-9+.-]*:\/\//.test(reference)) {
    throw unreadable(reference, 'names a place that keys are not read from');
  }
  let file;
  try {
    file = await open(reference);
    return await readBounded(file.createReadStream({ end: MAX_KEY_SIZE, autoClose: false }), reference, options.signal);
  } catch (cause) {
    if (cause instanceof TrustError) throw cause;
    throw unreadable(reference, `cannot be read: ${(cause as NodeJS.ErrnoException).code ?? 'unknown reason'}`, cause);
  } finally {
    await file?.close();
  }
}

function readVariable(name: string, env: Readonly<Record<string, string | undefined>>): string {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (value === undefined || value === '') throw unreadable(`env://${name}`, 'is not set');
  if (value.length > MAX_KEY_SIZE) throw unreadable(`env://${name}`, `is longer than ${MAX_KEY_SIZE} characters`);
  return value;
}

async function readBounded(stream: Readable, name: string, signal: AbortSignal | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    signal?.throwIfAborted();
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer);
    size += bytes.length;
    if (size > MAX_KEY_SIZE) throw unreadable(name, `is longer than ${MAX_KEY_SIZE} bytes`);
    chunks.push(bytes);
  }
  if (size === 0) throw unreadable(name, 'is empty');
  return Buffer.concat(chunks).toString('utf8');
}

function unreadable(name: string, why: string, cause?: unknown): TrustError {
  const shown = name.slice(0, 256);
  return new TrustError('ERR_TRUST_KEY_UNREADABLE', `the key ${shown} ${why}`, { object: shown, cause });
}
