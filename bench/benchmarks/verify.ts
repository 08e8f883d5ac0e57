import { createPublicKey, verify as verifySignature } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PREDICATE_TYPE_SIGNATURE } from '@bpfship/media-types';
import { loadPublicKey, verifyBundle } from '@bpfship/trust/verify';
import { hasCommand } from '../../tools/machine/system-packages.ts';
import { FIRST_ROUNDS, measureFirst } from '../support/run-measurement.ts';
import { buildSignedExample, readKey } from '../support/signed-example.ts';
import { summarize } from '../support/statistics.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { timeEach } from '../support/time-each.ts';
import { type Benchmark, type BenchmarkContext, compare, type Findings } from './benchmark.ts';

const RUNS = 200;

/** Verification of a key's signature. */
export const verify: Benchmark = {
  name: 'verify',
  question: 'What does it cost to verify a key’s signature, in a running process and in a new one?',
  whyNot: () =>
    Promise.resolve(
      hasCommand('clang') ? undefined : 'clang is not installed, and the example must be built (npm start installs it)',
    ),
  run,
};

async function run(context: BenchmarkContext): Promise<Findings> {
  const { signal, quick, say } = context;
  await using stack = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder(stack, 'verify');
  say('building, packing and signing exec-watch 1.0.0');
  const example = await buildSignedExample(folder, signal);
  const pem = await readKey(example);
  const options = {
    subjectDigest: example.subject.digest,
    keys: [loadPublicKey(pem)],
    predicateType: PREDICATE_TYPE_SIGNATURE,
  };
  say('in this process');
  const runs = quick ? 1 : RUNS;
  const warm = await timeEach(runs, () => verifyBundle(example.bundle, options));
  const bare = bareVerification(example.bundle, pem);
  const floor = await timeEach(runs, bare);

  const file = join(folder, 'bundle.json');
  await writeFile(file, example.bundle);
  const first = await measureFirst('verify.ts', [file, example.key, example.subject.digest], context);
  const warmSeries = summarize('verifyBundle', 'µs', warm);
  const floorSeries = summarize('node:crypto.verify alone', 'µs', floor);
  return {
    method: [
      'The bundle is the one that bpfship sign made for exec-watch 1.0.0: a DSSE envelope with an in-toto statement, signed by an ECDSA P-256 key.',
      `In a running process: ${RUNS} verifications one after the other, after 200 that do not count, each timed alone; form, signature, statement and subject digest are checked every time.`,
      'node:crypto.verify checks the same signature over the same bytes and nothing else: the floor below which no verification in Node can go.',
      `In a new process: ${FIRST_ROUNDS} processes after one warm-up; the time is taken inside, without Node’s own start; no compile cache.`,
    ],
    peers: {},
    groups: [
      { title: 'in a running process', series: [warmSeries, floorSeries] },
      { title: 'first in a new process', series: first },
    ],
    comparisons: [compare('verifyBundle ÷ node:crypto.verify alone', warmSeries, floorSeries)],
    lists: [],
  };
}

/** What every verification contains: one ECDSA check over the envelope's pre-authentication encoding (DSSE protocol.md). */
function bareVerification(bundle: Uint8Array, pem: string): () => void {
  const { dsseEnvelope } = JSON.parse(new TextDecoder().decode(bundle)) as {
    dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] };
  };
  const payload = Buffer.from(dsseEnvelope.payload, 'base64');
  const type = dsseEnvelope.payloadType;
  const message = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const signature = Buffer.from(dsseEnvelope.signatures[0]?.sig ?? '', 'base64');
  const key = createPublicKey(pem);
  return () => {
    if (!verifySignature('sha256', message, key, signature))
      throw new Error('the bare verification checks other bytes than were signed');
  };
}
