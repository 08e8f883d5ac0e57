/** Stable codes of {@link VariantLayerError}. */
export type VariantLayerErrorCode =
  /** The layer's bytes are not those of its descriptor. */
  | 'ERR_LAYER_DIGEST_MISMATCH'
  /** The layer is larger, unpacked, or holds more files than any may. */
  | 'ERR_LAYER_TOO_LARGE'
  /** The layer is not the archive that its media type says, or holds what no layer may hold. */
  | 'ERR_LAYER_MALFORMED'
  /** The object that the BTF index names is not in the layer. */
  | 'ERR_LAYER_OBJECT_MISSING'
  /** The object in the layer is not the one that the BTF index names. */
  | 'ERR_LAYER_OBJECT_MISMATCH';

/** A variant layer cannot be used. Nothing of it was. */
export class VariantLayerError extends Error {
  override readonly name: string = 'VariantLayerError';
  readonly code: VariantLayerErrorCode;
  /** Name of the variant. */
  readonly variant: string;
  /** Digest that the manifest gives for the layer. */
  readonly layer: string;
  readonly hint: string;

  constructor(
    code: VariantLayerErrorCode,
    message: string,
    details: { variant: string; layer: string; hint: string; cause?: unknown },
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.variant = details.variant;
    this.layer = details.layer;
    this.hint = details.hint;
  }
}
