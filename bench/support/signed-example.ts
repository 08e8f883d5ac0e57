import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MEDIA_TYPE_SIGSTORE_BUNDLE } from '@bpfship/media-types';
import { type Descriptor, fetchBytes, fetchReference, OciLayoutStore } from '@bpfship/oras-client';
import { ROOT } from './machine.ts';
import { runProcess } from './run-process.ts';

/** The command line, as a user runs it in a checkout. */
export const BPFSHIP: readonly string[] = [process.execPath, join(ROOT, 'packages', 'cli', 'bin', 'bpfship.js')];

/** exec-watch 1.0.0, built, packed and signed by the command line. */
export interface SignedExample {
  /** `folder:tag` of its OCI layout. */
  layout: string;
  /** Public key file in PEM. */
  key: string;
  subject: Descriptor;
  /** Bytes of the BTF index. */
  index: Uint8Array;
  /** Bytes of the Sigstore bundle. */
  bundle: Uint8Array;
  /** What each blob of the package is, by digest. */
  roles: Map<string, string>;
}

/** Makes the example in a folder. @throws {Error} with the command that failed, e.g. where no clang is installed. */
export async function buildSignedExample(folder: string, signal: AbortSignal): Promise<SignedExample> {
  const project = join(ROOT, 'examples', 'exec-watch', '1.0.0');
  const layout = `${join(folder, 'exec-watch')}:1.0.0`;
  const key = join(folder, 'bench');
  const env = { BPFSHIP_PASSWORD: 'bench' };
  for (const args of [
    ['generate-key-pair', '--output-key-prefix', key],
    ['build', project, '--output', join(folder, 'objects')],
    ['pack', project, '--objects', join(folder, 'objects'), '--output', join(folder, 'exec-watch')],
    ['sign', '--key', `${key}.key`, '--oci-layout', layout],
  ]) {
    await runProcess({ command: [...BPFSHIP, ...args], env, signal });
  }
  return { layout, key: `${key}.pub`, ...(await readParts(join(folder, 'exec-watch'))) };
}

async function readParts(folder: string): Promise<Pick<SignedExample, 'subject' | 'index' | 'bundle' | 'roles'>> {
  const store = await OciLayoutStore.open(folder);
  const { descriptor: subject } = await fetchReference(store, '1.0.0');
  const { config, layers } = await readManifest(store, subject);
  const roles = new Map([[subject.digest, 'manifest']]);
  if (config) roles.set(config.digest, 'BTF index');
  for (const layer of layers)
    roles.set(layer.digest, `layer ${layer.annotations?.['org.opencontainers.image.title'] ?? ''}`);
  for await (const referrer of store.predecessors(subject)) {
    const signature = await readManifest(store, referrer);
    const [layer] = signature.layers;
    if (layer?.mediaType !== MEDIA_TYPE_SIGSTORE_BUNDLE || !config) continue;
    roles.set(referrer.digest, 'signature: manifest').set(layer.digest, 'signature: bundle');
    return { subject, index: await fetchBytes(store, config), bundle: await fetchBytes(store, layer), roles };
  }
  throw new Error('the signed example has no signature');
}

/** The members that are read here, of any manifest. */
async function readManifest(
  store: OciLayoutStore,
  descriptor: Descriptor,
): Promise<{ config?: Descriptor; layers: Descriptor[] }> {
  const { digest, mediaType, size } = descriptor;
  const bytes = await fetchBytes(store, { digest, mediaType, size });
  const manifest = JSON.parse(new TextDecoder().decode(bytes)) as { config?: Descriptor; layers?: Descriptor[] };
  return { layers: [], ...manifest };
}

/** The public key's PEM. */
export function readKey({ key }: SignedExample): Promise<string> {
  return readFile(key, 'utf8');
}
