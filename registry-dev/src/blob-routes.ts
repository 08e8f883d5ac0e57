import type { BlobStore } from './blob-store.ts';
import { matchesEntityTag } from './conditions.ts';
import type { Exchange, Methods } from './exchange.ts';
import { requireDigest } from './names.ts';
import { parseRange } from './ranges.ts';
import { RegistryProblem } from './registry-problem.ts';
import { emptyReply, type Reply, type ReplyHeaders } from './reply.ts';

/** `/v2/<name>/blobs/<digest>`. @param ranges - whether `Range` is heeded. */
export function blobRoutes(blobs: BlobStore, ranges: boolean): Methods {
  const getBlob = ({ method, headers: asked, repository, rest }: Exchange): Reply => {
    const digest = requireDigest(rest);
    const file = blobs.open(repository, digest);
    if (file === undefined) throw unknownBlob(digest);
    const entityTag = `"${digest}"`;
    const headers: ReplyHeaders = { 'docker-content-digest': digest, etag: entityTag };
    if (ranges) headers['accept-ranges'] = 'bytes';
    let sent = false;
    try {
      if (matchesEntityTag(asked['if-none-match'], entityTag)) return emptyReply(304, headers);
      // A range of another content is no use to whoever has the beginning of this one (RFC 9110, 13.1.5).
      const heed = ranges && (asked['if-range'] === undefined || asked['if-range'] === entityTag);
      const range = parseRange(heed ? asked.range : undefined, file.size);
      headers['content-type'] = 'application/octet-stream';
      headers['content-length'] = range ? range.end - range.start + 1 : file.size;
      if (range) headers['content-range'] = `bytes ${range.start}-${range.end}/${file.size}`;
      const status = range ? 206 : 200;
      if (method === 'HEAD' || file.size === 0) return { status, headers };
      sent = true;
      return { status, headers, body: file.read(range) };
    } finally {
      if (!sent) file.close();
    }
  };

  const deleteBlob = async ({ repository, rest }: Exchange): Promise<Reply> => {
    if (!(await blobs.delete(repository, requireDigest(rest)))) throw unknownBlob(rest);
    return emptyReply(202);
  };

  return { GET: getBlob, HEAD: getBlob, DELETE: deleteBlob };
}

function unknownBlob(digest: string): RegistryProblem {
  return new RegistryProblem('BLOB_UNKNOWN', `the repository does not have ${digest}`, {}, digest);
}
