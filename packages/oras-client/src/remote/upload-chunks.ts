import { chunksOf } from '../content/content.ts';
import { verified } from '../digest.ts';
import type { HttpResponse } from './http-client.ts';
import { closingUrl, nextLocation, type Place, type Upload } from './upload-session.ts';

/** Registries say it in several ways that a chunk was taken: the spec 202, others 204, ECR 201. */
const TAKEN: ReadonlySet<number> = new Set([201, 202, 204]);

/**
 * Sends the rest of a blob in chunks (distribution-spec, "Pushing a blob in chunks"), each with its length, since some registries take no
 * chunk without. The closing PUT is empty: distribution appends a body to it even where it refuses the range.
 *
 * @param place - moved forward with every chunk that was taken.
 * @param size - of a chunk, in bytes. One chunk is held in memory.
 * @returns the answer to the closing PUT, or the first one that is no success.
 */
export async function sendChunks(upload: Upload, place: Place, size: number): Promise<HttpResponse> {
  const { session, api, descriptor, content, options } = upload;
  const request = { scope: api.scope('pull,push'), retries: 0, signal: options.signal };
  // The whole content is read and verified, also what the registry has already: it may have changed since.
  for await (const chunk of inGroups(verified(chunksOf(content), descriptor), {
    size,
    skip: place.offset,
    total: descriptor.size,
  })) {
    const response = await session.send({
      ...request,
      method: 'PATCH',
      to: place.url,
      headers: {
        'content-type': 'application/octet-stream',
        'content-range': `${place.offset}-${place.offset + chunk.length - 1}`,
      },
      body: chunk,
    });
    if (!TAKEN.has(response.status)) return response;
    await response.discard();
    place.url = nextLocation(upload, response) ?? place.url;
    place.offset += chunk.length;
  }
  return session.send({
    ...request,
    method: 'PUT',
    to: closingUrl(place, descriptor.digest),
    headers: { 'content-type': 'application/octet-stream' },
    body: new Uint8Array(0),
  });
}

/** Puts pieces together to groups of one size, the last one smaller; `skip` bytes are left out at the beginning. */
async function* inGroups(
  source: AsyncIterable<Uint8Array>,
  { size, skip, total }: { size: number; skip: number; total: number },
): AsyncGenerator<Uint8Array> {
  let toSkip = skip;
  const room = Math.min(size, total - skip);
  let group = Buffer.allocUnsafe(room);
  let filled = 0;
  for await (const piece of source) {
    let rest = piece.subarray(Math.min(toSkip, piece.length));
    toSkip -= piece.length - rest.length;
    while (rest.length > 0) {
      const part = rest.subarray(0, room - filled);
      group.set(part, filled);
      filled += part.length;
      rest = rest.subarray(part.length);
      if (filled < room) continue;
      yield group;
      group = Buffer.allocUnsafe(room);
      filled = 0;
    }
  }
  if (filled > 0) yield group.subarray(0, filled);
}
