import {
  type Descriptor,
  digestOf,
  EMPTY_DESCRIPTOR,
  type GraphTarget,
  MEDIA_TYPE_MANIFEST,
  MemoryStore,
  packManifest,
  pushBytes,
} from '@bpfship/oras-client';
import { type LooseBundle, makeBundle, statement, type TestKey } from './bundles.ts';

/** Media type of bundles. */
export const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** A store in memory whose list of referrers tests can falsify. */
export class FalsifiedStore extends MemoryStore {
  /** Changes the list that the store would give. */
  falsify: (entries: Descriptor[]) => Iterable<Descriptor> | AsyncIterable<Descriptor> = (entries) => entries;
  /** What was fetched. */
  readonly fetched: string[] = [];

  override async fetch(descriptor: Descriptor): Promise<AsyncIterable<Uint8Array>> {
    this.fetched.push(descriptor.digest);
    return super.fetch(descriptor);
  }

  override async *predecessors(descriptor: Descriptor): AsyncGenerator<Descriptor> {
    const entries: Descriptor[] = [];
    for await (const entry of super.predecessors(descriptor)) entries.push(entry);
    yield* this.falsify(entries);
  }
}

/** An artifact in a store. */
export async function makeArtifact(target: GraphTarget, number = 0): Promise<Descriptor> {
  const annotations = { number: String(number) };
  return packManifest(target, { artifactType: 'application/vnd.ebpf.service.v1', annotations });
}

/** A bundle in which a key signs an artifact. */
export function bundleFor(key: TestKey, subject: Descriptor): LooseBundle {
  return makeBundle(key, statement({ subject: [{ digest: { sha256: subject.digest.slice('sha256:'.length) } }] }));
}

/** Attaches a bundle, or any bytes, as a signature. */
export async function attach(
  target: GraphTarget,
  subject: Descriptor,
  bundle: LooseBundle | string,
  more: { artifactType?: string; mediaType?: string } = {},
): Promise<Descriptor> {
  const bytes = new TextEncoder().encode(typeof bundle === 'string' ? bundle : JSON.stringify(bundle));
  const layer = await pushBytes(target, more.mediaType ?? BUNDLE, bytes);
  return packManifest(target, { artifactType: more.artifactType ?? BUNDLE, layers: [layer], subject });
}

/** Pushes a manifest that `packManifest` would not write. */
export async function pushManifest(target: GraphTarget, manifest: Record<string, unknown>): Promise<Descriptor> {
  const bytes = new TextEncoder().encode(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE_MANIFEST,
      config: EMPTY_DESCRIPTOR,
      layers: [],
      ...manifest,
    }),
  );
  const descriptor = { mediaType: MEDIA_TYPE_MANIFEST, digest: digestOf(bytes), size: bytes.length };
  await target.push(descriptor, bytes);
  return descriptor;
}
