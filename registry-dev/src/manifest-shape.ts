import type { Behaviour } from './behaviour.ts';
import { isDigest } from './names.ts';
import { RegistryProblem } from './registry-problem.ts';

/** What a registry has to know of a manifest or index. */
export interface ManifestShape {
  artifactType: string | undefined;
  annotations: Record<string, string> | undefined;
  /** Digests of the config and layers, without those of layers that are kept elsewhere. */
  blobs: string[];
  /** Digests of the manifests of an index. */
  children: string[];
  subject: string | undefined;
}

/** A descriptor in a list of referrers. */
export interface ReferrerDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
}

/** Reads a manifest or index. @throws {RegistryProblem} `MANIFEST_INVALID`. */
export function parseManifest(bytes: Uint8Array, mediaType: string): ManifestShape {
  const manifest = parseObject(bytes);
  if (manifest['mediaType'] !== undefined && manifest['mediaType'] !== mediaType)
    throw invalid('mediaType and Content-Type differ');
  const { layers, manifests, config, subject, annotations, artifactType } = manifest;
  if (layers !== undefined && manifests !== undefined) throw invalid('both layers and manifests');
  if (!Array.isArray(layers) && !Array.isArray(manifests)) throw invalid('neither layers nor manifests');
  // Children of an index may come later, or never: sparse indexes are allowed.
  const children = Array.isArray(manifests) ? manifests.map(digestOf) : [];
  const parts: unknown[] = Array.isArray(layers) ? [config, ...layers] : [];
  const blobs = parts.flatMap((part) => (isObject(part) && part['urls'] !== undefined ? [] : [digestOf(part)]));
  const type = artifactType ?? (isObject(config) ? config['mediaType'] : undefined);
  if (type !== undefined && typeof type !== 'string') throw invalid('the artifact type is not text');
  return {
    artifactType: type,
    annotations: parseAnnotations(annotations),
    blobs,
    children,
    subject: subject === undefined || subject === null ? undefined : digestOf(subject),
  };
}

/** The descriptor by which a manifest with a subject is listed (distribution-spec, "Listing Referrers"). */
export function describeReferrer(
  { artifactType, annotations }: ManifestShape,
  plain: Pick<ReferrerDescriptor, 'mediaType' | 'digest' | 'size'>,
): ReferrerDescriptor {
  return { ...plain, ...(artifactType === undefined ? {} : { artifactType }), ...(annotations ? { annotations } : {}) };
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw invalid('not JSON');
  }
  if (!isObject(value)) throw invalid('not a JSON object');
  return value;
}

function parseAnnotations(value: unknown): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value) || !Object.values(value).every((text) => typeof text === 'string'))
    throw invalid('the annotations are not text');
  return value as Record<string, string>;
}

function digestOf(descriptor: unknown): string {
  const digest = isObject(descriptor) ? descriptor['digest'] : undefined;
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid('a descriptor has no digest');
  return digest;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(why: string): RegistryProblem {
  return new RegistryProblem('MANIFEST_INVALID', why);
}

/** Types that registries of images know. */
const IMAGE_TYPES = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
  'application/vnd.cncf.helm.config.v1+json',
]);
const DESCRIPTOR_FIELDS = new Set(['mediaType', 'digest', 'size']);

/** Refuses what some registries refuse. @throws {RegistryProblem} `MANIFEST_INVALID` as GitLab, `UNSUPPORTED` as ECR. */
export function requireAcceptable(bytes: Uint8Array, { artifactTypes, strictDescriptors }: Behaviour): void {
  if (artifactTypes !== 'images' && !strictDescriptors) return;
  const { artifactType, config, subject } = parseObject(bytes);
  const types = [artifactType, isObject(config) ? config['mediaType'] : undefined].filter((type) => type !== undefined);
  const unknown = types.find((type) => typeof type !== 'string' || !IMAGE_TYPES.has(type));
  if (artifactTypes === 'images' && unknown !== undefined)
    throw new RegistryProblem('MANIFEST_INVALID', `manifest invalid: unknown media type: ${JSON.stringify(unknown)}`);
  const fields = [config, subject].filter(isObject).flatMap((descriptor) => Object.keys(descriptor));
  if (strictDescriptors && fields.some((field) => !DESCRIPTOR_FIELDS.has(field)))
    throw new RegistryProblem(
      'UNSUPPORTED',
      'Invalid parameter at ‘ImageManifest’ failed to satisfy constraint: ‘Invalid JSON syntax’',
    );
}
