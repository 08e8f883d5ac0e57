import { expect, it } from 'vitest';
import { mergeScopes } from '../src/remote/scope.ts';

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
