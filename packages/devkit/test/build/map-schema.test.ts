import { BtfBuilder, parseBtf } from '@bpfship/bpf-object';
import { expect, it } from 'vitest';
import { mapSchema } from '../../src/index/map-schema.ts';

it('takes bounded time for structs that hold one another twice', () => {
  const builder = new BtfBuilder();
  let type = builder.addInt('int', { size: 4 });
  for (let level = 0; level < 40; level++) {
    const members = ['a', 'b'].map((name) => ({ name, type, bitOffset: 0 }));
    type = builder.addStruct(`level${level}`, 4, members);
  }
  const map = { name: 'm', type: 'hash', keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 };
  const own = { ...map, pinning: 'none', internal: false } as const;
  const btf = parseBtf(builder.bytes());
  expect(mapSchema(btf, { ...own, keyType: 1, valueType: type })).toBeUndefined();
  expect(mapSchema(btf, { ...own, keyType: 1, valueType: 2 })).toMatch(/^sha256:/);
});
