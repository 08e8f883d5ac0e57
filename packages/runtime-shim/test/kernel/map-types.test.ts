import { expect, it } from 'vitest';
import { mapTypeName as theirName } from '@bpfship/bpf-object';
import { MAP_TYPES, mapTypeName, mapTypeNumber } from '../../src/kernel/native/map-types.ts';

it('map types have the names that objects are read with', () => {
  const numbers = Array.from({ length: MAP_TYPES.length + 4 }, (_, number) => number);
  expect(numbers.map(mapTypeName)).toEqual(numbers.map(theirName));
  expect(mapTypeNumber('ringbuf')).toBe(27);
  expect(mapTypeNumber('unspec')).toBeUndefined();
  expect(mapTypeNumber('no_such_type')).toBeUndefined();
});
