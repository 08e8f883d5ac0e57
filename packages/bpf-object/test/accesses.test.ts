import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calculateBounds } from '../src/accesses/arithmetic.ts';
import { type Bounds, exactly, within } from '../src/accesses/bounds.ts';
import { decideBounds, refineBounds } from '../src/accesses/comparison.ts';
import { compare, compute } from '../src/guards/operations.ts';
import { deriveRequirements, readBpfObject, type Requirement } from '../src/index.ts';
import { openWorkshop, type Workshop } from './support/compile.ts';
import { randomNumbers } from './support/random-types.ts';

/** Programs about bounds, which are also loaded into real kernels (test/corpus). */
const IDIOMS = join(import.meta.dirname, '..', '..', '..', 'test', 'corpus', 'idioms');
/** What is left to kernels: metadata, packets that helpers move, sizes that are constants. */
const NOT_FOLLOWED = ['bad_metadata', 'bad_after_adjust', 'bad_size_constant'];
let workshop: Workshop;
beforeAll(() => {
  workshop = openWorkshop();
});
afterAll(() => workshop.remove());

function requirementsOf(idiom: string): { name: string; requirements: Requirement[] }[] {
  const out = join(workshop.folder, `${idiom}.o`);
  const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const source = join(IDIOMS, `${idiom}.bpf.c`);
  const flags = ['-g', '-O2', '-mcpu=v3', '-target', 'bpf', '-D__TARGET_ARCH_x86', '-Wno-everything', include];
  execFileSync('clang', [...flags, '-c', source, '-o', out]);
  const object = readBpfObject(new Uint8Array(readFileSync(out)));
  return object.programs.map(({ name }) => {
    return { name, requirements: deriveRequirements(object, { programs: [name] }).requirements };
  });
}

const isAccess = ({ kind }: Requirement): boolean => kind === 'memory-access';
/** Refused on every kernel. */
const isCertain = (requirement: Requirement): boolean => isAccess(requirement) && !('guarded' in requirement);

describe.each(['accesses', 'packets'])('memory accesses of %s', (idiom) => {
  it('are refused where their bounds are lost, and nowhere else', () => {
    const programs = requirementsOf(idiom);
    const named = (test: (requirement: Requirement) => boolean): string[] =>
      programs.filter(({ requirements }) => requirements.some(test)).map(({ name }) => name);
    const refused = named(isAccess);
    const wanted = programs.map(({ name }) => name).filter((name) => /^bad_|_guarded_new/.test(name));
    expect(named(isCertain).filter((name) => name.startsWith('ok_'))).toEqual([]);
    expect(wanted.filter((name) => !refused.includes(name) && !NOT_FOLLOWED.includes(name))).toEqual([]);
  });
});

describe('an access that no verifier takes', () => {
  it('names its place in the source', () => {
    const found = requirementsOf('accesses')
      .find(({ name }) => name === 'bad_bound_none')
      ?.requirements.find(isAccess);
    expect(found).toMatchObject({
      kind: 'memory-access',
      function: 'bad_bound_none',
      memory: 'map-value',
      fault: 'unbounded',
    });
    expect(found).toHaveProperty('source', expect.stringMatching(/^accesses\.bpf\.c:\d+$/));
  });

  it('is guarded where only some kernels come to it', () => {
    const programs = requirementsOf('accesses');
    const guardsOf = (program: string): unknown =>
      programs.find(({ name }) => name === program)?.requirements.find(isAccess);
    expect(guardsOf('old_guarded_new')).toHaveProperty('guarded', ['old_guarded_new']);
    expect(guardsOf('bad_guarded_either')).not.toHaveProperty('guarded');
  });
});

const NAMES = ['add', 'sub', 'mul', 'div', 'mod', 'and', 'or', 'xor', 'lsh', 'rsh', 'arsh'] as const;
const UNARY = [
  'neg32',
  'neg64',
  'sext8',
  'sext16',
  'sext32',
  'zext8',
  'zext16',
  'zext32',
  'swap16',
  'swap32',
  'swap64',
] as const;
const COMPARISONS = ['jeq', 'jne', 'jgt', 'jge', 'jlt', 'jle', 'jset', 'jsgt', 'jsge', 'jslt', 'jsle'] as const;

describe('bounds', () => {
  it('hold every result of what they are calculated from', () => {
    const random = openNumbers(1);
    for (let round = 0; round < 20_000; round++) {
      const [a, b] = [random.bounded(), random.bounded()];
      const op = round % 4 === 0 ? random.pick(UNARY) : `${random.pick(NAMES)}${random.pick(['32', '64'])}`;
      const result = calculateBounds(op, a.bounds, b.bounds);
      const value = compute(op, a.number, b.number);
      if (result === undefined || value === undefined) continue;
      expect(isWithin(value, result), `${op} ${a.number} ${b.number} = ${value}`).toBe(true);
    }
  });

  it('hold both sides of a comparison on the way that is taken', () => {
    const random = openNumbers(2);
    for (let round = 0; round < 20_000; round++) {
      const [a, b] = [random.bounded(), random.bounded()];
      const name = random.pick(COMPARISONS);
      const width = round % 2 === 0 ? 64 : 32;
      const taken = compare(`${name}${width}`, a.number, b.number) ?? false;
      expect([undefined, taken]).toContain(decideBounds(name, a.bounds, b.bounds, width));
      const refined = refineBounds(name, taken, a.bounds, b.bounds, width);
      const text = `${name}${width} ${a.number} ${b.number} ${taken}`;
      expect(refined !== undefined && isWithin(a.number, refined[0]) && isWithin(b.number, refined[1]), text).toBe(
        true,
      );
    }
  });
});

function isWithin(number: bigint, bounds: Bounds): boolean {
  const [signed, low, signedLow] = [BigInt.asIntN(64, number), BigInt.asUintN(32, number), BigInt.asIntN(32, number)];
  return (
    number >= bounds.umin &&
    number <= bounds.umax &&
    signed >= bounds.smin &&
    signed <= bounds.smax &&
    low >= bounds.umin32 &&
    low <= bounds.umax32 &&
    signedLow >= bounds.smin32 &&
    signedLow <= bounds.smax32 &&
    (number & ~bounds.mask) === bounds.bits
  );
}

interface Numbers {
  pick: <T>(values: readonly [T, ...T[]]) => T;
  /** A number, and bounds that it satisfies. */
  bounded: () => { number: bigint; bounds: Bounds };
}

function openNumbers(seed: number): Numbers {
  const next = randomNumbers(seed);
  const pick = <T>(values: readonly [T, ...T[]]): T => values[next(values.length)] ?? values[0];
  const some = (): bigint => {
    const bits = pick([1, 4, 8, 16, 31, 32, 33, 63, 64]);
    let value = 0n;
    for (let part = 0; part < 4; part++) value = (value << 16n) | BigInt(next(65_536));
    const short = BigInt.asUintN(bits, value);
    return pick([short, short, BigInt.asUintN(64, -short), BigInt.asUintN(64, BigInt.asIntN(32, short))]);
  };
  const bounded = (): { number: bigint; bounds: Bounds } => {
    const [number, other] = [some(), some()];
    switch (pick([0, 1, 2, 3, 4])) {
      case 0:
        return { number, bounds: exactly(number) };
      case 1:
        return {
          number,
          bounds: within({ umin: number < other ? number : other, umax: number < other ? other : number }),
        };
      case 2: {
        const [x, y] = [BigInt.asIntN(64, number), BigInt.asIntN(64, other)];
        return { number, bounds: within({ smin: x < y ? x : y, smax: x < y ? y : x }) };
      }
      case 3:
        return { number, bounds: within({ bits: number & ~other, mask: other }) };
      default: {
        const [x, y] = [BigInt.asUintN(32, number), BigInt.asUintN(32, other)];
        return { number, bounds: within({ umin32: x < y ? x : y, umax32: x < y ? y : x }) };
      }
    }
  };
  return { pick, bounded };
}
