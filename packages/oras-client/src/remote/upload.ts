import { chunksOf, type Content } from '../content/content.ts';
import type { Descriptor } from '../descriptor.ts';
import { verified, verifyBytes } from '../digest.ts';
import { OciError } from '../errors.ts';
import { contentExists } from './content-head.ts';
import type { HttpResponse } from './http-client.ts';
import { singleHeader } from './repository-api.ts';
import { isPassing, isPassingStatus, waitBeforeRetry } from './retry.ts';
import { sendChunks } from './upload-chunks.ts';
import { cancelUpload, closingUrl, openUpload, type Place, type Upload, uploadState } from './upload-session.ts';

/** Blobs up to this size, in bytes, are sent from memory: streams cost more than they save. */
const SMALL = 256 * 1024;
/** From this size on, in bytes, it is worth the requests to go on where a transfer broke. */
const RESUMED = 1024 * 1024;
/** Size of a chunk in bytes; GHCR takes no more at once. */
const CHUNK = 4 * 1024 * 1024;
/** Proxies that want less than this at once, in bytes, are not served. */
const SMALLEST_CHUNK = 256 * 1024;
/** Bytes that a registry puts away in a millisecond, at least: the answer to a big blob takes its time. */
const STORED_PER_MS = 10_000;

/** How an upload goes on. */
interface Progress {
  /** `undefined` where an upload has to be opened, or is closed. */
  place: Place | undefined;
  /** Size of chunks; `undefined` where the blob is sent whole. */
  chunk: number | undefined;
  /** The registry refused chunks. */
  wholeOnly: boolean;
  /** Tries without a byte more. */
  attempt: number;
}

/**
 * Uploads a blob: POST opens an upload, one PUT sends it whole (distribution-spec, "POST then PUT"). That is the way that every registry
 * takes. Chunks are for what is too large for a proxy (413), and for a transfer that broke: it goes on with what the registry says it has,
 * and begins again where the registry does not say.
 *
 * @returns `mounted` where no bytes had to be sent.
 */
export async function uploadBlob(upload: Upload): Promise<'mounted' | 'uploaded'> {
  if (upload.content instanceof Uint8Array) verifyBytes(upload.content, upload.descriptor);
  const first = await openUpload(upload, upload.from);
  if (!first) return 'mounted';
  const progress: Progress = { place: first, chunk: undefined, wholeOnly: false, attempt: 0 };
  try {
    return await sendUntilStored(upload, progress);
  } catch (error) {
    if (progress.place) await cancelUpload(upload, progress.place);
    throw error;
  }
}

async function sendUntilStored(upload: Upload, progress: Progress): Promise<'mounted' | 'uploaded'> {
  for (;;) {
    const place = progress.place ?? (await openUpload(upload, undefined));
    if (!place) return 'mounted';
    progress.place = place;
    const from = place.offset;
    const outcome = await send(upload, place, progress.chunk);
    if (!(outcome instanceof OciError) && (outcome.status === 201 || outcome.status === 204)) {
      await outcome.discard();
      progress.place = undefined;
      checkStored(upload, singleHeader(outcome, 'docker-content-digest'));
      return 'uploaded';
    }
    if ((await goOn(upload, progress, { place, from, outcome })) === 'stored') return 'uploaded';
  }
}

/** @returns the last answer, or the network's error. */
async function send(upload: Upload, place: Place, chunk: number | undefined): Promise<HttpResponse | OciError> {
  try {
    return await (chunk === undefined ? sendWhole(upload, place) : sendChunks(upload, place, chunk));
  } catch (error) {
    if (error instanceof OciError && !upload.options.signal?.aborted && isPassing(error)) return error;
    throw error;
  }
}

/** Decides how it goes on after a failure, where the registry has not stored the blob all the same. @throws {OciError} where it does not. */
async function goOn(
  upload: Upload,
  progress: Progress,
  { place, from, outcome }: { place: Place; from: number; outcome: HttpResponse | OciError },
): Promise<'stored' | undefined> {
  const { session, api, descriptor, options } = upload;
  const giveUp = async (): Promise<never> => {
    throw outcome instanceof OciError ? outcome : await api.error(outcome, `PUT blob ${descriptor.digest}`);
  };
  if (!(outcome instanceof OciError) && !isPassingStatus(outcome.status)) {
    const next = otherWay(progress, place, outcome.status, descriptor.size);
    if (!next) return giveUp();
    await outcome.discard();
    // What was refused in the middle is of no use.
    await cancelUpload(upload, place);
    Object.assign(progress, { place: undefined, ...next });
    return undefined;
  }
  if (progress.attempt >= session.retries) return giveUp();
  const retryAfter = outcome instanceof OciError ? undefined : outcome.headers['retry-after'];
  if (!(outcome instanceof OciError)) await outcome.discard();
  await waitBeforeRetry(progress.attempt, retryAfter, options.signal);
  const known = descriptor.size >= RESUMED && !progress.wholeOnly;
  const state = known ? await uploadState(upload, place) : undefined;
  // The answer may be lost when everything was already stored.
  if (known && !state && (await isThere(upload))) return 'stored';
  if (known && !state) await cancelUpload(upload, place);
  // At least so much, or a registry could keep us for ever.
  const cameForward = Math.max(state?.offset ?? 0, place.offset) - from >= RESUMED;
  progress.attempt = state && cameForward ? 0 : progress.attempt + 1;
  progress.place = state;
  // The second break without anything to go on with may be a proxy that cuts long bodies.
  if (state || (progress.attempt > 1 && descriptor.size > CHUNK && !progress.wholeOnly))
    progress.chunk ??= Math.max(CHUNK, place.minChunk);
  return undefined;
}

/** Another way of sending, where the one that was refused is not the only one. */
function otherWay(
  { chunk, wholeOnly }: Progress,
  { minChunk }: Place,
  status: number,
  size: number,
): Partial<Progress> | undefined {
  if (wholeOnly) return undefined;
  if (status === 413) {
    const smaller = chunk === undefined ? Math.min(CHUNK, size / 2) : chunk / 4;
    const next = Math.max(Math.floor(smaller), minChunk, SMALLEST_CHUNK);
    return next < (chunk ?? size) ? { chunk: next } : undefined;
  }
  // No chunks here (GAR), other ones than ours (ECR), or an upload whose state was not what the registry said.
  const refused = chunk !== undefined && status >= 400 && status < 500 && status !== 401 && status !== 403;
  return refused ? { chunk: undefined, wholeOnly: true } : undefined;
}

async function isThere({ session, api, descriptor, options }: Upload): Promise<boolean> {
  return contentExists(session, api, descriptor, options).catch((error: unknown) => {
    if (options.signal?.aborted) throw error;
    return false;
  });
}

async function sendWhole({ session, api, descriptor, content, options }: Upload, place: Place): Promise<HttpResponse> {
  const body = descriptor.size <= SMALL ? await collect(content, descriptor) : content;
  return session.send({
    method: 'PUT',
    to: closingUrl(place, descriptor.digest),
    headers: { 'content-type': 'application/octet-stream' },
    body: body instanceof Uint8Array ? body : () => verifiedBeforeEnd(body(), descriptor),
    bodySize: descriptor.size,
    scope: api.scope('pull,push'),
    retries: 0,
    answerTimeoutMs: session.idleTimeoutMs + Math.floor(descriptor.size / STORED_PER_MS),
    signal: options.signal,
  });
}

async function collect(content: Content, descriptor: Descriptor): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of verified(chunksOf(content), descriptor)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The last chunk is held back until the content is verified: a file that changed since it was hashed never arrives whole. */
async function* verifiedBeforeEnd(
  source: AsyncIterable<Uint8Array>,
  descriptor: Descriptor,
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined;
  for await (const chunk of verified(source, descriptor)) {
    if (held) yield held;
    held = chunk;
  }
  if (held) yield held;
}

/** distribution 2.8 takes a sha512 upload and keeps it under a sha256 digest, where nobody finds it. */
function checkStored({ session, api, descriptor }: Upload, stored: string | undefined): void {
  if (!stored || stored === descriptor.digest) return;
  const message = `${session.registry} stored the blob as ${stored.slice(0, 160)}, not as ${descriptor.digest}`;
  throw new OciError('ERR_OCI_DIGEST_MISMATCH', message, {
    registry: session.registry,
    repository: api.name,
    operation: `PUT blob ${descriptor.digest}`,
    ...(descriptor.digest.startsWith('sha256:')
      ? {}
      : { hint: 'This registry knows sha256 only; use sha256 digests.' }),
  });
}
