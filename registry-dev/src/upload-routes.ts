import type { BlobStore } from './blob-store.ts';
import { bodyOf } from './body.ts';
import type { Exchange, Methods } from './exchange.ts';
import { isDigest, isRepository, requireDigest } from './names.ts';
import { checkContentRange } from './ranges.ts';
import { sendCreated, sendUpload } from './responses.ts';

/** `/v2/<name>/blobs/uploads/[<id>]`: whole blobs, chunks and mounts (distribution-spec, "Push"). */
export function uploadRoutes(blobs: BlobStore): Methods {
  const startUpload = async ({ request, response, url, repository }: Exchange): Promise<void> => {
    const mount = url.searchParams.get('mount');
    const from = url.searchParams.get('from');
    if (mount && from && isDigest(mount) && isRepository(from) && (await blobs.mount(from, repository, mount))) {
      return sendCreated(response, `/v2/${repository}/blobs/${mount}`, mount);
    }
    const digest = url.searchParams.get('digest');
    if (digest === null) {
      return sendUpload(response, repository, { id: await blobs.createUpload(repository), size: 0 }, 202);
    }
    await blobs.put(repository, requireDigest(digest), bodyOf(request));
    sendCreated(response, `/v2/${repository}/blobs/${digest}`, digest);
  };

  const uploadStatus = async ({ response, repository, rest: id }: Exchange): Promise<void> => {
    sendUpload(response, repository, { id, size: await blobs.uploadSize(repository, id) }, 204);
  };

  const patchUpload = async ({ request, response, repository, rest: id }: Exchange): Promise<void> => {
    const size = await blobs.changeUpload(repository, id, async (upload) => {
      checkContentRange(request.headers, repository, { id, size: await upload.size() });
      return upload.append(bodyOf(request));
    });
    sendUpload(response, repository, { id, size }, 202);
  };

  const finishUpload = async ({ request, response, url, repository, rest: id }: Exchange): Promise<void> => {
    const digest = requireDigest(url.searchParams.get('digest') ?? '');
    await blobs.changeUpload(repository, id, async (upload) => {
      checkContentRange(request.headers, repository, { id, size: await upload.size() });
      await upload.append(bodyOf(request));
      await upload.commit(digest);
    });
    sendCreated(response, `/v2/${repository}/blobs/${digest}`, digest);
  };

  const cancelUpload = async ({ response, repository, rest }: Exchange): Promise<void> => {
    await blobs.changeUpload(repository, rest, (upload) => upload.cancel());
    response.writeHead(204).end();
  };

  return { POST: startUpload, GET: uploadStatus, PATCH: patchUpload, PUT: finishUpload, DELETE: cancelUpload };
}
