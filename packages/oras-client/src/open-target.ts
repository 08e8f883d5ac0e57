import { stat } from 'node:fs/promises';
import type { GraphTarget } from './content/content.ts';
import { OciArchiveStore } from './content/archive-store.ts';
import { OciLayoutStore } from './content/layout-store.ts';
import { OciError } from './errors.ts';
import { formatReference, parseLayoutReference, parseReference } from './reference.ts';
import type { RemoteOptions } from './remote/options.ts';
import { Repository } from './remote/repository.ts';

/** A target with the reference inside it. */
export interface OpenedTarget extends AsyncDisposable {
  target: GraphTarget;
  /** Tag or digest; `undefined` where none was given. */
  reference: string | undefined;
  /** The whole reference for people. */
  display: string;
  /** Registry and repository, or the layout's folder or archive; without tag. */
  location: string;
}

/** What {@link openTarget} takes besides a reference. */
export interface OpenTargetOptions extends RemoteOptions {
  /** The reference is `folder:tag` of an OCI layout, or `file.tar:tag` of an archive of one, which is only read. Default false. */
  ociLayout?: boolean;
  /** Makes the layout where it is missing. Default false. */
  create?: boolean;
}

/** Opens what a reference names: a repository in a registry, or an OCI layout. @throws {OciError}. */
export async function openTarget(text: string, options: OpenTargetOptions = {}): Promise<OpenedTarget> {
  if (options.ociLayout) {
    const { path, reference } = parseLayoutReference(text);
    const place = { reference, display: text, location: path };
    if (await isFile(path)) {
      const archive = await OciArchiveStore.open(path);
      return { ...place, target: archive, [Symbol.asyncDispose]: () => archive.close() };
    }
    const target = await OciLayoutStore.open(path, { create: options.create ?? false });
    return { ...place, target, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const parsed = parseReference(text);
  const target = new Repository(parsed, options);
  return {
    target,
    reference: parsed.digest ?? parsed.tag,
    display: formatReference(parsed),
    location: `${parsed.registry}/${parsed.repository}`,
    [Symbol.asyncDispose]: () => target.close(),
  };
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}

/** The tag or digest of an opened target. @throws {OciError} `ERR_OCI_INVALID_REFERENCE` where none was given. */
export function requireReference({ reference, display }: OpenedTarget): string {
  if (reference !== undefined) return reference;
  throw new OciError('ERR_OCI_INVALID_REFERENCE', `"${display}" names no tag and no digest`, {
    hint: `There is no default tag; write for example ${display}:1.0.0.`,
  });
}
