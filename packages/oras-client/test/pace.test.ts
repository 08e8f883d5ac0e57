import { describe, expect, it, vi } from 'vitest';
import { digestOf, fetchBytes, OciError } from '../src/index.ts';
import { HostPauses } from '../src/remote/host-pauses.ts';
import { withoutTrickle } from '../src/remote/trickle.ts';
import { against } from './support/http.ts';
import { list } from './support/list.ts';

const blob = Buffer.from('some bytes');
const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(blob), size: blob.length };

/** Bytes that come one by one, each after some time. */
async function* trickle(count: number, ms: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    yield Uint8Array.of(i);
  }
}

describe('a registry that says it is asked too often', () => {
  it('is left alone by all requests, not only by the one that it told', async () => {
    const asked: { path: string; at: number }[] = [];
    let refused = false;
    const repository = await against((request, response) => {
      asked.push({ path: request.url ?? '', at: performance.now() });
      if (refused) response.end(blob);
      else response.writeHead(429, { 'retry-after': '1' }).end();
      refused = true;
    });
    const first = fetchBytes(repository, descriptor);
    await vi.waitUntil(() => refused);
    // The answer has to come first, or the second would go out before anybody knows.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await Promise.all([first, fetchBytes(repository, descriptor)]);
    const [told, ...others] = asked;
    expect(others).toHaveLength(2);
    for (const other of others) expect(other.at - (told?.at ?? 0)).toBeGreaterThanOrEqual(900);
  });

  it('by a pause that a signal can end, and that is not made shorter by a later answer', async () => {
    const pauses = new HostPauses();
    pauses.pause('https://r.example', 60_000);
    pauses.pause('https://r.example', 1);
    expect(pauses.left('https://r.example')).toBeGreaterThan(50_000);
    expect(pauses.left('https://other.example')).toBe(0);
    await expect(pauses.wait('https://r.example', AbortSignal.abort())).rejects.toMatchObject({
      code: 'ERR_OCI_ABORTED',
    });
  });
});

describe('a body that trickles', () => {
  it('is given up', async () => {
    await expect(list(withoutTrickle(trickle(1000, 5), 30, 'r.example'))).rejects.toMatchObject({
      code: 'ERR_OCI_TIMEOUT',
      message: expect.stringMatching(/r\.example/),
    });
  });

  it('is not one whose reader takes its time', async () => {
    let received = 0;
    for await (const chunk of withoutTrickle(trickle(10, 0), 1_000, 'r.example')) {
      received += chunk.length;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    expect(received).toBe(10);
  });
});

it('a registry that takes no more of an upload is given up', async () => {
  const big = Buffer.alloc(32 * 1024 * 1024);
  const repository = await against(
    (request, response) => {
      if (request.method === 'POST') response.writeHead(202, { location: '/v2/a/b/blobs/uploads/1' }).end();
      else if (request.method === 'DELETE') response.writeHead(204).end();
      // Neither reads nor answers.
      else request.pause();
    },
    { retries: 0 },
  );
  const error = await repository
    .push({ mediaType: 'application/octet-stream', digest: digestOf(big), size: big.length }, async function* () {
      for (let at = 0; at < big.length; at += 65_536) yield big.subarray(at, at + 65_536);
    })
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(OciError);
  expect(error).toMatchObject({ code: 'ERR_OCI_TIMEOUT' });
}, 20_000);

it('warnings are shown each once, without what could drive a terminal', async () => {
  const shown: string[] = [];
  const repository = await against(
    (_request, response) => {
      response.appendHeader('warning', '299 - "deprec\\"ated", 299 - "two"');
      response.appendHeader('warning', '199 - "not this"');
      response.appendHeader('warning', '299 - "three\u009b2J"');
      response.end(blob);
    },
    { onWarning: (text) => shown.push(text) },
  );
  await fetchBytes(repository, descriptor);
  await fetchBytes(repository, descriptor);
  expect(shown.slice(0, 2)).toEqual(['deprec"ated', 'two']);
  expect(shown).toHaveLength(3);
  expect(shown.join('')).not.toContain('\u009b');
});

describe('an error', () => {
  it('carries all that an operator needs to find it, and what to do', async () => {
    const repository = await against(
      (_request, response) =>
        response
          .writeHead(429, {
            'x-request-id': 'abc-1',
            'ratelimit-limit': '100;w=21600',
            'ratelimit-remaining': '0;w=21600',
          })
          .end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down","detail":"per address"}]}'),
      { retries: 0 },
    );
    await expect(repository.fetchReference('1.0.0')).rejects.toMatchObject({
      code: 'ERR_OCI_REGISTRY',
      registry: repository.registry,
      repository: 'a/b',
      operation: 'GET manifest 1.0.0',
      status: 429,
      registryCode: 'TOOMANYREQUESTS',
      registryMessage: 'slow down: per address',
      requestId: 'abc-1',
      message: expect.stringMatching(/abc-1/),
      hint: expect.stringMatching(/limit 100;w=21600, left 0;w=21600/),
    });
  });
});
