export type {
  CallOptions,
  Content,
  Deleter,
  FetchOptions,
  GraphSource,
  GraphTarget,
  Mounter,
  PredecessorOptions,
  ReadOnlyStorage,
  ReadOnlyTarget,
  ReferencePusher,
  Resolver,
  Storage,
  Tagger,
  TagLister,
  Target,
  Untagger,
} from './content/content.ts';
export {
  fetchBytes,
  type FetchedReference,
  fetchManifest,
  fetchPartial,
  fetchReference,
  inlineContent,
  type PartialContent,
  type ReferenceFetcher,
} from './content/fetch.ts';
export { OciArchiveStore } from './content/archive-store.ts';
export { OciLayoutStore } from './content/layout-store.ts';
export { artifactTypeOf, isIndexManifest, parseManifest, successorsOf } from './content/manifest.ts';
export {
  type AddFileOptions,
  ANNOTATION_TITLE,
  FileStore,
  type FileStoreOptions,
  MEDIA_TYPE_FILE,
} from './content/file-store.ts';
export { safePathParts } from './content/file-name.ts';
export { makeFolder } from './content/make-folder.ts';
export { MemoryStore } from './content/memory-store.ts';
export { copy, copyGraph, extendedCopy, extendedCopyGraph } from './copy.ts';
export type {
  CopyDestination,
  CopyGraphOptions,
  CopyOptions,
  CopySource,
  ManifestFilter,
  PlatformFilter,
  ProgressEvent,
  ReferrerOptions,
} from './copy-options.ts';
export {
  type Credential,
  type CredentialSource,
  type FoundCredential,
  staticCredential,
} from './credentials/credential.ts';
export { credentialFiles, type DockerCredentialOptions, dockerCredentials } from './credentials/docker-credentials.ts';
export { login, type LoginOptions, type LoginResult, logout, type LogoutResult } from './credentials/login.ts';
export * from './descriptor.ts';
export { digestOf, parseDigest, verifyBytes } from './digest.ts';
export { isNotFound, OciError, type OciErrorCode, type OciErrorDetails } from './errors.ts';
export { type OpenedTarget, openTarget, type OpenTargetOptions, requireReference } from './open-target.ts';
export {
  ANNOTATION_CREATED,
  type BuiltManifest,
  buildManifest,
  MEDIA_TYPE_UNKNOWN_CONFIG,
  packIndex,
  type PackIndexOptions,
  packManifest,
  type PackManifestVersion,
  type PackOptions,
  pushBytes,
} from './pack.ts';
export { selectPlatform } from './platform.ts';
export { formatReference, isLoopback, parseLayoutReference, parseReference, type Reference } from './reference.ts';
export { type SharedConnections, shareConnections } from './remote/connections.ts';
export type { RemoteOptions, RequestEvent } from './remote/options.ts';
export type { ProxySettings } from './remote/proxy.ts';
export {
  type MirrorUse,
  registriesConf,
  type RegistryPlace,
  type RegistryRoute,
  type RegistrySettings,
} from './remote/registries-conf.ts';
export { pingRegistry, Registry, type RepositoriesOptions } from './remote/registry.ts';
export { Repository } from './remote/repository.ts';
export { resolve, type ResolveOptions, tag, tagBytes, tagN, type TagOptionsN } from './tagging.ts';
export type { TagList, TagOptions } from './remote/tags.ts';
