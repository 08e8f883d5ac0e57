import { hash } from 'node:crypto';
import type { BlobStore } from './blob-store.ts';
import { limitBody } from './body.ts';
import { MAX_MANIFEST_SIZE } from './manifest-routes.ts';
import type { ManifestStore } from './manifest-store.ts';
import { isDigest } from './names.ts';
import { RegistryProblem } from './registry-problem.ts';
import { Turns } from './turns.ts';

/** The registry that a pull-through cache stands before. */
export interface UpstreamOptions {
  /** Its address, e.g. `http://127.0.0.1:5000`; repositories have the same names there. */
  url: string;
  /** For Basic authentication. Default: anonymous. */
  username?: string;
  password?: string;
  /** Bytes that a blob has at most. Default 10 GiB. */
  maxBlobSize?: number;
  /** Milliseconds without a byte after which it is given up. Default 30000. */
  idleTimeout?: number;
}

const ACCEPT = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');
const MAX_LIST = 16 * 1024 * 1024;

/** A list as the upstream gave it. */
export interface UpstreamList {
  bytes: Buffer;
  mediaType: string;
  headers: Record<string, string>;
}

/** Fetches from the upstream what is missing here, and stores nothing before its digest is right. */
export class Upstream {
  readonly #options: UpstreamOptions;
  readonly #blobs: BlobStore;
  readonly #manifests: ManifestStore;
  /** One fetch of a content, however many ask for it. */
  readonly #turns = new Turns();

  constructor(options: UpstreamOptions, blobs: BlobStore, manifests: ManifestStore) {
    this.#options = options;
    this.#blobs = blobs;
    this.#manifests = manifests;
  }

  /**
   * Makes a manifest be here. A tag is asked for every time, and taken from here only where the upstream does not answer.
   *
   * @throws {RegistryProblem} what the upstream says, or `UNAVAILABLE`.
   */
  manifest(repository: string, reference: string): Promise<void> {
    return this.#turns.run(`${repository} ${reference}`, async () => {
      const known = isDigest(reference) ? reference : this.#manifests.tagged(repository, reference);
      const here = known !== undefined && this.#manifests.digests(repository).includes(known);
      if (here && known === reference) return;
      try {
        await this.#fetchManifest(repository, reference, here ? known : undefined);
      } catch (error) {
        // What it says counts; that it says nothing does not, where there is an older answer.
        if (!here || !(error instanceof RegistryProblem) || error.code !== 'UNAVAILABLE') throw error;
      }
    });
  }

  async #fetchManifest(repository: string, reference: string, known: string | undefined): Promise<void> {
    const headers = { accept: ACCEPT, ...(known === undefined ? {} : { 'if-none-match': `"${known}"` }) };
    const answer = await this.#ask(`/v2/${repository}/manifests/${reference}`, headers, 'MANIFEST_UNKNOWN');
    if (answer.status === 304) return;
    const bytes = await this.#whole(answer, MAX_MANIFEST_SIZE);
    const mediaType = answer.headers.get('content-type')?.split(';')[0]?.trim() ?? '';
    const said = answer.headers.get('docker-content-digest');
    if (said?.startsWith('sha256:') && said !== `sha256:${hash('sha256', bytes, 'hex')}`)
      throw unavailable('a manifest is not what its digest says');
    await this.#manifests.put(repository, reference, { bytes, mediaType });
  }

  /** Makes a blob be here. @throws {RegistryProblem} what the upstream says, or `UNAVAILABLE`. */
  blob(repository: string, digest: string): Promise<void> {
    return this.#turns.run(`${repository} ${digest}`, async () => {
      if (this.#blobs.size(repository, digest) !== undefined) return;
      const answer = await this.#ask(`/v2/${repository}/blobs/${digest}`, {}, 'BLOB_UNKNOWN');
      const { maxBlobSize = 10 * 2 ** 30 } = this.#options;
      try {
        await this.#blobs.put(repository, digest, limitBody(answer.body, maxBlobSize, tooLarge));
      } catch (error) {
        if (error instanceof RegistryProblem && error.code !== 'DIGEST_INVALID') throw error;
        throw unavailable(`the blob broke off or is another one: ${(error as Error).message}`);
      }
    });
  }

  /** The upstream's list of tags or referrers; `undefined` where it does not answer or has none. */
  async list(address: string): Promise<UpstreamList | undefined> {
    try {
      const answer = await this.#ask(address, {}, 'NAME_UNKNOWN');
      const bytes = await this.#whole(answer, MAX_LIST);
      const kept = ['link', 'oci-filters-applied'].flatMap((name) => {
        const value = answer.headers.get(name);
        return value === null ? [] : [[name, value]];
      });
      const mediaType = answer.headers.get('content-type') ?? 'application/json';
      return { bytes, mediaType, headers: Object.fromEntries(kept) as Record<string, string> };
    } catch (error) {
      if (error instanceof RegistryProblem && ['UNAVAILABLE', 'NAME_UNKNOWN'].includes(error.code)) return undefined;
      throw error;
    }
  }

  async #ask(
    address: string,
    headers: Record<string, string>,
    missing: 'BLOB_UNKNOWN' | 'MANIFEST_UNKNOWN' | 'NAME_UNKNOWN',
  ): Promise<Answer> {
    const { url, username, password = '', idleTimeout = 30_000 } = this.#options;
    const authorization =
      username === undefined
        ? {}
        : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
    const idle = new AbortController();
    const timer = setTimeout(() => idle.abort(new Error('no byte came in time')), idleTimeout);
    let response: Response;
    try {
      response = await fetch(`${url.replace(/\/$/, '')}${address}`, {
        headers: { ...headers, ...authorization },
        signal: idle.signal,
      });
    } catch (error) {
      clearTimeout(timer);
      throw unavailable((error as Error).message);
    }
    const { status } = response;
    if (status === 200) return { status, headers: response.headers, body: watched(response, timer) };
    clearTimeout(timer);
    await response.body?.cancel();
    if (status === 304) return { status, headers: response.headers, body: watched(new Response(), timer) };
    if (status === 404) throw new RegistryProblem(missing, 'the upstream registry does not have it');
    if (status === 401 || status === 403)
      throw new RegistryProblem('DENIED', `the upstream registry answers ${status}`);
    throw unavailable(`it answers ${status}`);
  }

  async #whole({ body }: Answer, limit: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    try {
      for await (const part of limitBody(body, limit, tooLarge)) parts.push(part);
    } catch (error) {
      throw error instanceof RegistryProblem ? error : unavailable((error as Error).message);
    }
    return Buffer.concat(parts);
  }
}

interface Answer {
  status: number;
  headers: Headers;
  body: AsyncIterable<Uint8Array>;
}

/** Passes a body on, and begins the timer again with every part. */
async function* watched({ body }: Response, timer: NodeJS.Timeout): AsyncGenerator<Uint8Array> {
  try {
    for await (const part of body ?? []) {
      timer.refresh();
      yield part;
    }
  } finally {
    clearTimeout(timer);
  }
}

function unavailable(why: string): RegistryProblem {
  return new RegistryProblem('UNAVAILABLE', `the upstream registry cannot be used: ${why}`);
}

function tooLarge(): RegistryProblem {
  return unavailable('it sends more than is taken');
}
