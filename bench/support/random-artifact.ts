import { randomBytes } from 'node:crypto';
import { OciLayoutStore, packManifest, pushBytes } from '@bpfship/oras-client';

/** Writes an artifact of random layers, which no compression and no deduplication makes smaller, with the tag `bench`. */
export async function writeRandomArtifact(
  folder: string,
  layers: number,
  bytesEach: number,
  signal: AbortSignal,
): Promise<void> {
  const store = await OciLayoutStore.open(folder, { create: true });
  const descriptors = [];
  for (let i = 0; i < layers; i++) {
    const annotations = { 'org.opencontainers.image.title': `layer-${i}` };
    descriptors.push(
      await pushBytes(store, 'application/octet-stream', randomBytes(bytesEach), { annotations, signal }),
    );
  }
  const artifactType = 'application/vnd.example.bench.v1';
  await store.tag(await packManifest(store, { artifactType, layers: descriptors, signal }), 'bench');
}
