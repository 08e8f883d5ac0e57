import { describe, expect, it } from 'vitest';
import { formatReference, isLoopback, parseLayoutReference, parseReference } from '../src/index.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('parseReference', () => {
  it.each([
    ['ghcr.io/acme/exec-watch', { registry: 'ghcr.io', repository: 'acme/exec-watch' }],
    ['ghcr.io/acme/exec-watch:1.0.0', { registry: 'ghcr.io', repository: 'acme/exec-watch', tag: '1.0.0' }],
    [`localhost:5000/a@${DIGEST}`, { registry: 'localhost:5000', repository: 'a', digest: DIGEST }],
    [`[::1]:5000/a:t@${DIGEST}`, { registry: '[::1]:5000', repository: 'a', tag: 't', digest: DIGEST }],
    ['oci://Example.com/a__b/c-d:T', { registry: 'Example.com', repository: 'a__b/c-d', tag: 'T' }],
  ])('reads %s', (text, expected) => {
    expect(parseReference(text)).toEqual(expected);
    expect(parseReference(formatReference(parseReference(text)))).toEqual(expected);
  });

  it.each([
    ['exec-watch:1.0.0', /no registry/],
    ['acme/exec-watch:1.0.0', /acme/],
    ['ghcr.io/Acme/x:1', /repository name/],
    ['ghcr.io/acme/x:', /tag/],
    ['ghcr.io/acme/x:-1', /tag/],
    ['ghcr.io/../x', /repository name/],
    ['ghcr.io/acme/x@sha256:abc', /digest/],
    [`ghcr.io/acme/x@${DIGEST}@${DIGEST}`, /more than one/],
    ['https://ghcr.io/acme/x', /URL/],
    ['bad host/acme', /host name/],
    ['host:99999/acme', /host name/],
    ['[:::1]/acme', /host name/],
    [`ghcr.io/${'a'.repeat(2000)}`, /1024/],
    ['ghcr.io/a\n/b', /repository name/],
  ])('refuses %j', (text, message) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ code: 'ERR_OCI_INVALID_REFERENCE', message: expect.stringMatching(message) }),
    );
  });
});

it('takes plain HTTP for loopback only', () => {
  expect(['localhost:5000', '127.0.0.1', '127.1.2.3:80', '[::1]:5000', 'x.localhost'].map(isLoopback)).toEqual(
    Array(5).fill(true),
  );
  expect(['10.0.0.1:5000', 'localhost.example.com', '127.0.0.1.example.com', 'ghcr.io'].map(isLoopback)).toEqual(
    Array(4).fill(false),
  );
});

it('splits layout references', () => {
  expect(parseLayoutReference('build/x:1.0.0')).toEqual({ path: 'build/x', reference: '1.0.0' });
  expect(parseLayoutReference('./a:b/c')).toEqual({ path: './a:b/c', reference: undefined });
  expect(parseLayoutReference(`x@${DIGEST}`)).toEqual({ path: 'x', reference: DIGEST });
});
