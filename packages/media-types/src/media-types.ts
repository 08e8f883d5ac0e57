/**
 * Media types and artifact types of the eBPF service standard (spec/artifact.md, "Media types").
 */

/** `artifactType` of a package manifest. */
export const ARTIFACT_TYPE_SERVICE = 'application/vnd.ebpf.service.v1';
/** Config blob of a package: the BTF index. */
export const MEDIA_TYPE_BTF_INDEX = 'application/vnd.ebpf.service.btf-index.v1+json';
/** Layer of one variant: a gzip-compressed tar. */
export const MEDIA_TYPE_VARIANT_GZIP = 'application/vnd.ebpf.service.variant.v1.tar+gzip';
/** Layer of one variant: a zstd-compressed tar. */
export const MEDIA_TYPE_VARIANT_ZSTD = 'application/vnd.ebpf.service.variant.v1.tar+zstd';
/** Optional layer: the source the variants were compiled from. */
export const MEDIA_TYPE_SOURCE_GZIP = 'application/vnd.ebpf.service.source.v1.tar+gzip';
/** Optional layer: documentation. */
export const MEDIA_TYPE_DOCS_GZIP = 'application/vnd.ebpf.service.docs.v1.tar+gzip';
/** `artifactType` of a BTF supplement, an artifact whose subject is the package. */
export const ARTIFACT_TYPE_BTF_SUPPLEMENT = 'application/vnd.ebpf.service.btf.v1';
/** Config blob of a BTF supplement: the table of its kernels. */
export const MEDIA_TYPE_BTF_TABLE = 'application/vnd.ebpf.service.btf-table.v1+json';
/** Layer of a BTF supplement: minimal BTF of one kernel or of several, not compressed. */
export const MEDIA_TYPE_MINIMAL_BTF = 'application/vnd.ebpf.service.btf.v1+btf';
/** `artifactType` of evidence, an artifact whose subject is the package. */
export const ARTIFACT_TYPE_EVIDENCE = 'application/vnd.ebpf.service.evidence.v1';
/** Config blob of evidence: the document itself. */
export const MEDIA_TYPE_EVIDENCE = 'application/vnd.ebpf.service.evidence.v1+json';
/** `artifactType` of a catalogue. */
export const ARTIFACT_TYPE_CATALOGUE = 'application/vnd.ebpf.service.catalogue.v1';
/** Config blob of a catalogue: the list of its packages. */
export const MEDIA_TYPE_CATALOGUE = 'application/vnd.ebpf.service.catalogue.v1+json';
/** Kernel facts document. */
export const MEDIA_TYPE_KERNEL_FACTS = 'application/vnd.ebpf.kernel-facts.v1+json';
/** OCI image manifest (image-spec manifest.md). */
export const MEDIA_TYPE_OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** Configuration of a container image (image-spec config.md): the config blob of the compatible form. */
export const MEDIA_TYPE_IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json';
/** Layer of a container image (image-spec layer.md): a tar, not compressed. */
export const MEDIA_TYPE_IMAGE_LAYER = 'application/vnd.oci.image.layer.v1.tar';
/** Layer of a container image: a gzip-compressed tar. */
export const MEDIA_TYPE_IMAGE_LAYER_GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip';
/** Layer of a container image: a zstd-compressed tar. */
export const MEDIA_TYPE_IMAGE_LAYER_ZSTD = 'application/vnd.oci.image.layer.v1.tar+zstd';
/** Media type and `artifactType` of a Sigstore bundle, version 0.3. */
export const MEDIA_TYPE_SIGSTORE_BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
/** The in-toto predicate type of a signature over an artifact, shared with cosign. */
export const PREDICATE_TYPE_SIGNATURE = 'https://sigstore.dev/cosign/sign/v1';

/** Layer media types whose content is one variant. */
export const VARIANT_MEDIA_TYPES: readonly string[] = [MEDIA_TYPE_VARIANT_GZIP, MEDIA_TYPE_VARIANT_ZSTD];
