import { describe, expect, it } from 'vitest';
import { verifyBundle } from '../src/verify/index.ts';
import {
  bytesOf,
  DIGEST,
  type LooseBundle,
  makeBundle,
  makeKey,
  OTHER_DIGEST,
  SIGNATURE,
  statement,
} from './support/bundles.ts';
import { refusalOf } from './support/refusal.ts';

const key = makeKey();
const stranger = makeKey();
const trusted = [key.publicKey];
const HEX = DIGEST.slice('sha256:'.length);
const sha256 = (hex: string): Record<string, unknown> => ({ subject: [{ digest: { sha256: hex } }] });

describe('what is signed', () => {
  it.each<[string, LooseBundle, string]>([
    ['another artifact', makeBundle(key, statement(sha256(OTHER_DIGEST.slice(7)))), 'ERR_TRUST_SUBJECT_MISMATCH'],
    ['the digest in upper case', makeBundle(key, statement(sha256(HEX.toUpperCase()))), 'ERR_TRUST_SUBJECT_MISMATCH'],
    ['a prefix of the digest', makeBundle(key, statement(sha256(HEX.slice(0, 32)))), 'ERR_TRUST_SUBJECT_MISMATCH'],
    [
      'the digest under another algorithm',
      makeBundle(key, statement({ subject: [{ digest: { sha1: HEX } }] })),
      'ERR_TRUST_SUBJECT_MISMATCH',
    ],
    [
      'the digest beside one that cannot be checked',
      makeBundle(key, statement({ subject: [{ digest: { sha256: HEX, sha512: 'ee'.repeat(64) } }] })),
      'ERR_TRUST_SUBJECT_MISMATCH',
    ],
    [
      'the digest as a name only',
      makeBundle(key, statement({ subject: [{ name: DIGEST, digest: { sha256: 'cc'.repeat(32) } }] })),
      'ERR_TRUST_SUBJECT_MISMATCH',
    ],
    [
      'an SBOM',
      makeBundle(key, statement({ predicateType: 'https://spdx.dev/Document' })),
      'ERR_TRUST_PREDICATE_MISMATCH',
    ],
    [
      'a predicate type with junk behind',
      makeBundle(key, statement({ predicateType: `${SIGNATURE}/` })),
      'ERR_TRUST_PREDICATE_MISMATCH',
    ],
    ['no predicate type', makeBundle(key, statement({ predicateType: undefined })), 'ERR_TRUST_STATEMENT_INVALID'],
    ['no subject', makeBundle(key, statement({ subject: [] })), 'ERR_TRUST_STATEMENT_INVALID'],
    [
      '2,000 subjects',
      makeBundle(key, statement({ subject: Array.from({ length: 2000 }, () => ({ digest: { sha256: HEX } })) })),
      'ERR_TRUST_STATEMENT_INVALID',
    ],
    ['a subject that is null', makeBundle(key, statement({ subject: [null] })), 'ERR_TRUST_STATEMENT_INVALID'],
    [
      'a subject without a digest',
      makeBundle(key, statement({ subject: [{ name: 'x' }] })),
      'ERR_TRUST_STATEMENT_INVALID',
    ],
    [
      'a digest that is an array',
      makeBundle(key, statement({ subject: [{ digest: { sha256: [HEX] } }] })),
      'ERR_TRUST_STATEMENT_INVALID',
    ],
    [
      'an unknown statement type',
      makeBundle(key, statement({ _type: 'https://in-toto.io/Statement/v2' })),
      'ERR_TRUST_STATEMENT_INVALID',
    ],
    ['a predicate that is a text', makeBundle(key, statement({ predicate: 'x' })), 'ERR_TRUST_STATEMENT_INVALID'],
    [
      'the subject twice',
      makeBundle(key, Buffer.from(JSON.stringify(statement()).replace('"subject":', '"subject":[],"subject":'))),
      'ERR_TRUST_STATEMENT_INVALID',
    ],
    ['no JSON', makeBundle(key, Buffer.from('hello')), 'ERR_TRUST_STATEMENT_INVALID'],
    [
      'another payload type',
      makeBundle(key, statement(), { payloadType: 'application/json' }),
      'ERR_TRUST_STATEMENT_INVALID',
    ],
  ])('%s is refused', async (_what, bundle, code) => {
    await expect(refusalOf(bundle, trusted)).resolves.toMatchObject({ name: 'TrustError', code, object: DIGEST });
  });

  it.each(['', 'sha256:', ':', 'sha256', `sha1:${HEX}`, `SHA256:${HEX}`, DIGEST.toUpperCase()])(
    'the malformed digest "%s" matches nothing, whatever was signed',
    async (subjectDigest) => {
      const [algorithm = '', hex = ''] = subjectDigest.split(':', 2);
      const bundle = bytesOf(makeBundle(key, statement({ subject: [{ digest: { [algorithm]: hex } }] })));
      const verified = verifyBundle(bundle, { subjectDigest, keys: trusted, predicateType: SIGNATURE });
      await expect(verified).rejects.toMatchObject({ code: 'ERR_TRUST_SUBJECT_MISMATCH' });
    },
  );

  it('nothing of a payload is read before its signature was verified', async () => {
    const bundle = makeBundle(stranger, Buffer.from('{"subject":'));
    await expect(refusalOf(bundle, trusted)).resolves.toMatchObject({ code: 'ERR_TRUST_UNKNOWN_KEY' });
  });

  it('a payload type changed after signing breaks the signature', async () => {
    const bundle = makeBundle(key, statement(), { payloadType: 'application/json' });
    bundle['dsseEnvelope'].payloadType = 'application/vnd.in-toto+json';
    await expect(refusalOf(bundle, trusted)).resolves.toMatchObject({ code: 'ERR_TRUST_SIGNATURE_INVALID' });
  });
});
