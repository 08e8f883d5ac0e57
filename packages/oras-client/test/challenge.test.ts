import { expect, it } from 'vitest';
import { parseChallenges } from '../src/remote/challenge.ts';

it.each([
  ['Basic realm="a"', [{ scheme: 'basic', params: { realm: 'a' } }]],
  [
    'bEARER Realm="https://t.example/token",service="s, with comma",scope="repository:a/b:pull,push"',
    [
      {
        scheme: 'bearer',
        params: { realm: 'https://t.example/token', service: 's, with comma', scope: 'repository:a/b:pull,push' },
      },
    ],
  ],
  [
    'Bearer realm=https://t.example/token?x=1',
    [{ scheme: 'bearer', params: { realm: 'https://t.example/token?x=1' } }],
  ],
  [
    'Negotiate YII=, Basic realm="x", Bearer realm="y"',
    [
      { scheme: 'negotiate', params: {} },
      { scheme: 'basic', params: { realm: 'x' } },
      { scheme: 'bearer', params: { realm: 'y' } },
    ],
  ],
  [
    'Basic realm="say \\"hi\\"", , Digest',
    [
      { scheme: 'basic', params: { realm: 'say "hi"' } },
      { scheme: 'digest', params: {} },
    ],
  ],
  [
    ['Basic realm="a"', 'Bearer realm="b"'],
    [
      { scheme: 'basic', params: { realm: 'a' } },
      { scheme: 'bearer', params: { realm: 'b' } },
    ],
  ],
  ['"""=,,=', []],
  [undefined, []],
])('reads %j', (header, expected) => {
  expect(parseChallenges(header)).toEqual(expected);
});

it('comes to an end for garbage', () => {
  const started = parseChallenges(`Basic ${'a=",'.repeat(10_000)}`);
  expect(started[0]?.scheme).toBe('basic');
  expect(parseChallenges(' '.repeat(100_000))).toEqual([]);
});
