import { expect, it } from 'vitest';
import { isPassing, parseRetryAfter, waitBeforeRetry } from '../src/remote/retry.ts';

it.each([
  ['3', 3_000],
  ['0', 0],
  ['999999', 60_000],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['Fri, 31 Dec 9999 23:59:59 GMT', 60_000],
  ['soon', undefined],
  [undefined, undefined],
])('reads Retry-After %j as %j ms', (header, expected) => {
  expect(parseRetryAfter(header)).toBe(expected);
});

it('tells failures that may pass from those that will not', () => {
  expect(isPassing(Object.assign(new Error('x'), { code: 'ECONNRESET' }))).toBe(true);
  expect(isPassing(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))).toBe(false);
  expect(isPassing(Object.assign(new Error('x'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }))).toBe(false);
  expect(isPassing(undefined)).toBe(false);
});

it('stops waiting when it is aborted', async () => {
  const waiting = waitBeforeRetry(0, '60', AbortSignal.timeout(10));
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_OCI_ABORTED' });
});
