import { expect, it } from 'vitest';
import { covers, mergeScopes } from '../src/remote/scope.ts';

it.each([
  ['', []],
  ['repository:a/b:pull', ['repository:a/b:pull']],
  ['repository:a/b:pull,push repository:a/b:pull', ['repository:a/b:pull,push']],
  [
    'repository:a/b:pull,push repository:c:pull repository:a/b:delete',
    ['repository:a/b:pull,push,delete', 'repository:c:pull'],
  ],
  ['registry:catalog:* plain', ['registry:catalog:*', 'plain']],
])('merges %j', (text, expected) => {
  expect(mergeScopes(text)).toEqual(expected);
});

it.each([
  ['repository:a:pull,push', 'repository:a:pull', true],
  ['repository:a:pull,push repository:b:pull', 'repository:b:pull', true],
  ['repository:a:pull', 'repository:a:pull,push', false],
  ['repository:a:pull', 'repository:b:pull', false],
  ['repository:a:pull,push', 'repository:a:pull,push repository:b:pull', false],
  ['', 'repository:a:pull', false],
  ['repository:a:pull', '', true],
])('a token of %j for %j: %s', (has, wanted, expected) => {
  expect(covers(has, wanted)).toBe(expected);
});
