import { z } from 'zod';
import { MAX_CATALOGUE_SIZE } from './limits.ts';
import { MEDIA_TYPE_CATALOGUE } from './media-types.ts';
import { parseDocument } from './parse-document.ts';
import { Architecture, CName, Digest, SemanticVersion, ServiceName, VariantName, Word, line } from './primitives.ts';

/** A catalogue: the services that a hub offers, read from registries (spec/catalogue.md). */
export interface Catalogue {
  schemaVersion: 1;
  mediaType: 'application/vnd.ebpf.service.catalogue.v1+json';
  name: string;
  /** When it was built, as RFC 3339 in UTC; what a reader shows as its freshness. */
  created: string;
  entries: CatalogueEntry[];
}

/** One service version in a catalogue. Everything in it is read from the package itself. */
export interface CatalogueEntry {
  name: string;
  version: string;
  /** Where it was found: registry and repository, without tag. */
  repository: string;
  tags: string[];
  /** Digest of the package's manifest. */
  digest: string;
  /** Bytes of all its layers. */
  size: number;
  description?: string;
  licenses?: string;
  source?: string;
  /** Key hints or identities whose signature the builder of the catalogue verified. */
  signers: string[];
  variants: CatalogueVariant[];
}

/** What a search needs to know of a variant. */
export interface CatalogueVariant {
  name: string;
  byteOrder: 'little' | 'big';
  architecture?: string;
  /** Hooks with their targets, e.g. `raw-tracepoint:sched_process_exec`. */
  hooks: string[];
  programTypes: string[];
  mapTypes: string[];
  helpers: string[];
  features: string[];
}

const Words = z.array(Word).max(4096);

/** Schema of a catalogue. */
export const CatalogueSchema: z.ZodType<Catalogue> = z.looseObject({
  schemaVersion: z.literal(1),
  mediaType: z.literal(MEDIA_TYPE_CATALOGUE),
  name: ServiceName,
  created: z.iso.datetime(),
  entries: z
    .array(
      z.looseObject({
        name: ServiceName,
        version: SemanticVersion,
        repository: line(512),
        tags: z.array(line(128)).max(4096),
        digest: Digest,
        size: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
        description: line(1024).exactOptional(),
        licenses: line(256).exactOptional(),
        source: z
          .url({ protocol: /^https?$/ })
          .max(2048)
          .exactOptional(),
        signers: z.array(line(512)).max(64),
        variants: z
          .array(
            z.looseObject({
              name: VariantName,
              byteOrder: z.enum(['little', 'big']),
              architecture: Architecture.exactOptional(),
              hooks: Words,
              programTypes: Words,
              mapTypes: Words,
              helpers: z.array(CName).max(4096),
              features: Words,
            }),
          )
          .max(256),
      }),
    )
    .max(100_000),
});

/**
 * Reads and checks a catalogue.
 *
 * @throws {DocumentError} with every broken rule named.
 */
export function parseCatalogue(input: Uint8Array | string | object): Catalogue {
  return parseDocument(input, {
    name: 'catalogue',
    schema: CatalogueSchema,
    maxSize: MAX_CATALOGUE_SIZE,
    maxValues: 4_000_000,
  });
}
