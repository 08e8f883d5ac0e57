import { createHash, randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { copy, MemoryStore, OciError, packManifest, pushBytes, Repository } from '@bpfship/oras-client';
import { createRegistry, type FaultRule } from '@bpfship/registry-dev';

/** What went wrong on the way, each with the probability for one request. */
const RULES: readonly FaultRule[] = [
  { kind: 'latency', milliseconds: 30, probability: 0.03 },
  { kind: 'status', status: 503, probability: 0.02 },
  { kind: 'status', status: 500, probability: 0.01 },
  { kind: 'status', status: 429, retryAfter: 0, probability: 0.01 },
  { kind: 'cut-response', probability: 0.02 },
  { kind: 'cut-request', methods: ['PUT', 'PATCH', 'POST'], probability: 0.02 },
  { kind: 'lost-answer', probability: 0.02 },
  { kind: 'corrupt', methods: ['GET'], probability: 0.02 },
  { kind: 'swap', methods: ['GET'], probability: 0.01 },
  { kind: 'false-digest', probability: 0.01 },
  { kind: 'wrong-length', methods: ['GET'], probability: 0.01 },
  { kind: 'wrong-length', methods: ['GET'], by: -1, probability: 0.01 },
  { kind: 'redirect', first: 200, probability: 0.005 },
  { kind: 'slow', bytesPerSecond: 1_000_000, probability: 0.005 },
];
const WORKERS = 6;
/** Nothing takes nearly as long as this; what does hangs. */
const HANG_MS = 120_000;
const TAG = 'soak';

/** What a soak through faults came to. */
export interface TransferSoak {
  /** Pushes and pulls, each of which is one command that may retry what passes. */
  transfers: number;
  pushed: number;
  pulled: number;
  /** Failures that were told, by the code of the error. */
  failures: Record<string, number>;
  requests: number;
  /** The following must be zero: pulls that gave other bytes than were pushed, */
  wrong: number;
  /** pushes that were acknowledged and whose content is not whole in the registry afterwards, */
  lost: number;
  /** errors without a type, */
  untyped: string[];
  /** and transfers that did not come to an end. */
  hung: number;
}

/** A small artifact: what it is, independently of the client's own checks. */
interface Artifact {
  store: MemoryStore;
  root: string;
  /** sha256 in hexadecimal of each blob's bytes, by digest. */
  digests: Map<string, string>;
}

/** Pushes and pulls artifacts through injected faults; half of the transfers are pulls of what was pushed. */
export async function soakTransfers(
  transfers: number,
  { folder, signal }: { folder: string; signal: AbortSignal },
): Promise<TransferSoak> {
  await using registry = await createRegistry({ root: join(folder, 'registry') });
  registry.setFaults({ seed: 1, rules: RULES });
  const result: TransferSoak = {
    transfers: 0,
    pushed: 0,
    pulled: 0,
    failures: {},
    requests: 0,
    wrong: 0,
    lost: 0,
    untyped: [],
    hung: 0,
  };
  const acknowledged: { repository: string; artifact: Artifact }[] = [];
  const options = { onRequest: () => void (result.requests += 1), retries: 4, idleTimeoutMs: 5_000 };
  let next = 0;
  const work = async (): Promise<void> => {
    for (let number = next++; number < transfers / 2; number = next++) {
      signal.throwIfAborted();
      const artifact = await makeArtifact();
      const repository = `soak/${number % 50}/${number}`;
      await using remote = new Repository({ registry: registry.host, repository }, options);
      if (await attempt(result, () => copy(artifact.store, TAG, remote, TAG, { signal: deadline(signal) }))) {
        result.pushed += 1;
        acknowledged.push({ repository, artifact });
      }
      const pulled = new MemoryStore();
      if (await attempt(result, () => copy(remote, TAG, pulled, TAG, { signal: deadline(signal) }))) {
        result.pulled += 1;
        if (!(await isSame(pulled, artifact))) result.wrong += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  registry.setFaults();
  for (const { repository, artifact } of acknowledged) {
    await using remote = new Repository({ registry: registry.host, repository });
    const pulled = new MemoryStore();
    const whole = await copy(remote, TAG, pulled, TAG, { signal }).then(
      () => isSame(pulled, artifact),
      () => false,
    );
    if (!whole) result.lost += 1;
  }
  return result;
}

async function makeArtifact(): Promise<Artifact> {
  const store = new MemoryStore();
  const digests = new Map<string, string>();
  const layers = [];
  for (let i = randomInt(1, 5); i > 0; i--) {
    const bytes = randomBytes(randomInt(10) === 0 ? randomInt(1, 1_500_000) : randomInt(1, 60_000));
    const layer = await pushBytes(store, 'application/octet-stream', bytes);
    digests.set(layer.digest, createHash('sha256').update(bytes).digest('hex'));
    layers.push(layer);
  }
  const manifest = await packManifest(store, { artifactType: 'application/vnd.example.soak.v1', layers });
  await store.tag(manifest, TAG);
  return { store, root: manifest.digest, digests };
}

/** Whether a transfer succeeded; counts how it failed where it did. A pull of what could not be pushed fails rightly. */
async function attempt(result: TransferSoak, transfer: () => Promise<unknown>): Promise<boolean> {
  result.transfers += 1;
  const begin = performance.now();
  try {
    await transfer();
    return true;
  } catch (error) {
    if (performance.now() - begin >= HANG_MS) result.hung += 1;
    if (error instanceof OciError) result.failures[error.code] = (result.failures[error.code] ?? 0) + 1;
    else result.untyped.push(String(error));
    return false;
  }
}

/** Compares bytes, and does not ask the client whether they are right. */
async function isSame(pulled: MemoryStore, { root, digests }: Artifact): Promise<boolean> {
  if ((await pulled.resolve(TAG)).digest !== root) return false;
  for (const [digest, wanted] of digests) {
    const hash = createHash('sha256');
    const size = await sizeOf(pulled, digest);
    if (size === undefined) return false;
    for await (const chunk of await pulled.fetch({ mediaType: 'application/octet-stream', digest, size }))
      hash.update(chunk);
    if (hash.digest('hex') !== wanted) return false;
  }
  return true;
}

/** From the pulled manifest. */
async function sizeOf(pulled: MemoryStore, digest: string): Promise<number | undefined> {
  let text = '';
  for await (const chunk of await pulled.fetch(await pulled.resolve(TAG))) text += Buffer.from(chunk).toString();
  const { layers } = JSON.parse(text) as { layers: { digest: string; size: number }[] };
  return layers.find((layer) => layer.digest === digest)?.size;
}

function deadline(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(HANG_MS)]);
}
