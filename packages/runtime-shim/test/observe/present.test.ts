import { BtfBuilder, createDecoder, parseBtf } from '@bpfship/bpf-object';
import { describe, expect, it } from 'vitest';
import { EventBatch } from '../../src/observe/events/event-batch.ts';
import { EventColumns } from '../../src/observe/present/event-columns.ts';
import { EventJson } from '../../src/observe/present/event-json.ts';

const builder = new BtfBuilder();
const u64 = builder.addInt('unsigned long', { size: 8 });
const char = builder.addInt('char', { size: 1, encoding: 1 });
const inner = builder.addStruct('inner', 8, [{ name: 'deep', type: u64, bitOffset: 0 }]);
builder.addStruct('event', 24, [
  { name: 'number', type: u64, bitOffset: 0 },
  { name: 'part', type: inner, bitOffset: 64 },
  { name: 'text', type: builder.addArray(char, 8, u64), bitOffset: 128 },
]);
const decoder = createDecoder(parseBtf(builder.bytes()), 'event');

interface Row {
  number: bigint;
  deep?: bigint;
  text?: string;
}

function batchOf(rows: readonly Row[], changes: { lost?: number; full?: boolean; length?: number } = {}): EventBatch {
  const bytes = Buffer.alloc(rows.length * 24);
  for (const [i, { number, deep = 0n, text = '' }] of rows.entries()) {
    bytes.writeBigUInt64LE(number, i * 24);
    bytes.writeBigUInt64LE(deep, i * 24 + 8);
    bytes.write(text, i * 24 + 16);
  }
  const { lost = 0, full = false, length = 24 } = changes;
  return new EventBatch({
    block: {
      stream: 'events',
      decoder,
      bytes: Uint8Array.from(bytes).buffer,
      places: Uint32Array.from(rows.flatMap((_, i) => [i * 24, length])),
      lost,
      full,
      backlog: 0,
      clocks: { monotonic: 0n, boottime: 0n },
    },
  });
}

const parse = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe('events as JSON', () => {
  const json = new EventJson({ service: 'demo' });
  it('are a line each, with losses among them, and large numbers as strings', () => {
    const batch = batchOf([{ number: 1n, text: 'a' }, { number: 2n ** 64n - 1n }], { lost: 3, full: true });
    const head = { service: 'demo', stream: 'events' };
    expect(parse(json.lines(batch))).toEqual([
      { ...head, lost: 3, lostBy: 'kernel' },
      { ...head, full: true },
      { ...head, event: { number: 1, part: { deep: 0 }, text: 'a' } },
      { ...head, event: { number: '18446744073709551615', part: { deep: 0 }, text: '' } },
    ]);
    expect(parse(json.lines(batch, 1))).toHaveLength(3);
    expect(parse(json.lines(new EventBatch({ stream: 'events', lostBySubscriber: 9 })))).toEqual([
      { ...head, lost: 9, lostBy: 'subscriber' },
    ]);
  });

  it('have only the fields that were asked for', () => {
    const picked = new EventJson({ service: 'demo', columns: ['part.deep', 'nothing'] });
    expect(parse(picked.lines(batchOf([{ number: 1n, deep: 2n }])))).toMatchObject([{ event: { 'part.deep': 2 } }]);
  });

  it('cannot steer a terminal, and tell what does not fit its type', () => {
    const text = json.lines(batchOf([{ number: 1n, text: '\u009b\u202e\n' }]));
    expect(text).toContain(String.raw`"text":"\u009b\u202e\n"`);
    expect(parse(json.lines(batchOf([{ number: 5n }], { length: 3 })))).toEqual([
      { service: 'demo', stream: 'events', misfit: expect.stringContaining('needs 16 bytes'), bytes: '050000' },
    ]);
  });
});

const columns = (picked?: string[]): EventColumns =>
  new EventColumns({
    ...(picked === undefined ? {} : { columns: picked }),
    clean: (text) => text.replaceAll('\n', '?'),
    measure: (text) => text.length,
  });

describe('events as columns', () => {
  it('stand below one another, numbers to the right, with one heading', () => {
    const table = columns();
    expect(
      table.lines(
        batchOf([
          { number: 7n, deep: 1n, text: 'a\nb' },
          { number: 1000n, text: 'c' },
        ]),
      ),
    ).toEqual(['NUMBER  PART      TEXT', '     7  {deep=1}  a?b', '  1000  {deep=0}  c']);
    expect(table.lines(batchOf([{ number: 12_345_678n, text: 'd' }]))).toEqual(['12345678  {deep=0}  d']);
    expect(table.lines(batchOf([{ number: 1n, text: 'e' }]))).toEqual(['       1  {deep=0}  e']);
  });

  it('are those that were asked for, by their paths', () => {
    const table = columns(['text', 'part.deep', 'nothing']);
    expect(table.lines(batchOf([{ number: 7n, deep: 42n, text: 'ab' }]))).toEqual([
      'TEXT  PART.DEEP  NOTHING',
      'ab           42',
    ]);
  });
});
