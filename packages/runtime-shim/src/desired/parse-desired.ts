import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DocumentError, parseDocument } from '@bpfship/media-types';
import { parsePolicy } from '@bpfship/trust';
import { ShimError } from '../shim-error.ts';
import { type DesiredPolicy, type DesiredState, DesiredStateSchema, MAX_DESIRED_SIZE } from './desired-schema.ts';

/** Keys and certificates are read up to this size, in bytes. */
const MAX_KEY_SIZE = 65_536;

/**
 * Reads a document of desired state, and puts in what it names: after this it depends on no file but the credentials.
 *
 * @param path - YAML or JSON.
 * @throws {ShimError} `ERR_SHIM_DESIRED`, which says where and what.
 */
export async function readDesiredFile(path: string): Promise<DesiredState> {
  const found = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (!found.isFile() || found.size > MAX_DESIRED_SIZE)
    throw new ShimError('ERR_SHIM_DESIRED', `${path} is no file of at most 1 MiB`, {
      hint: 'Name the file that says what the node should run.',
    });
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  return parseDesired(text, { name: path, folder: dirname(resolve(path)) });
}

/**
 * Checks a document of desired state.
 *
 * @param folder - where the files that it names are.
 * @throws {ShimError} `ERR_SHIM_DESIRED`.
 */
export async function parseDesired(
  text: string,
  { name, folder }: { name: string; folder: string },
): Promise<DesiredState> {
  if (text.length > MAX_DESIRED_SIZE) throw invalid(name, 'is larger than 1 MiB');
  return embedFiles(checkDesired(await parseYaml(text, name), name), name, folder);
}

/** Checks desired state that is parsed already, as the state folder and the socket give it. @throws {ShimError} `ERR_SHIM_DESIRED`. */
export function checkDesired(value: object | string | Uint8Array, name: string): DesiredState {
  try {
    return parseDocument(value, { name: 'desired state', schema: DesiredStateSchema, maxSize: MAX_DESIRED_SIZE * 4 });
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    const issues = error.issues ?? [];
    const lines = issues.map(({ path, message }) => `  ${path || 'the document'}: ${message}`);
    const first = issues[0];
    throw new ShimError(
      'ERR_SHIM_DESIRED',
      `${name}: ${first ? `${first.path || 'the document'}: ${first.message}` : error.message}`,
      {
        hint: 'docs/desired-state.md says what may stand in it.',
        ...(lines.length > 1 ? { details: lines.join('\n') } : {}),
        cause: error,
      },
    );
  }
}

/** YAML is loaded only here: what runs all the time reads JSON. Aliases are bounded: a few lines can stand for gigabytes. */
async function parseYaml(text: string, name: string): Promise<object> {
  const { LineCounter, parseDocument: parse } = await import('yaml');
  const lines = new LineCounter();
  const document = parse(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw invalid(`${name}:${lines.linePos(error.pos[0]).line}`, `is not YAML: ${error.message}`);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw invalid(name, 'uses too many YAML aliases', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(name, 'is no YAML mapping');
  return value;
}

async function embedFiles(desired: DesiredState, name: string, folder: string): Promise<DesiredState> {
  const read = (value: string): Promise<string> => textOf(value, name, folder);
  const embed = async (policy: DesiredPolicy): Promise<DesiredPolicy> => {
    const { keys, supplementKeys, evidenceKeys, allow } = policy;
    const embedded = {
      keys: await Promise.all(keys.map(read)),
      ...(allow ? { allow } : {}),
      ...(supplementKeys ? { supplementKeys: await Promise.all(supplementKeys.map(read)) } : {}),
      ...(evidenceKeys ? { evidenceKeys: await Promise.all(evidenceKeys.map(read)) } : {}),
    };
    parsePolicy(JSON.stringify({ schemaVersion: 1, ...embedded }));
    return embedded;
  };
  const withPolicy = async <T extends { policy?: DesiredPolicy }>(one: T): Promise<T> =>
    one.policy ? { ...one, policy: await embed(one.policy) } : one;
  const { registries, catalogues } = desired;
  return {
    ...(await withPolicy(desired)),
    ...(registries?.ca === undefined ? {} : { registries: { ...registries, ca: await read(registries.ca) } }),
    ...(catalogues === undefined ? {} : { catalogues: await Promise.all(catalogues.map(withPolicy)) }),
    services: await Promise.all(desired.services.map(withPolicy)),
  };
}

async function textOf(value: string, name: string, folder: string): Promise<string> {
  if (value.includes('-----BEGIN ')) return value;
  const path = resolve(folder, value);
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile() || found.size > MAX_KEY_SIZE)
    throw invalid(name, `names the key or certificate ${path}, which is no file with one`);
  return readFile(path, 'utf8');
}

function invalid(name: string, why: string, cause?: unknown): ShimError {
  return new ShimError('ERR_SHIM_DESIRED', `${name} ${why}`, { hint: 'docs/desired-state.md shows one.', cause });
}

function unreadable(path: string, cause: unknown): ShimError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new ShimError('ERR_SHIM_DESIRED', `${path} cannot be read (${code})`, {
    hint: 'Name the file that says what the node should run.',
    cause,
  });
}
