import { describe, expect, it } from 'vitest';
import { inRunOrder, type Ordered } from '../../src/xdp-dispatcher/component-order.ts';
import { dispatcherBtf } from '../../src/xdp-dispatcher/dispatcher-btf.ts';
import { dispatcherCode } from '../../src/xdp-dispatcher/dispatcher-code.ts';
import {
  actionBits,
  actionNames,
  CONFIG_SIZE,
  decodeConfig,
  encodeConfig,
  HAS_FRAGS,
  MAX_COMPONENTS,
} from '../../src/xdp-dispatcher/protocol.ts';
import { readRunConfig } from '../../src/xdp-dispatcher/run-config.ts';
import { compileObject, packetCounter } from '../support/compile-object.ts';

function component(priority: number, name: string, programId: number): Ordered {
  return {
    priority,
    name,
    programId,
    actions: 4,
    frags: false,
  };
}

describe('the protocol of XDP dispatchers', () => {
  it('writes the configuration as libxdp reads it', () => {
    const bytes = encodeConfig([
      { priority: 10, actions: actionBits(['XDP_PASS', 'XDP_DROP']), frags: true },
      { priority: 50, actions: actionBits(['XDP_PASS']), frags: false },
    ]);
    expect(bytes).toHaveLength(124);
    // magic, version, programs, frags: only where all can do with them
    expect([...bytes.subarray(0, 4)]).toEqual([236, 2, 2, 0]);
    expect(bytes.readUInt32LE(4)).toBe(0x8000_0006);
    expect(bytes.readUInt32LE(8)).toBe(0x8000_0004);
    expect(bytes.readUInt32LE(44 + 4)).toBe(50);
    expect(bytes.readUInt32LE(84)).toBe(HAS_FRAGS);
    expect(decodeConfig(bytes)).toEqual({
      version: 2,
      components: [
        { priority: 10, actions: 6, frags: true },
        { priority: 50, actions: 4, frags: false },
      ],
    });
    expect(actionNames(6)).toEqual(['XDP_DROP', 'XDP_PASS']);
  });

  it('knows what is no configuration, and what is one of another version', () => {
    expect(decodeConfig(Buffer.alloc(CONFIG_SIZE))).toBeUndefined();
    expect(decodeConfig(Buffer.from([236]))).toBeUndefined();
    expect(decodeConfig(Buffer.from([236, 2, 1, 0]))).toBeUndefined();
    const many = encodeConfig([]);
    many.writeUInt8(MAX_COMPONENTS + 1, 2);
    expect(decodeConfig(many)).toBeUndefined();
    expect(decodeConfig(Buffer.from([236, 3, 1, 0]))).toEqual({ version: 3, components: [] });
    expect(decodeConfig(Buffer.alloc(84, 1))).toEqual({ version: 1, components: [] });
  });

  it('orders by priority, name and age', () => {
    const order = inRunOrder([
      component(50, 'b', 1),
      component(50, 'a', 9),
      component(50, 'a', 8),
      component(10, 'z', 7),
    ]);
    expect(order.map(({ programId }) => programId)).toEqual([7, 8, 9, 1]);
  });

  it('gives every function of the dispatcher its type', () => {
    const { functions } = dispatcherBtf();
    const { starts, instructions } = dispatcherCode(3);
    expect(functions).toHaveLength(MAX_COMPONENTS + 2);
    expect(starts).toHaveLength(functions.length);
    expect(new Set(starts).size).toBe(starts.length);
    // Every function ends where the next one begins.
    for (const start of [...starts.slice(1), instructions.length]) expect(instructions[start - 1]?.code).toBe(0x95);
  });
});

describe('how an XDP program wants to run', () => {
  const declared = `
struct { __uint(priority, 7); __uint(XDP_PASS, 1); __uint(XDP_TX, 1); } _packet SEC(".xdp_run_config");
`;

  it('stands in its object', () => {
    expect(readRunConfig(compileObject(packetCounter() + declared), 'packet')).toEqual({
      priority: 7,
      chainCalls: ['XDP_PASS', 'XDP_TX'],
      declared: true,
    });
  });

  it('is the usual way for one that does not say it', () => {
    const usual = { priority: 50, chainCalls: ['XDP_PASS'], declared: false };
    expect(readRunConfig(compileObject(packetCounter()), 'packet')).toEqual(usual);
    expect(readRunConfig(compileObject(packetCounter({ program: 'other' }) + declared), 'other')).toEqual(usual);
  });
});
