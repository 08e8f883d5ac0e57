/** How this registry differs from one that follows the specification in everything. All members have the specification's way as default. */
export interface Behaviour {
  /** False: 404, as registries before 1.1. `page`: a web page with status 200 instead. Default true. */
  referrersApi?: boolean | 'page';
  /** Whether `OCI-Subject` is sent. Default: where the referrers API is there. True without it: what has been seen of Docker Hub. */
  subjectHeader?: boolean;
  /** False: listed referrers are not filtered, and `OCI-Filters-Applied` is not sent. Default true. */
  referrersFilter?: boolean;
  /** `images`: config and artifact types that are not of images or Helm charts are refused (400 `MANIFEST_INVALID`), as by GitLab. Default `any`. */
  artifactTypes?: 'any' | 'images';
  /** True: fields beside mediaType, digest and size in `subject` and `config` are refused, as by ECR. Default false. */
  strictDescriptors?: boolean;
  /** True: manifests are taken whose blobs are missing. Default false. */
  incompleteManifests?: boolean;
  /** `one`: an upload takes a single PATCH, as with Google Artifact Registry. `none`: no PATCH. Default `any`. */
  chunks?: 'any' | 'one' | 'none';
  /** Bytes of a PATCH above which it is refused with 416, as by GHCR. Default: no limit. */
  patchLimit?: number;
  /** Bytes of a POST or PUT of a blob above which it is refused with 413. Default: no limit. */
  putLimit?: number;
  /** Bytes that a chunk has at least, sent as `OCI-Chunk-Min-Length`; a smaller one must be the last. Default: none. */
  chunkMinLength?: number;
  /** Status of a PATCH. ECR: 201. Default 202. */
  patchStatus?: 201 | 202 | 204;
  /** True: the answer to a PATCH has the range that was there before it, as with ECR. Default false. */
  staleRange?: boolean;
  /** False: the state of an upload cannot be asked for (404). Default true. */
  uploadStatus?: boolean;
  /** `from`: mounts need the source's name. `none`: a mount is an upload. Default `any`. */
  mounts?: 'any' | 'from' | 'none';
  /** False: `Range` is ignored. Default true. */
  ranges?: boolean;
  /** False: HEAD is refused (405). Default true. */
  head?: boolean;
  /** False: no `Docker-Content-Digest`. Default true. */
  digestHeader?: boolean;
  /** False: sha512 is refused. Default true. */
  sha512?: boolean;
  /** False: nothing can be deleted (405). Default true. */
  deletion?: boolean;
  /** False: `/v2/_catalog` is not there. Default true. */
  catalog?: boolean;
  /** True: a page of tags begins with `last` itself, as in distribution 2.8. Default false. */
  lastInclusive?: boolean;
  /** Repositories that exist; a push into another one is refused (404 `NAME_UNKNOWN`), as by ECR. Default: a push makes its repository. */
  repositories?: readonly string[];
  /** Manifests that may be fetched by GET in so many seconds, as at Docker Hub: headers `ratelimit-limit` and `ratelimit-remaining`, then 429. */
  rateLimit?: { pulls: number; seconds: number };
  /** Texts of `Warning: 299` headers, on every answer. */
  warnings?: readonly string[];
}

const MIB = 1024 * 1024;

/**
 * What has been reported of other registries. Each is the part that clients stumbled over, and no imitation of the rest;
 * docs/registry-dev.md has the sources.
 */
export const BEHAVIOURS: Readonly<Record<BehaviourName, Behaviour>> = {
  'docker-hub': { catalog: false, mounts: 'from', rateLimit: { pulls: 100, seconds: 21_600 }, deletion: false },
  ghcr: { referrersApi: false, patchLimit: 4 * MIB, catalog: false },
  ecr: { strictDescriptors: true, patchStatus: 201, staleRange: true, chunkMinLength: 5 * MIB, mounts: 'from' },
  gar: { chunks: 'one', uploadStatus: false, referrersApi: 'page' },
  gitlab: { artifactTypes: 'images', referrersApi: false, mounts: 'from' },
  acr: { putLimit: 20 * MIB },
  quay: { mounts: 'from', referrersApi: false },
  'distribution-2.8': { referrersApi: false, sha512: false, lastInclusive: true },
};

/** Name of one of {@link BEHAVIOURS}. */
export type BehaviourName = 'docker-hub' | 'ghcr' | 'ecr' | 'gar' | 'gitlab' | 'acr' | 'quay' | 'distribution-2.8';

/** Looks a name up. @throws {TypeError} with all names. */
export function behaviourOf(behaviour: Behaviour | BehaviourName): Behaviour {
  if (typeof behaviour !== 'string') return behaviour;
  if (Object.hasOwn(BEHAVIOURS, behaviour)) return BEHAVIOURS[behaviour];
  throw new TypeError(`there is no behaviour "${behaviour}"; there are ${Object.keys(BEHAVIOURS).join(', ')}`);
}
