import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Descriptor, packManifest, Repository } from '@bpfship/oras-client';
import { createRegistry } from '@bpfship/registry-dev';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDockerRegistry } from '../../oras-client/test/docker-registry.ts';
import {
  generateKeyPair,
  type KeyAlgorithm,
  loadPrivateKey,
  loadPublicKey,
  signArtifact,
  verifyArtifact,
} from '../src/index.ts';
import { cosignIn, type CosignResult, findCosign } from './support/cosign.ts';

const PASSWORD = 'secret';
const SIGNING_CONFIG =
  '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}';
const found = findCosign();
if ('missing' in found) process.stderr.write(`\nSKIPPED: nothing is tried with cosign: ${found.missing}\n`);
const path = 'path' in found ? found.path : '';

describe.skipIf(path === '').each(['docker-registry', 'registry-dev'] as const)(
  'with Debian’s cosign, on %s',
  (kind) => {
    let folder = '';
    let registry: { host: string; close(): Promise<void> };
    let repository: Repository;
    let cosign: (...args: string[]) => Promise<CosignResult>;
    let count = 0;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'trust-cosign-'));
      registry =
        kind === 'docker-registry'
          ? await startDockerRegistry()
          : await createRegistry({ root: join(folder, 'registry') });
      repository = new Repository({ registry: registry.host, repository: 'acme/exec-watch' }, { plainHttp: true });
      cosign = cosignIn(path, folder);
      await writeFile(join(folder, 'none.json'), SIGNING_CONFIG);
    });

    afterAll(async () => {
      await repository?.close();
      await registry?.close();
      await rm(folder, { recursive: true, force: true });
    });

    /** A new artifact in the registry, by its reference with digest. */
    async function makeArtifact(): Promise<{ subject: Descriptor; reference: string }> {
      const subject = await packManifest(repository, {
        artifactType: 'application/vnd.ebpf.service.v1',
        annotations: { number: String(count++) },
      });
      return { subject, reference: `${registry.host}/acme/exec-watch@${subject.digest}` };
    }

    async function file(name: string, content: string): Promise<string> {
      await writeFile(join(folder, name), content);
      return name;
    }

    const cosignVerify = (key: string, reference: string, ...more: string[]): Promise<CosignResult> =>
      cosign('verify', '--key', key, '--insecure-ignore-tlog', '--allow-http-registry', ...more, reference);
    const cosignSign = (key: string, reference: string, ...more: string[]): Promise<CosignResult> =>
      cosign('sign', '--key', key, '--signing-config', 'none.json', '-y', '--allow-http-registry', ...more, reference);

    it.each(['ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa'] as const)(
      'cosign verifies what we sign with %s',
      async (algorithm) => {
        const pair = await generateKeyPair({ password: PASSWORD, algorithm });
        const { subject, reference } = await makeArtifact();
        await signArtifact({
          target: repository,
          subject,
          key: await loadPrivateKey(pair.privateKey, { password: PASSWORD }),
        });
        expect(await cosignVerify(await file(`${algorithm}.pub`, pair.publicKey), reference)).toMatchObject({
          status: 0,
        });
        const other = await generateKeyPair();
        expect((await cosignVerify(await file('other.pub', other.publicKey), reference)).status).not.toBe(0);
      },
    );

    it('cosign verifies a signature with the service’s name and annotations, and checks the annotations', async () => {
      const pair = await generateKeyPair({ password: PASSWORD });
      const { subject, reference } = await makeArtifact();
      const key = await loadPrivateKey(pair.privateKey, { password: PASSWORD });
      await signArtifact({
        target: repository,
        subject,
        key,
        serviceName: 'acme/exec-watch',
        annotations: { tier: 'gold' },
      });
      const name = await file('named.pub', pair.publicKey);
      expect(await cosignVerify(name, reference, '-a', 'tier=gold')).toMatchObject({ status: 0 });
      expect((await cosignVerify(name, reference, '-a', 'tier=tin')).status).not.toBe(0);
    });

    it.each(['ecdsa-p256', 'ecdsa-p384', 'rsa'] as const)(
      'cosign signs with our %s key, and we verify it',
      async (algorithm: KeyAlgorithm) => {
        const pair = await generateKeyPair({ password: PASSWORD, algorithm });
        const { subject, reference } = await makeArtifact();
        expect(await cosignSign(await file(`${algorithm}.key`, pair.privateKey), reference)).toMatchObject({
          status: 0,
        });
        const verification = await verifyArtifact({ target: repository, subject, policy: { keys: [pair.publicKey] } });
        expect(verification.signer.hint).toBe(loadPublicKey(pair.publicKey).hint);
      },
    );

    it('what cosign signs with Ed25519 is refused: it is Ed25519ph, which cosign refuses itself (cosign #5074)', async () => {
      const pair = await generateKeyPair({ password: PASSWORD, algorithm: 'ed25519' });
      const { subject, reference } = await makeArtifact();
      expect(await cosignSign(await file('ph.key', pair.privateKey), reference)).toMatchObject({ status: 0 });
      expect((await cosignVerify(await file('ph.pub', pair.publicKey), reference)).status).not.toBe(0);
      const refused = verifyArtifact({ target: repository, subject, policy: { keys: [pair.publicKey] } });
      await expect(refused).rejects.toMatchObject({ candidates: [{ code: 'ERR_TRUST_SIGNATURE_INVALID' }] });
    });

    it('we sign with cosign’s key, and read what cosign signed with it', async () => {
      expect(await cosign('generate-key-pair')).toMatchObject({ status: 0 });
      const pem = await readFile(join(folder, 'cosign.key'), 'utf8');
      const publicKey = await readFile(join(folder, 'cosign.pub'), 'utf8');
      const key = await loadPrivateKey(pem, { password: PASSWORD });
      expect(key.publicKey.hint).toBe(loadPublicKey(publicKey).hint);
      await expect(loadPrivateKey(pem, { password: 'wrong' })).rejects.toMatchObject({ code: 'ERR_TRUST_PASSWORD' });

      const ours = await makeArtifact();
      await signArtifact({ target: repository, subject: ours.subject, key });
      expect(await cosignVerify('cosign.pub', ours.reference)).toMatchObject({ status: 0 });

      const theirs = await makeArtifact();
      expect(await cosignSign('cosign.key', theirs.reference)).toMatchObject({ status: 0 });
      const policy = { keys: [publicKey] };
      await expect(verifyArtifact({ target: repository, subject: theirs.subject, policy })).resolves.toBeDefined();
      // An equal signature is there already, whoever wrote it.
      await expect(signArtifact({ target: repository, subject: theirs.subject, key })).resolves.toMatchObject({
        existing: true,
      });
      const { subject } = await makeArtifact();
      await expect(verifyArtifact({ target: repository, subject, policy })).rejects.toMatchObject({
        code: 'ERR_TRUST_NO_SIGNATURE',
      });
    });

    it('an attestation by cosign is not taken for a signature', async () => {
      const pair = await generateKeyPair({ password: PASSWORD });
      const { subject, reference } = await makeArtifact();
      const key = await file('attest.key', pair.privateKey);
      const predicate = await file('predicate.json', '{"a":1}');
      const attested = await cosign(
        'attest',
        '--key',
        key,
        '--type',
        'custom',
        '--predicate',
        predicate,
        '--signing-config',
        'none.json',
        '-y',
        '--allow-http-registry',
        reference,
      );
      expect(attested).toMatchObject({ status: 0 });
      const refused = verifyArtifact({ target: repository, subject, policy: { keys: [pair.publicKey] } });
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_TRUST_NO_MATCH',
        candidates: [{ code: 'ERR_TRUST_PREDICATE_MISMATCH' }],
      });
    });

    it('a signature of cosign beside one of another key is found', async () => {
      const [first, second] = await Promise.all([
        generateKeyPair({ password: PASSWORD }),
        generateKeyPair({ password: PASSWORD }),
      ]);
      const { subject, reference } = await makeArtifact();
      expect(await cosignSign(await file('first.key', first.privateKey), reference)).toMatchObject({ status: 0 });
      await signArtifact({
        target: repository,
        subject,
        key: await loadPrivateKey(second.privateKey, { password: PASSWORD }),
      });
      for (const { publicKey } of [first, second]) {
        await expect(
          verifyArtifact({ target: repository, subject, policy: { keys: [publicKey] } }),
        ).resolves.toBeDefined();
        expect(await cosignVerify(await file('either.pub', publicKey), reference)).toMatchObject({ status: 0 });
      }
    });

    it('cosign imports a PKCS #8 key that we read as it is', async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
      const name = await file('plain.pem', pem);
      expect(await cosign('import-key-pair', '--key', name, '--output-key-prefix', 'imported')).toMatchObject({
        status: 0,
      });
      const imported = await loadPrivateKey(await readFile(join(folder, 'imported.key'), 'utf8'), {
        password: PASSWORD,
      });
      expect(imported.publicKey.hint).toBe((await loadPrivateKey(pem)).publicKey.hint);
    });
  },
);
