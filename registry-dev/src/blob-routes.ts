import { pipeline } from 'node:stream/promises';
import type { BlobStore } from './blob-store.ts';
import type { Exchange, Methods } from './exchange.ts';
import { requireDigest } from './names.ts';
import { parseRange } from './ranges.ts';
import { RegistryProblem } from './registry-problem.ts';

/** `/v2/<name>/blobs/<digest>`. */
export function blobRoutes(blobs: BlobStore): Methods {
  const getBlob = async ({ request, response, repository, rest }: Exchange): Promise<void> => {
    const digest = requireDigest(rest);
    const size = await blobs.size(repository, digest);
    if (size === undefined) throw new RegistryProblem('BLOB_UNKNOWN', `the repository does not have ${digest}`);
    response.setHeader('content-type', 'application/octet-stream');
    response.setHeader('docker-content-digest', digest);
    response.setHeader('accept-ranges', 'bytes');
    response.setHeader('etag', `"${digest}"`);
    if (request.headers['if-none-match'] === `"${digest}"`) return void response.writeHead(304).end();
    const range = parseRange(request.headers.range, size);
    response.setHeader('content-length', range ? range.end - range.start + 1 : size);
    if (range) response.setHeader('content-range', `bytes ${range.start}-${range.end}/${size}`);
    response.writeHead(range ? 206 : 200);
    if (request.method === 'HEAD' || size === 0) return void response.end();
    await pipeline(blobs.read(repository, digest, range), response);
  };

  const deleteBlob = async ({ response, repository, rest }: Exchange): Promise<void> => {
    if (!(await blobs.delete(repository, requireDigest(rest))))
      throw new RegistryProblem('BLOB_UNKNOWN', `the repository does not have ${rest}`);
    response.writeHead(202).end();
  };

  return { GET: getBlob, HEAD: getBlob, DELETE: deleteBlob };
}
