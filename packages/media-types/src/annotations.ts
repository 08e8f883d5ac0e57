/**
 * Annotation keys that packages carry (spec/artifact.md, "Annotations"). The `org.opencontainers.image.*` keys are those of
 * image-spec annotations.md; keys of our own begin with `vnd.ebpf.service.`.
 */

/** File name of a layer, unique in a manifest, so that generic clients store layers as files. */
export const ANNOTATION_TITLE = 'org.opencontainers.image.title';
/** Semantic version of the service, equal to the BTF index's `version`. */
export const ANNOTATION_VERSION = 'org.opencontainers.image.version';
/** One-line description of the service. */
export const ANNOTATION_DESCRIPTION = 'org.opencontainers.image.description';
/** SPDX licence expression of the service. */
export const ANNOTATION_LICENSES = 'org.opencontainers.image.licenses';
/** URL of the source repository. */
export const ANNOTATION_SOURCE = 'org.opencontainers.image.source';
/** Canonical service name, equal to the BTF index's `name`. */
export const ANNOTATION_SERVICE_NAME = 'vnd.ebpf.service.name';
/** On a layer: the name of the variant it holds. */
export const ANNOTATION_VARIANT = 'vnd.ebpf.service.variant';
/** On a layer: the CPU architecture of its variant; absent where any architecture of the byte order will do. */
export const ANNOTATION_ARCHITECTURE = 'vnd.ebpf.service.architecture';
/** On a manifest in the compatible form: what its `artifactType` would be (spec/compatible-form.md). */
export const ANNOTATION_ARTIFACT_TYPE = 'vnd.ebpf.service.artifact-type';
/** On a layer of a manifest in the compatible form: what the content's media type is. */
export const ANNOTATION_MEDIA_TYPE = 'vnd.ebpf.service.media-type';
