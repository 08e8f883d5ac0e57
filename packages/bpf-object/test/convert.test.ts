import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BtfBuilder,
  type Btf,
  type Conversion,
  convertBytes,
  createDecoder,
  parseBtf,
  planConversion,
  type PlanOptions,
  readBpfObject,
} from '../src/index.ts';
import { compileBytes, openWorkshop, type Workshop } from './support/compile.ts';

let workshop: Workshop;
let orders: Record<'little' | 'big', Btf>;

beforeAll(() => {
  workshop = openWorkshop();
  orders = {
    little: readBpfObject(compileBytes(workshop, 'versions')).btf!,
    big: readBpfObject(compileBytes(workshop, 'versions', [], 'bpfeb')).btf!,
  };
});
afterAll(() => workshop.remove());

const idOf = (btf: Btf, name: string): number => btf.typesNamed(name, 'struct')[0] ?? 0;
const plan = (btf: Btf, from: string, to: string, options: Partial<PlanOptions> = {}): Conversion =>
  planConversion({ btf, type: idOf(btf, from) }, { btf, type: idOf(btf, to) }, { path: 'value', ...options });

/** `struct before` of versions.bpf.c. */
function before(littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(40);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 4_000_000_000, littleEndian);
  view.setInt16(4, -300, littleEndian);
  bytes[6] = 1;
  bytes[7] = littleEndian ? 5 | (17 << 3) : (5 << 5) | 17;
  bytes.set(new TextEncoder().encode('bash'), 8);
  for (const [i, number] of [1, 2, 3, 4].entries()) view.setUint16(16 + i * 2, number, littleEndian);
  bytes[24] = 255;
  view.setBigUint64(32, 77n, littleEndian);
  return bytes;
}

const AFTER = {
  name: 'bash',
  fresh: 0,
  balance: -300,
  count: 4_000_000_000,
  high: 17,
  low: 5,
  seen: true,
  places: [
    { y: 2, x: 1 },
    { y: 4, x: 3 },
    { y: 0, x: 0 },
  ],
  inner: 255,
};

describe('the conversion of a type into its next version', () => {
  it.each(['little', 'big'] as const)('goes by fields, widens numbers and fills with zeros (%s-endian)', (order) => {
    const btf = orders[order];
    const { steps, changes, obstacles } = plan(btf, 'before', 'after');
    expect(obstacles).toEqual([]);
    expect(changes).toEqual(
      expect.arrayContaining([
        'value.count was __u32, is __u64',
        'value.name had 8 elements, has 16',
        'value.gone is gone (__u64)',
        'value.fresh is new (__u64)',
        'value.places[].x was __u16, is __u64',
        'value.places had 2 elements, has 3',
      ]),
    );
    const into = new Uint8Array(createSize(btf, 'after'));
    expect(convertBytes(steps, before(order === 'little'), into, order === 'little')).toBe(true);
    expect(createDecoder(btf, idOf(btf, 'after'))(into)).toEqual(AFTER);
  });

  it.each(['little', 'big'] as const)('and back, where the values allow it (%s-endian)', (order) => {
    const btf = orders[order];
    const littleEndian = order === 'little';
    const forth = plan(btf, 'before', 'after').steps;
    const back = plan(btf, 'after', 'before', { narrow: true });
    expect(back.obstacles).toEqual([]);
    const wide = new Uint8Array(createSize(btf, 'after'));
    convertBytes(forth, before(littleEndian), wide, littleEndian);
    const narrow = new Uint8Array(40);
    expect(convertBytes(back.steps, wide, narrow, littleEndian)).toBe(true);
    const expected = before(littleEndian);
    expected.fill(0, 32);
    expect(narrow).toEqual(expected);
    // A longer name, and a larger number.
    const longer = Uint8Array.from(wide).fill(65, 0, 12);
    expect(convertBytes(back.steps, longer, new Uint8Array(40), littleEndian)).toBe(false);
    const view = new DataView(wide.buffer);
    view.setBigUint64(32, 2n ** 32n, littleEndian);
    expect(convertBytes(back.steps, wide, new Uint8Array(40), littleEndian)).toBe(false);
  });

  it('names what it cannot convert', () => {
    const btf = orders.little;
    expect(plan(btf, 'after', 'before').obstacles).toEqual(
      expect.arrayContaining([
        'value.count was __u64, which __u32 cannot hold',
        'value.name had 16 elements, has room for 8',
      ]),
    );
    expect(plan(btf, 'other_union', 'one_union').obstacles).toEqual(['value.(union) is another union']);
    expect(plan(btf, 'timed', 'timed').obstacles).toEqual([
      'value.timer is a bpf_timer, which only the kernel can fill',
    ]);
    expect(plan(btf, 'key_old', 'key_new', { path: 'key', complete: true }).obstacles).toEqual([
      'key.port is gone, and entries that differ in it alone would be one',
    ]);
    expect(plan(btf, 'key_new', 'painted').changes).toEqual([
      'value.address is gone (__u32)',
      'value.colour is new (enum colour)',
    ]);
    expect(plan(btf, 'painted', 'painted')).toEqual({
      steps: [{ kind: 'bytes', from: 0, to: 0, size: 4 }],
      changes: [],
      obstacles: [],
    });
  });

  it('is bounded, whatever the types are', () => {
    const builder = new BtfBuilder();
    let type = builder.addInt('int', { size: 4, signed: true });
    const other = builder.addInt('long', { size: 8, signed: true });
    let wide = other;
    for (let i = 0; i < 6; i++) {
      type = builder.addArray(type, 20, type);
      wide = builder.addArray(wide, 20, other);
    }
    const btf = parseBtf(builder.bytes());
    const { steps, obstacles } = planConversion({ btf, type }, { btf, type: wide }, { path: 'value' });
    expect(steps.length).toBeLessThanOrEqual(65_536);
    expect(obstacles.join()).toContain('has too many parts');
  });
});

function createSize(btf: Btf, name: string): number {
  const type = btf.type(idOf(btf, name));
  return type.kind === 'struct' ? type.size : 0;
}
