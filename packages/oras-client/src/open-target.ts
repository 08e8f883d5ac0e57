import type { GraphTarget } from './content/content.ts';
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
  /** Registry and repository, or the layout's folder; without tag. */
  location: string;
}

/** What {@link openTarget} takes besides a reference. */
export interface OpenTargetOptions extends RemoteOptions {
  /** The reference is `folder:tag` of an OCI layout. Default false. */
  ociLayout?: boolean;
  /** Makes the layout where it is missing. Default false. */
  create?: boolean;
}

/** Opens what a reference names: a repository in a registry, or an OCI layout. @throws {OciError}. */
export async function openTarget(text: string, options: OpenTargetOptions = {}): Promise<OpenedTarget> {
  if (options.ociLayout) {
    const { path, reference } = parseLayoutReference(text);
    const target = await OciLayoutStore.open(path, { create: options.create ?? false });
    return { target, reference, display: text, location: path, [Symbol.asyncDispose]: () => Promise.resolve() };
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

/** The tag or digest of an opened target. @throws {OciError} `ERR_OCI_INVALID_REFERENCE` where none was given. */
export function requireReference({ reference, display }: OpenedTarget): string {
  if (reference !== undefined) return reference;
  throw new OciError('ERR_OCI_INVALID_REFERENCE', `"${display}" names no tag and no digest`, {
    hint: `There is no default tag; write for example ${display}:1.0.0.`,
  });
}
