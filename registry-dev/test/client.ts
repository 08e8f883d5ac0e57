import { hash } from 'node:crypto';

/** Media type of the manifests that tests push. */
export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** Digest of `{}`. */
export const EMPTY = digestOf('{}');

/** Digest of a content. */
export function digestOf(content: string | Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${hash(algorithm, content, 'hex')}`;
}

/** What a test may set of a request. */
export interface CallInit {
  body?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
  redirect?: 'follow' | 'manual';
}

/** Sends a request. */
export type Call = (method: string, path: string, init?: CallInit) => Promise<Response>;

/** Requests to a registry. @param headers - with every request. */
export function callerOf(url: string, headers: Record<string, string> = {}): Call {
  return (method, path, init = {}) =>
    fetch(path.startsWith('http') ? path : `${url}${path}`, {
      method,
      redirect: 'manual',
      ...init,
      headers: { ...headers, ...init.headers },
    });
}

/** `Authorization` of a user. */
export function basic(user: string, password: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

/** Pushes a blob by one POST. @throws {Error} where it is not taken. */
export async function pushBlob(
  call: Call,
  content: string | Uint8Array<ArrayBuffer>,
  repository = 'a/b',
): Promise<string> {
  const digest = digestOf(content);
  const { status } = await call('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: content });
  if (status !== 201) throw new Error(`the blob was answered with ${status}`);
  return digest;
}

/** The JSON of a manifest with one empty blob. */
export function manifestOf(more: object = {}): string {
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: EMPTY, size: 2 };
  return JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [config], ...more });
}

/** Pushes {@link manifestOf} and its blob. @returns its digest. @throws {Error} where it is not taken. */
export async function pushManifest(
  call: Call,
  reference: string,
  more: object = {},
  repository = 'a/b',
): Promise<string> {
  await pushBlob(call, '{}', repository);
  const body = manifestOf(more);
  const { status } = await putManifest(call, reference, body, repository);
  if (status !== 201) throw new Error(`the manifest was answered with ${status}`);
  return digestOf(body);
}

/** Sends a manifest. */
export function putManifest(call: Call, reference: string, body: string, repository = 'a/b'): Promise<Response> {
  return call('PUT', `/v2/${repository}/manifests/${reference}`, { body, headers: { 'content-type': MANIFEST } });
}

/** The first error code of an answer. */
export async function codeOf(response: Response): Promise<string | undefined> {
  const { errors } = (await response.json()) as { errors?: { code: string }[] };
  return errors?.[0]?.code;
}
