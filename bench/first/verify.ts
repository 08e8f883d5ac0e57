// The first verification in a new process. Arguments: bundle file, public key file, digest of the subject. Prints milliseconds as JSON.
import { readFileSync } from 'node:fs';

const [bundleFile = '', keyFile = '', subjectDigest = ''] = process.argv.slice(2);
const begin = performance.now();
const { loadPublicKey, verifyBundle } = await import('@bpfship/trust/verify');
const imported = performance.now();
const keys = [loadPublicKey(readFileSync(keyFile, 'utf8'))];
await verifyBundle(readFileSync(bundleFile), {
  subjectDigest,
  keys,
  predicateType: 'https://sigstore.dev/cosign/sign/v1',
});
const verified = performance.now();
console.log(
  JSON.stringify({ modules: imported - begin, verification: verified - imported, together: verified - begin }),
);
