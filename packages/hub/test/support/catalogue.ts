import { type Catalogue, type CatalogueEntry, type CatalogueVariant, MEDIA_TYPE_CATALOGUE } from '@bpfship/media-types';

/** A variant of a catalogue, with what a test wants of it. */
export function variant(more: Partial<CatalogueVariant> = {}): CatalogueVariant {
  return {
    name: 'ringbuf',
    byteOrder: 'little',
    hooks: ['raw-tracepoint:sched_process_exec'],
    programTypes: ['raw_tracepoint'],
    mapTypes: ['ringbuf'],
    helpers: ['bpf_ringbuf_output'],
    features: [],
    ...more,
  };
}

/** An entry of a catalogue, with what a test wants of it. */
export function entry(more: Partial<CatalogueEntry> = {}): CatalogueEntry {
  return {
    name: 'exec-watch',
    version: '1.0.0',
    repository: 'registry.example.com/acme/exec-watch',
    tags: ['1.0.0'],
    digest: `sha256:${'0'.repeat(64)}`,
    size: 1234,
    signers: ['key'],
    variants: [variant()],
    ...more,
  };
}

/** A catalogue of entries. */
export function catalogueOf(...entries: CatalogueEntry[]): Catalogue {
  return { schemaVersion: 1, mediaType: MEDIA_TYPE_CATALOGUE, name: 'acme', created: '2026-01-02T03:04:05Z', entries };
}
