import type { CallOptions, GraphSource, Mounter, ReadOnlyTarget, ReferencePusher, Target } from './content/content.ts';
import type { Descriptor, Platform } from './descriptor.ts';
import { OciError } from './errors.ts';

/** What a transfer tells of one blob or manifest. */
export interface ProgressEvent {
  descriptor: Descriptor;
  /** `start` and `bytes` for what is transferred; `skipped`, `mounted` or `done` at the end of each. */
  phase: 'start' | 'bytes' | 'skipped' | 'mounted' | 'done';
  /** Bytes so far. */
  bytes: number;
}

/** Which manifests are wanted. All conditions that are given must hold. */
export interface ManifestFilter {
  /** One of these. An image has its config's media type (image-spec manifest.md). */
  artifactType?: string | readonly string[];
  /** All of these, each with this value; `true` for any value. */
  annotations?: Readonly<Record<string, string | true>>;
  platform?: PlatformFilter;
  where?: (descriptor: Descriptor) => boolean;
}

/** A platform, as far as it matters: what is not named may be anything. */
export type PlatformFilter = Pick<Platform, 'architecture'> & Partial<Platform>;

/** Which referrers are copied. */
export interface ReferrerOptions extends ManifestFilter {
  /** How far: 1 for what refers to the artifact itself, 2 for what refers to that too. Default 16. */
  maxDepth?: number;
  /** How many in all, before it is an error. Default 50,000. */
  maxCount?: number;
}

/** Options of copying a graph. */
export interface CopyGraphOptions {
  /** Transfers at the same time. Default 3. */
  concurrency?: number;
  /** Bound on the depth of nested indexes. Default 16. */
  maxDepth?: number;
  /** Bound on manifests and blobs. Default 50,000. */
  maxNodes?: number;
  /**
   * Of indexes, copies only entries that pass, by what the index says of them; the index itself keeps its bytes. Not every registry takes an
   * index whose entries are missing. Default: all.
   */
  entries?: ManifestFilter;
  /** Also copies what refers to the root and to what it holds: signatures, attestations. Default false. */
  withReferrers?: boolean | ReferrerOptions;
  /** Repositories of the destination's registry from which a blob may be mounted. Default: the source's, where it is in that registry. */
  mountFrom?: (descriptor: Descriptor) => string | undefined;
  onProgress?: (event: ProgressEvent) => void;
  signal?: AbortSignal;
}

/** Options of {@link copy}. */
export interface CopyOptions extends CopyGraphOptions {
  /** Copies the manifest for this platform instead of the index that is named. */
  platform?: PlatformFilter;
  /** Copies another root than the one that is named. */
  mapRoot?: (source: ReadOnlyTarget, root: Descriptor, options: CallOptions) => Promise<Descriptor>;
}

/** Where a copy comes from; a repository also tells what it could be mounted from. */
export type CopySource = ReadOnlyTarget & Partial<GraphSource> & { readonly registry?: string; readonly name?: string };
/** Where a copy goes to. */
export type CopyDestination = Target & Partial<ReferencePusher> & Partial<Mounter>;

/** Checks a number of the options. @throws {OciError} `ERR_OCI_LIMIT` where it is no positive whole number. */
export function positive(value: number | undefined, fallback: number, name: string): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new OciError('ERR_OCI_LIMIT', `${name} is ${value}, which is no positive whole number`);
}

/** Whether a manifest passes a filter. @param descriptor - with artifact type, annotations and platform, as far as they are known. */
export function passes(descriptor: Descriptor, filter: ManifestFilter): boolean {
  const { artifactType, annotations = {}, platform, where } = filter;
  const types = artifactType === undefined ? undefined : [artifactType].flat();
  if (types && !types.includes(descriptor.artifactType ?? '')) return false;
  for (const [key, value] of Object.entries(annotations)) {
    const found = descriptor.annotations?.[key];
    if (value === true ? found === undefined : found !== value) return false;
  }
  if (platform && !matchesPlatform(descriptor.platform, platform)) return false;
  return where === undefined || where(descriptor);
}

/** Whether a platform is the wanted one (as oras-go's `platform.Match`). */
export function matchesPlatform(platform: Platform | undefined, wanted: PlatformFilter): boolean {
  if (!platform) return false;
  const features = platform['os.features'] ?? [];
  return (
    platform.architecture === wanted.architecture &&
    (wanted.os === undefined || platform.os === wanted.os) &&
    (wanted.variant === undefined || platform.variant === wanted.variant) &&
    (wanted['os.version'] === undefined || platform['os.version'] === wanted['os.version']) &&
    (wanted['os.features'] ?? []).every((feature) => features.includes(feature))
  );
}
