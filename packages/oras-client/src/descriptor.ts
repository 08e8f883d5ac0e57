/** Digest of some bytes: `sha256:` or `sha512:` and lower-case hex (image-spec descriptor.md, "Digests"). */
export type Digest = string;

/** OCI content descriptor (image-spec descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** In bytes. */
  size: number;
  annotations?: Record<string, string>;
  artifactType?: string;
  /** Base64 of the content itself, where it is small. */
  data?: string;
  /** Other places of the content. Never followed here. */
  urls?: string[];
  platform?: Platform;
}

/** What a manifest in an index is for (image-spec image-index.md). */
export interface Platform {
  architecture: string;
  os: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
}

/** OCI image manifest (image-spec manifest.md), which artifacts are too. */
export interface Manifest {
  schemaVersion: 2;
  mediaType: string;
  artifactType?: string;
  config: Descriptor;
  layers: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

/** OCI image index (image-spec image-index.md). */
export interface ImageIndex {
  schemaVersion: 2;
  mediaType: string;
  artifactType?: string;
  manifests: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

/** Media types of manifests. */
export const MEDIA_TYPE_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** Image index. */
export const MEDIA_TYPE_INDEX = 'application/vnd.oci.image.index.v1+json';
/** Docker's image manifest, schema 2. */
export const MEDIA_TYPE_DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
/** Docker's manifest list. */
export const MEDIA_TYPE_DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json';
/** The empty JSON object, as config or layer of artifacts that need none (image-spec manifest.md, "Guidance for an Empty Descriptor"). */
export const MEDIA_TYPE_EMPTY = 'application/vnd.oci.empty.v1+json';
/** Manifests are read up to this size (distribution-spec, "Pushing Manifests"). */
export const MAX_MANIFEST_SIZE: number = 4 * 1024 * 1024;

/** Every manifest media type that is understood, best first. */
export const MANIFEST_MEDIA_TYPES: readonly string[] = [
  MEDIA_TYPE_MANIFEST,
  MEDIA_TYPE_INDEX,
  MEDIA_TYPE_DOCKER_MANIFEST,
  MEDIA_TYPE_DOCKER_INDEX,
];

/** Descriptor of the empty JSON object `{}`. */
export const EMPTY_DESCRIPTOR: Readonly<Descriptor> = {
  mediaType: MEDIA_TYPE_EMPTY,
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
};

/** The content of {@link EMPTY_DESCRIPTOR}. */
export const EMPTY_CONTENT: Readonly<Uint8Array> = new TextEncoder().encode('{}');

/** Whether the descriptor names a manifest or index, which registries keep apart from blobs. */
export function isManifest(descriptor: Pick<Descriptor, 'mediaType'>): boolean {
  return MANIFEST_MEDIA_TYPES.includes(descriptor.mediaType);
}

/** The three fields that registries with strict JSON accept in `subject` and `config` (ECR and GitLab refuse more). */
export function plainDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
