import { type BtfIndex, canonicalJsonBytes, shareParts } from '@bpfship/media-types';

/** The BTF index as it is written: canonical JSON, with what variants share said once (spec/btf-index.md, "Shared parts"). */
export function indexBytes(index: BtfIndex): Uint8Array {
  return canonicalJsonBytes(shareParts(index));
}
