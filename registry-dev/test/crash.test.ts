import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry } from '../src/index.ts';
import { type Call, callerOf, digestOf, EMPTY, MANIFEST, manifestOf, pushBlob, putManifest } from './client.ts';

let folder: string;
const victims: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'registry-crash-'));
});
afterEach(() => {
  for (const child of victims.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const MAIN = join(import.meta.dirname, '..', 'src', 'main.ts');
const PRELOAD = join(import.meta.dirname, 'kill-before.mjs');

interface Victim {
  url: string;
  child: ChildProcess;
  /** Resolves when it is gone. */
  gone: Promise<void>;
}

async function startVictim(root: string, environment: Record<string, string> = {}): Promise<Victim> {
  const preload = Object.keys(environment).length > 0 ? ['--import', PRELOAD] : [];
  const child = spawn(process.execPath, [...preload, MAIN, '--root', root], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  victims.push(child);
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  for await (const line of createInterface(child.stdout)) {
    const [, url] = /listening on (\S+)/.exec(line) ?? [];
    if (url !== undefined) return { url, child, gone };
  }
  throw new Error('the registry did not start');
}

/** What was acknowledged, and what was under way. */
interface Ledger {
  blobs: Set<string>;
  manifests: Set<string>;
  /** Tag → digests that it may have. */
  tags: Map<string, Set<string | undefined>>;
  /** Digest → subject. */
  referrers: Map<string, string>;
}

const PART = 'x'.repeat(70_000);

async function acknowledge(answer: Promise<Response>, status: number): Promise<Response> {
  const response = await answer;
  await response.arrayBuffer();
  if (response.status !== status) throw new Error(`answered ${response.status} instead of ${status}`);
  return response;
}

/** A round of everything that changes a registry. Ends early where the registry dies. */
async function changeEverything(call: Call, ledger: Ledger): Promise<void> {
  ledger.blobs.add(await pushBlob(call, '{}'));
  ledger.blobs.add(await pushBlob(call, PART));
  // In chunks, with sha512.
  const whole = `${PART}two${PART}`;
  let place = (await acknowledge(call('POST', '/v2/a/b/blobs/uploads/'), 202)).headers.get('location') ?? '';
  for (const chunk of [PART, 'two', PART])
    place = (await acknowledge(call('PATCH', place, { body: chunk }), 202)).headers.get('location') ?? '';
  const digest = digestOf(whole, 'sha512');
  await acknowledge(call('PUT', `${place}?digest=${digest}`), 201);
  ledger.blobs.add(digest);
  const tag = async (name: string, body: string): Promise<string> => {
    const before = ledger.tags.get(name) ?? new Set([undefined]);
    ledger.tags.set(name, new Set([...before, digestOf(body)]));
    await acknowledge(putManifest(call, name, body), 201);
    ledger.tags.set(name, new Set([digestOf(body)]));
    ledger.manifests.add(digestOf(body));
    return digestOf(body);
  };
  const first = await tag('v1', manifestOf());
  await tag('v1', manifestOf({ annotations: { is: 'the second' } }));
  const subject = { mediaType: MANIFEST, digest: first, size: manifestOf().length };
  ledger.referrers.set(await tag('signature', manifestOf({ subject })), first);
  await acknowledge(call('POST', `/v2/c/d/blobs/uploads/?mount=${EMPTY}&from=a/b`), 201);
  ledger.tags.set('signature', new Set([...(ledger.tags.get('signature') ?? []), undefined]));
  await acknowledge(call('DELETE', '/v2/a/b/manifests/signature'), 202);
  ledger.tags.set('signature', new Set([undefined]));
}

/** Everything that a registry serves is right, and everything acknowledged is there. */
async function checkEverything(root: string, { blobs, manifests, tags, referrers }: Ledger): Promise<number> {
  await using registry = await createRegistry({ root });
  const call = callerOf(registry.url);
  const candidates = new Set([...blobs, EMPTY, digestOf(PART), digestOf(`${PART}two${PART}`, 'sha512')]);
  for (const repository of ['a/b', 'c/d']) {
    for (const digest of candidates) {
      const answer = await call('GET', `/v2/${repository}/blobs/${digest}`);
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (answer.status === 200)
        expect(digestOf(bytes, digest.startsWith('sha512') ? 'sha512' : 'sha256')).toBe(digest);
      if (repository === 'a/b' && blobs.has(digest)) expect(answer.status, digest).toBe(200);
    }
  }
  for (const reference of [...manifests, ...tags.keys()]) {
    const answer = await call('GET', `/v2/a/b/manifests/${reference}`);
    const text = await answer.text();
    const found = answer.status === 200 ? digestOf(text) : undefined;
    if (found !== undefined) expect(answer.headers.get('docker-content-digest')).toBe(found);
    if (manifests.has(reference)) expect(found, reference).toBe(reference);
    else expect([...(tags.get(reference) ?? [])], reference).toContain(found);
  }
  for (const [digest, subject] of referrers) {
    const list = (await (await call('GET', `/v2/a/b/referrers/${subject}`)).json()) as {
      manifests: { digest: string }[];
    };
    expect(list.manifests.map((one) => one.digest)).toContain(digest);
    for (const one of list.manifests) expect((await call('GET', `/v2/a/b/manifests/${one.digest}`)).status).toBe(200);
  }
  // It works on: the same round again.
  await changeEverything(call, { blobs: new Set(), manifests: new Set(), tags: new Map(), referrers: new Map() });
  return blobs.size + manifests.size;
}

function emptyLedger(): Ledger {
  return { blobs: new Set(), manifests: new Set(), tags: new Map(), referrers: new Map() };
}

describe('a registry that is killed', () => {
  it('before or in the middle of any change of a file serves nothing wrong and has lost nothing', async () => {
    const acknowledged: number[] = [];
    // How many there are depends on how bodies arrive; the round that is not killed any more was the last.
    for (let at = 1, alive = false; !alive; at++) {
      const root = join(folder, `at-${at}`);
      const victim = await startVictim(root, { KILL_AT: String(at) }).catch(() => undefined);
      const ledger = emptyLedger();
      if (victim) {
        alive = await changeEverything(callerOf(victim.url), ledger).then(
          () => true,
          () => false,
        );
        if (alive) victim.child.kill('SIGKILL');
        await victim.gone;
        expect(victim.child.signalCode).toBe('SIGKILL');
      }
      acknowledged.push(await checkEverything(root, ledger));
      rmSync(root, { recursive: true, force: true });
    }
    expect(acknowledged.length).toBeGreaterThan(30);
    expect(Math.min(...acknowledged)).toBe(0);
    expect(acknowledged.at(-1)).toBe(6);
  }, 300_000);

  it('at any time under parallel uploads serves none of them in part, and they go on where they were', async () => {
    const root = join(folder, 'parallel');
    const contents = Array.from({ length: 6 }, (_, index) => new Uint8Array(3_000_000).fill(index + 1));
    for (let round = 0; round < 6; round++) {
      const victim = await startVictim(root);
      const call = callerOf(victim.url);
      const places: string[] = [];
      const uploads = contents.map(async (content, index) => {
        const place = (await call('POST', '/v2/p/q/blobs/uploads/')).headers.get('location') ?? '';
        places[index] = place;
        for (let at = 0; at < content.length; at += 500_000)
          await call('PATCH', place, { body: content.subarray(at, at + 500_000) });
        await call('PUT', `${place}?digest=${digestOf(content)}`);
        // The first whose turn it is kills it, at another place in every round.
        if (index === round) victim.child.kill('SIGKILL');
      });
      await Promise.allSettled(uploads);
      victim.child.kill('SIGKILL');
      await victim.gone;

      await using registry = await createRegistry({ root });
      const again = callerOf(registry.url);
      for (const [index, content] of contents.entries()) {
        const digest = digestOf(content);
        const served = await again('GET', `/v2/p/q/blobs/${digest}`);
        if (served.status === 200) expect(digestOf(new Uint8Array(await served.arrayBuffer()))).toBe(digest);
        const state = await again('GET', places[index] ?? '/v2/p/q/blobs/uploads/none');
        if (state.status !== 204) continue;
        const have = uploadSize(root, places[index] ?? '');
        expect(digestOf(readUpload(root, places[index] ?? ''))).toBe(digestOf(content.subarray(0, have)));
        await again('PATCH', places[index] ?? '', { body: content.subarray(have) });
        expect((await again('PUT', `${places[index]}?digest=${digest}`)).status).toBe(201);
        await again('DELETE', `/v2/p/q/blobs/${digest}`);
      }
    }
  }, 120_000);
});

function readUpload(root: string, place: string): Uint8Array {
  const path = join(root, 'repositories', 'p', 'q', '_uploads', place.slice(place.lastIndexOf('/') + 1));
  return existsSync(path) ? readFileSync(path) : new Uint8Array();
}

function uploadSize(root: string, place: string): number {
  return readUpload(root, place).length;
}
