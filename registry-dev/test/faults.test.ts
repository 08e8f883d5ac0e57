import { afterEach, describe, expect, it } from 'vitest';
import { createRegistry, type FaultRule, type Registry } from '../src/index.ts';
import { type Call, callerOf, digestOf, pushBlob, pushManifest } from './client.ts';

let registry: Registry;
let call: Call;
afterEach(() => registry.close());

const CONTENT = Buffer.from(Array.from({ length: 4000 }, (_, index) => index % 251));
const DIGEST = digestOf(CONTENT);
const LARGE = Buffer.alloc(3_000_000, 'abc');

async function start(...rules: FaultRule[]): Promise<void> {
  registry = await createRegistry();
  call = callerOf(registry.url);
  await pushBlob(call, new Uint8Array(CONTENT));
  await pushBlob(call, new Uint8Array(LARGE));
  registry.setFaults({ seed: 7, rules });
}

function pull(digest = DIGEST): Promise<Response> {
  return call('GET', `/v2/a/b/blobs/${digest}`);
}

async function bytesOf(answer: Promise<Response>): Promise<Buffer> {
  return Buffer.from(await (await answer).arrayBuffer());
}

describe('a status', () => {
  it('comes for the first n requests of a kind, with Retry-After', async () => {
    await start({ kind: 'status', status: 429, retryAfter: 3, first: 2, on: 'blob' });
    const refused = await pull();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '3']);
    expect((await call('GET', '/v2/')).status).toBe(200);
    expect([(await pull()).status, (await pull()).status]).toEqual([429, 200]);
  });

  it('spares the first ones, and other methods and addresses', async () => {
    await start({ kind: 'status', status: 503, skip: 1, first: 1, methods: ['GET'], path: DIGEST });
    const statuses = [];
    for (const method of ['HEAD', 'GET', 'GET', 'GET'])
      statuses.push((await call(method, `/v2/a/b/blobs/${DIGEST}`)).status);
    expect(statuses).toEqual([200, 200, 503, 200]);
    expect((await pull(digestOf(LARGE))).status).toBe(200);
  });

  it('comes with a probability: the same ones for the same seed', async () => {
    const rules: FaultRule[] = [{ kind: 'status', status: 500, probability: 0.4 }];
    await start(...rules);
    const run = async (seed: number): Promise<string> => {
      registry.setFaults({ seed, rules });
      const statuses = [];
      for (let index = 0; index < 40; index++) statuses.push((await call('GET', '/v2/')).status);
      return statuses.join(' ');
    };
    const first = await run(7);
    expect(await run(7)).toBe(first);
    expect(await run(8)).not.toBe(first);
    const met = first.split('500').length - 1;
    expect(met).toBeGreaterThan(5);
    expect(met).toBeLessThan(35);
  });
});

describe('bodies', () => {
  it.each(['corrupt', 'swap'] as const)(
    '%s: as long as they were, and other bytes, in small and large ones',
    async (kind) => {
      await start({ kind });
      for (const content of [CONTENT, LARGE]) {
        const found = await bytesOf(pull(digestOf(content)));
        expect(found.length).toBe(content.length);
        const differ = found.filter((byte, index) => byte !== content[index]).length;
        expect(differ).toBe(kind === 'corrupt' ? 1 : 2);
      }
      // What is stored is right.
      registry.setFaults();
      expect(digestOf(await bytesOf(pull()))).toBe(DIGEST);
    },
  );

  it('corrupt: another place for another request', async () => {
    await start({ kind: 'corrupt' });
    const [first, second] = [await bytesOf(pull()), await bytesOf(pull())];
    expect(first.equals(second)).toBe(false);
  });

  it('are cut after so many bytes, which arrive', async () => {
    await start({ kind: 'cut-response', after: 1000 });
    const answer = await pull();
    let have = 0;
    const reading = (async () => {
      for await (const part of answer.body ?? []) have += part.length;
    })();
    await expect(reading).rejects.toThrow();
    expect([answer.headers.get('content-length'), have]).toEqual(['4000', 1000]);
  });

  it('have another length than was said', async () => {
    await start({ kind: 'wrong-length', by: 5, first: 1 }, { kind: 'wrong-length', by: -5, skip: 1 });
    const longer = await pull();
    expect(longer.headers.get('content-length')).toBe('4005');
    await expect(longer.arrayBuffer()).rejects.toThrow();
    const shorter = await pull();
    expect(shorter.headers.get('content-length')).toBe('3995');
    expect(Buffer.from(await shorter.arrayBuffer()).equals(CONTENT.subarray(0, 3995))).toBe(true);
  });

  it('come slowly, and whole', async () => {
    await start(
      { kind: 'slow', bytesPerSecond: 20, first: 1, on: 'blob' },
      { kind: 'slow', bytesPerSecond: 1_000_000, skip: 1, on: 'blob' },
    );
    const slow = await pull();
    const reader = slow.body!.getReader();
    const { value = new Uint8Array() } = await reader.read();
    // All of it takes minutes, while others are answered.
    expect((await call('GET', '/v2/')).status).toBe(200);
    expect(value.length).toBeLessThan(4000);
    await reader.cancel();
    expect(digestOf(await bytesOf(pull()))).toBe(DIGEST);
  });
});

describe('headers', () => {
  it('name a false digest', async () => {
    await start({ kind: 'false-digest' });
    const { headers } = await call('HEAD', `/v2/a/b/blobs/${DIGEST}`);
    expect(headers.get('docker-content-digest')).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(headers.get('docker-content-digest')).not.toBe(DIGEST);
  });

  it('lead on for ever, or to another server', async () => {
    await start({ kind: 'redirect', first: 30 }, { kind: 'redirect', to: 'http://127.0.0.1:1/', skip: 30 });
    let place = `/v2/a/b/blobs/${DIGEST}`;
    const seen = new Set<string>();
    for (let hop = 0; hop < 30; hop++) {
      const answer = await call('GET', place);
      expect(answer.status).toBe(307);
      place = answer.headers.get('location') ?? '';
      seen.add(place);
    }
    expect(seen.size).toBe(30);
    expect((await pull()).headers.get('location')).toBe(`http://127.0.0.1:1/v2/a/b/blobs/${DIGEST}`);
  });
});

describe('connections', () => {
  it('are cut in the middle of an upload, which goes on where it was', async () => {
    await start({ kind: 'cut-request', after: 1500, methods: ['PATCH'], first: 1 });
    const place = (await call('POST', '/v2/a/b/blobs/uploads/')).headers.get('location') ?? '';
    await expect(call('PATCH', place, { body: new Uint8Array(CONTENT) })).rejects.toThrow();
    expect((await call('GET', place)).headers.get('range')).toBe('0-1499');
    const rest = new Uint8Array(CONTENT.subarray(1500));
    expect((await call('PUT', `${place}?digest=${DIGEST}`, { body: rest })).status).toBe(201);
  });

  it('are cut after the work and before the answer', async () => {
    await start({ kind: 'lost-answer', on: 'manifest', first: 1 });
    await expect(pushManifest(call, 'v1')).rejects.toThrow();
    expect((await call('HEAD', '/v2/a/b/manifests/v1')).status).toBe(200);
  });

  it('wait, while others are answered, and no longer than the client', async () => {
    await start(
      { kind: 'latency', milliseconds: 600_000, on: 'blob', first: 1 },
      { kind: 'latency', milliseconds: 1, skip: 1 },
    );
    const ended = new AbortController();
    let answered = false;
    const waiting = fetch(`${registry.url}/v2/a/b/blobs/${DIGEST}`, { signal: ended.signal }).then(
      () => (answered = true),
    );
    expect((await call('GET', '/v2/')).status).toBe(200);
    expect((await call('GET', '/v2/')).status).toBe(200);
    expect(answered).toBe(false);
    ended.abort();
    await expect(waiting).rejects.toThrow();
  });

  it('that are cut in the question and in the answer do not keep the registry from closing', async () => {
    const rules: FaultRule[] = [
      { kind: 'cut-request', methods: ['PUT'] },
      { kind: 'cut-response', methods: ['PUT'] },
    ];
    const open = await createRegistry({ faults: { rules } });
    await expect(pushManifest(callerOf(open.url), 'v1')).rejects.toThrow();
    await open.close();
  });
});
