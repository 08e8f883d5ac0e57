import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BtfBuilder, createDecoder, parseBtf, readBpfObject, type Btf } from '../src/index.ts';
import { compileBytes, openWorkshop, type Workshop } from './support/compile.ts';

let workshop: Workshop;
let little: Btf;
let big: Btf;

beforeAll(() => {
  workshop = openWorkshop();
  little = readBpfObject(compileBytes(workshop, 'service')).btf!;
  big = readBpfObject(compileBytes(workshop, 'service', [], 'bpfeb')).btf!;
});

afterAll(() => workshop.remove());

/** `struct event` of service.bpf.c; offsets are the C ABI's. */
function eventBytes(littleEndian: boolean, length = 144): Uint8Array {
  const bytes = new Uint8Array(144);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 4242, littleEndian);
  view.setInt32(4, -7, littleEndian);
  view.setBigUint64(8, 2n ** 53n + 1n, littleEndian);
  view.setUint32(16, 7, littleEndian);
  bytes[20] = 1;
  // low = 5 (3 bits), high = -2 (5 bits)
  bytes[21] = littleEndian ? 5 | (0x1e << 3) : (5 << 5) | 0x1e;
  view.setInt16(22, -1, littleEndian);
  view.setInt16(24, 2, littleEndian);
  view.setInt16(26, 3, littleEndian);
  view.setInt16(28, -4, littleEndian);
  view.setUint32(32, 0x0a00_0001, littleEndian);
  view.setBigUint64(40, 0xffff_8880_0000_1000n, littleEndian);
  bytes.set(new TextEncoder().encode('bash\0old'), 48);
  view.setUint32(64, 9, littleEndian);
  bytes.set(new TextEncoder().encode('größe ok\0'), 68);
  return bytes.subarray(0, length);
}

const EXPECTED = {
  pid: 4242,
  code: -7,
  time: 2n ** 53n + 1n,
  verdict: 'VERDICT_DROP',
  seen: true,
  low: 5,
  high: -2,
  where: [
    { x: -1, y: 2 },
    { x: 3, y: -4 },
  ],
  v4: 0x0a00_0001,
  cookie: '0xffff888000001000',
  comm: 'bash',
  length: 9,
  text: 'größe ok',
};

describe('an event of a compiled object', () => {
  it('is decoded into its fields', () => {
    expect(createDecoder(little, 'event')(eventBytes(true))).toEqual({ ...EXPECTED, bytes: [1, 0, 0, 10] });
    expect(createDecoder(little, 'struct event')(eventBytes(true))).toMatchObject({ pid: 4242 });
  });

  it('is decoded in big-endian too', () => {
    expect(createDecoder(big, 'event')(eventBytes(false))).toEqual({ ...EXPECTED, bytes: [10, 0, 0, 1] });
  });

  it('may end within its last array, and may be followed by padding', () => {
    const decode = createDecoder(little, 'event');
    expect(decode(eventBytes(true, 74))['text']).toBe('größ');
    expect(decode(eventBytes(true, 68))['text']).toBe('');
    const padded = new Uint8Array(160);
    padded.set(eventBytes(true));
    expect(decode(padded)['text']).toBe('größe ok');
  });

  it('is refused when fixed fields are missing', () => {
    const decode = createDecoder(little, 'event');
    for (const length of [0, 1, 67]) {
      expect(() => decode(eventBytes(true, length))).toThrow(expect.objectContaining({ code: 'ERR_EVENT_TOO_SHORT' }));
    }
  });

  it('keeps numbers where they are exact', () => {
    const decode = createDecoder(little, 'event');
    const bytes = eventBytes(true);
    for (const time of [0n, 1n, 2n ** 32n, 2n ** 53n - 1n]) {
      new DataView(bytes.buffer).setBigUint64(8, time, true);
      expect(decode(bytes)['time']).toBe(Number(time));
    }
    new DataView(bytes.buffer).setBigUint64(8, 2n ** 64n - 1n, true);
    expect(decode(bytes)['time']).toBe(2n ** 64n - 1n);
    new DataView(bytes.buffer).setUint32(16, 3, true);
    expect(decode(bytes)['verdict']).toBe(3);
  });
});

function build(make: (builder: BtfBuilder) => number): { btf: Btf; id: number } {
  const builder = new BtfBuilder();
  const id = make(builder);
  return { btf: parseBtf(builder.bytes()), id };
}

describe('crafted types', () => {
  it('read a flexible array to the end of the event', () => {
    const { btf, id } = build((builder) => {
      const u16 = builder.addInt('unsigned short', { size: 2 });
      const array = builder.addArray(u16, 0, u16);
      return builder.addStruct('list', 2, [
        { name: 'n', type: u16, bitOffset: 0 },
        { name: 'items', type: array, bitOffset: 16 },
      ]);
    });
    expect(createDecoder(btf, id)(new Uint8Array([9, 0, 1, 0, 2, 0, 3]))).toEqual({ n: 9, items: [1, 2] });
  });

  it('read signed 64-bit, 128-bit and floating-point numbers', () => {
    const { btf, id } = build((builder) => {
      const s64 = builder.addInt('long long', { size: 8, signed: true });
      const s128 = builder.addInt('__int128', { size: 16, signed: true, bits: 128 });
      const double = builder.addFloat('double', 8);
      const float = builder.addFloat('float', 4);
      return builder.addStruct('numbers', 48, [
        { name: 'a', type: s64, bitOffset: 0 },
        { name: 'b', type: s64, bitOffset: 64 },
        { name: 'c', type: s128, bitOffset: 128 },
        { name: 'd', type: double, bitOffset: 256 },
        { name: 'e', type: float, bitOffset: 320 },
      ]);
    });
    const bytes = new Uint8Array(48);
    const view = new DataView(bytes.buffer);
    view.setBigInt64(0, -5n, true);
    view.setBigInt64(8, -(2n ** 60n), true);
    bytes.fill(0xff, 16, 32);
    view.setFloat64(32, 1.5, true);
    view.setFloat32(40, -0.25, true);
    expect(createDecoder(btf, id)(bytes)).toEqual({ a: -5, b: -(2n ** 60n), c: -1, d: 1.5, e: -0.25 });
  });

  it('refuse what cannot be an event', () => {
    const selfContaining = build((builder) =>
      builder.addStruct('loop', 4, [{ name: 'again', type: builder.nextId, bitOffset: 0 }]),
    );
    const outside = build((builder) => {
      const int = builder.addInt('int', { size: 4 });
      return builder.addStruct('short', 4, [
        { name: 'a', type: int, bitOffset: 32 },
        { name: 'b', type: int, bitOffset: 0 },
      ]);
    });
    const bomb = build((builder) => {
      let type = builder.addStruct('unit', 0, [{ name: 'none', type: 0, bitOffset: 0 }].slice(1));
      type = builder.addInt('unsigned char', { size: 1 });
      for (let level = 0; level < 30; level++) {
        type = builder.addUnion(
          `level${level}`,
          1,
          ['a', 'b', 'c', 'd'].map((name) => ({ name, type, bitOffset: 0 })),
        );
      }
      return type;
    });
    const prototype = build((builder) => {
      const int = builder.addInt('int', { size: 4 });
      return builder.addStruct('sly', 4, [{ name: '__proto__', type: int, bitOffset: 0 }]);
    });
    for (const { btf, id } of [selfContaining, outside, bomb, prototype]) {
      expect(() => createDecoder(btf, id)).toThrow(expect.objectContaining({ code: 'ERR_TYPE_NOT_DECODABLE' }));
    }
  });
});
