import type { Descriptor } from '@bpfship/oras-client';

/** A descriptor in JSON output, with the fields and their order as oras has them. */
export interface DescriptorData {
  reference: string;
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  artifactType?: string;
}

/** @param location - registry and repository, or a layout's folder. */
export function descriptorData(
  location: string,
  { mediaType, digest, size, annotations, artifactType }: Descriptor,
): DescriptorData {
  const hasAnnotations = annotations !== undefined && annotations !== null && Object.keys(annotations).length > 0;
  return {
    reference: `${location}@${digest}`,
    mediaType,
    digest,
    size,
    ...(hasAnnotations ? { annotations } : {}),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}
