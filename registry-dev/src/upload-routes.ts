import type { Behaviour } from './behaviour.ts';
import type { BlobStore, Upload } from './blob-store.ts';
import { limitBody } from './body.ts';
import type { Exchange, Methods } from './exchange.ts';
import { isDigest, isRepository, requireDigest } from './names.ts';
import { requireChunkRange } from './ranges.ts';
import { RegistryProblem } from './registry-problem.ts';
import { createdReply, emptyReply, type Reply, uploadReply } from './reply.ts';

/** `/v2/<name>/blobs/uploads/[<id>]`: whole blobs, chunks and mounts (distribution-spec, "Push"). */
export function uploadRoutes(blobs: BlobStore, repositories: () => string[], behaviour: Behaviour): Methods {
  const { mounts = 'any', patchLimit = Infinity, putLimit = Infinity, chunkMinLength } = behaviour;

  const startUpload = async (exchange: Exchange): Promise<Reply> => {
    const { url, repository, body } = exchange;
    const mount = url.searchParams.get('mount');
    if (mount && isDigest(mount) && (await mountFrom(exchange, mount)))
      return createdReply(`/v2/${repository}/blobs/${mount}`, mount);
    const digest = url.searchParams.get('digest');
    if (digest === null) {
      const reply = uploadReply(202, repository, { id: await blobs.createUpload(repository), size: 0 });
      if (chunkMinLength !== undefined) reply.headers['oci-chunk-min-length'] = chunkMinLength;
      return reply;
    }
    await blobs.put(repository, requireDigest(digest), limitBody(body(), putLimit, tooLargePut));
    return createdReply(`/v2/${repository}/blobs/${digest}`, digest);
  };

  /** A mount without `from` looks in all repositories that the caller may pull from (distribution-spec, "Mounting a blob"). */
  const mountFrom = async ({ url, repository, caller }: Exchange, digest: string): Promise<boolean> => {
    const from = url.searchParams.get('from');
    if (mounts === 'none' || (from === null && mounts === 'from')) return false;
    if (from !== null) return isRepository(from) && caller.may(from, 'pull') && blobs.mount(from, repository, digest);
    for (const source of repositories())
      if (caller.couldPull(source) && (await blobs.mount(source, repository, digest))) return true;
    return false;
  };

  const uploadStatus = ({ repository, rest: id }: Exchange): Reply => {
    if (behaviour.uploadStatus === false)
      throw new RegistryProblem('BLOB_UPLOAD_UNKNOWN', 'uploads have no state here');
    return uploadReply(204, repository, { id, size: blobs.uploadSize(repository, id) });
  };

  const requirePatch = ({ size }: Upload): void => {
    const { chunks = 'any' } = behaviour;
    if (chunks === 'none' || (chunks === 'one' && size > 0))
      throw new RegistryProblem('UNSUPPORTED', 'uploads in chunks are not taken');
    if (chunkMinLength !== undefined && size > 0 && size < chunkMinLength)
      throw new RegistryProblem(
        'BLOB_UPLOAD_INVALID',
        `a chunk that is not the last has ${chunkMinLength} bytes or more`,
      );
  };

  const tooLarge = (): RegistryProblem =>
    new RegistryProblem('RANGE_INVALID', `a PATCH takes at most ${patchLimit} bytes`);

  const patchUpload = async ({ headers, repository, rest: id, body }: Exchange): Promise<Reply> => {
    const { before, size } = await blobs.changeUpload(repository, id, async (upload) => {
      requirePatch(upload);
      requireChunkRange(headers, repository, { id, size: upload.size });
      if (Number(headers['content-length'] ?? 0) > patchLimit) throw tooLarge();
      return { before: upload.size, size: await upload.append(limitBody(body(), patchLimit, tooLarge)) };
    });
    const said = behaviour.staleRange ? before : size;
    return uploadReply(behaviour.patchStatus ?? 202, repository, { id, size: said });
  };

  const finishUpload = async ({ headers, url, repository, rest: id, body }: Exchange): Promise<Reply> => {
    const digest = requireDigest(url.searchParams.get('digest') ?? '');
    await blobs.changeUpload(repository, id, async (upload) => {
      requireChunkRange(headers, repository, { id, size: upload.size });
      if (Number(headers['content-length'] ?? 0) > putLimit) throw tooLargePut();
      await upload.append(limitBody(body(), putLimit, tooLargePut));
      await upload.commit(digest);
    });
    return createdReply(`/v2/${repository}/blobs/${digest}`, digest);
  };

  const cancelUpload = async ({ repository, rest }: Exchange): Promise<Reply> => {
    await blobs.changeUpload(repository, rest, (upload) => upload.cancel());
    return emptyReply(204);
  };

  return { POST: startUpload, GET: uploadStatus, PATCH: patchUpload, PUT: finishUpload, DELETE: cancelUpload };
}

function tooLargePut(): RegistryProblem {
  return new RegistryProblem('SIZE_INVALID', 'the body is larger than one request may be; send it in chunks');
}
