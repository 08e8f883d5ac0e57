import { randomUUID } from 'node:crypto';
import type { CallOptions } from '../content/content.ts';
import { parseManifest } from '../content/manifest.ts';
import {
  type Descriptor,
  EMPTY_CONTENT,
  EMPTY_DESCRIPTOR,
  isManifest,
  MEDIA_TYPE_MANIFEST,
  plainDescriptor,
} from '../descriptor.ts';
import { digestOf } from '../digest.ts';
import { OciError } from '../errors.ts';
import { getManifest, putManifest } from './manifests.ts';
import { hasReferrersApi } from './referrers.ts';
import { removeFromReferrersTag } from './referrers-tag.ts';
import type { RepositoryApi } from './repository-api.ts';
import type { RegistrySession } from './session.ts';
import { uploadBlob } from './upload.ts';

/**
 * Deletes a manifest or blob (distribution-spec, "Content Management"). A manifest with a subject is also taken out of the list of
 * referrers, where the registry keeps none itself.
 *
 * @throws {OciError} `ERR_OCI_NOT_FOUND`; `ERR_OCI_UNSUPPORTED` where deletion is turned off.
 */
export async function deleteContent(
  session: RegistrySession,
  api: RepositoryApi,
  descriptor: Descriptor,
  options: CallOptions,
): Promise<void> {
  if (!isManifest(descriptor)) return sendDelete(session, api, `blob ${descriptor.digest}`, options);
  const subject = await listedUnder(session, api, descriptor, options);
  await sendDelete(session, api, `manifest ${descriptor.digest}`, options);
  if (subject) await removeFromReferrersTag(session, api, subject, descriptor, options.signal);
}

/** The subject under whose tag the manifest is listed, where the registry has no referrers API. */
async function listedUnder(
  session: RegistrySession,
  api: RepositoryApi,
  descriptor: Descriptor,
  options: CallOptions,
): Promise<Descriptor | undefined> {
  if (session.referrersApi === true) return undefined;
  const { bytes } = await getManifest(session, api, descriptor.digest, options);
  let subject: Descriptor | undefined;
  try {
    ({ subject } = parseManifest(bytes, descriptor));
  } catch {
    // What cannot be read can be deleted all the same.
  }
  return subject && !(await hasReferrersApi(session, api, subject, options)) ? subject : undefined;
}

/**
 * Removes a tag and leaves what it points to. Registries that cannot (distribution 2.8) delete manifests only: there the tag is moved to
 * a manifest of its own, which is then deleted. Where that is refused too, the tag is put back.
 *
 * @throws {OciError} `ERR_OCI_NOT_FOUND`; `ERR_OCI_UNSUPPORTED` where deletion is turned off.
 */
export async function deleteTag(
  session: RegistrySession,
  api: RepositoryApi,
  tag: string,
  options: CallOptions,
): Promise<void> {
  try {
    await sendDelete(session, api, `manifest ${tag}`, options);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    await deleteTagByManifest(session, api, tag, options);
  }
}

function isUnsupported(error: unknown): boolean {
  if (!(error instanceof OciError)) return false;
  return error.code === 'ERR_OCI_UNSUPPORTED' || (error.status === 400 && error.registryCode !== undefined);
}

async function deleteTagByManifest(
  session: RegistrySession,
  api: RepositoryApi,
  tag: string,
  options: CallOptions,
): Promise<void> {
  const before = await getManifest(session, api, tag, options);
  const bytes = new TextEncoder().encode(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE_MANIFEST,
      artifactType: EMPTY_DESCRIPTOR.mediaType,
      config: plainDescriptor(EMPTY_DESCRIPTOR),
      layers: [plainDescriptor(EMPTY_DESCRIPTOR)],
      // No other tag points to a manifest with this, so deleting it takes this tag only.
      annotations: { 'removed-tag': `${tag} ${randomUUID()}` },
    }),
  );
  const descriptor = { mediaType: MEDIA_TYPE_MANIFEST, digest: digestOf(bytes), size: bytes.length };
  await uploadBlob({ session, api, descriptor: EMPTY_DESCRIPTOR, content: EMPTY_CONTENT, options });
  await putManifest(session, api, { descriptor, content: bytes, reference: tag, options });
  try {
    await sendDelete(session, api, `manifest ${descriptor.digest}`, options);
  } catch (error) {
    // Not under the caller's signal: the tag must not stay as it is now.
    await putManifest(session, api, {
      descriptor: before.descriptor,
      content: before.bytes,
      reference: tag,
      options: { signal: AbortSignal.timeout(30_000) },
    });
    throw error;
  }
}

/** @param what - kind and reference, e.g. `blob sha256:…`. */
async function sendDelete(
  session: RegistrySession,
  api: RepositoryApi,
  what: string,
  { signal }: CallOptions,
): Promise<void> {
  const [kind, reference] = what.split(' ');
  const response = await session.send({
    method: 'DELETE',
    to: `/v2/${api.path}/${kind}s/${reference}`,
    scope: api.scope('pull,push,delete'),
    signal,
  });
  // The spec says 202; some registries answer as HTTP usually does.
  if (![200, 202, 204].includes(response.status)) throw await api.error(response, `DELETE ${what}`);
  await response.discard();
}
