import { fetchReference, OciError, parseManifest, type ReadOnlyTarget } from '@bpfship/oras-client';

/** HTTP statuses with which registries refuse a manifest for what it is: GitLab and distribution 400, ECR 405, others 415 and 422. */
const REFUSALS: ReadonlySet<number> = new Set([400, 405, 415, 422]);

/**
 * Runs a copy. Where the destination refuses the manifest of a package in the standard form, the error names the way out: a package in the
 * compatible form. Nothing is converted here, since that would change the digest under the signatures.
 *
 * @param source - what is copied.
 * @throws what the copy throws.
 */
export async function suggestingCompat<T>(
  source: { target: ReadOnlyTarget; reference: string },
  copy: () => Promise<T>,
): Promise<T> {
  try {
    return await copy();
  } catch (error) {
    if (!isRefusal(error) || !(await isStandardPackage(source))) throw error;
    throw new OciError(error.code, error.message, {
      ...definedOf(error),
      hint: 'This registry may take container images only. Pack the service once more with "bpfship pack --compat", sign that package and push it.',
      cause: error,
    });
  }
}

function isRefusal(error: unknown): error is OciError {
  if (!(error instanceof OciError) || error.side !== 'destination') return false;
  return error.operation?.startsWith('PUT manifest') === true && REFUSALS.has(error.status ?? 0);
}

async function isStandardPackage({
  target,
  reference,
}: {
  target: ReadOnlyTarget;
  reference: string;
}): Promise<boolean> {
  try {
    // Only where something failed: it brings all the schemas along.
    const { isCompatibleForm, isServiceManifest } = await import('@bpfship/media-types');
    const { descriptor, bytes } = await fetchReference(target, reference);
    const manifest = parseManifest(bytes, descriptor);
    return isServiceManifest(manifest) && !isCompatibleForm(manifest);
  } catch {
    // The error of the copy is the one to show.
    return false;
  }
}

function definedOf(error: OciError): ConstructorParameters<typeof OciError>[2] {
  const { registry, repository, operation, status, registryCode, registryMessage, side } = error;
  const details = { registry, repository, operation, status, registryCode, registryMessage, side };
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined));
}
