import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explore } from '../src/guards/explore.ts';
import type { Exploration, Site } from '../src/guards/exploration.ts';
import { compare, compute } from '../src/guards/operations.ts';
import { findProgramGuards, type ProgramGuards } from '../src/guards/program-guards.ts';
import { known, variable, type Expression, type Variable } from '../src/guards/value.ts';
import { deriveRequirements, readBpfObject, type BpfObject, type BpfProgram } from '../src/index.ts';
import { openWorkshop, type Workshop } from './support/compile.ts';
import { randomNumbers } from './support/random-types.ts';

/** Programs written to try the guards, which are also loaded into real kernels (test/corpus). */
const IDIOMS = join(import.meta.dirname, '..', '..', '..', 'test', 'corpus', 'idioms');
let workshop: Workshop;
let objects: { name: string; object: BpfObject }[];

beforeAll(() => {
  workshop = openWorkshop();
  const sources = readdirSync(IDIOMS).filter((name) =>
    /^(?:existence|flow|configuration|memory|arithmetic|helpers)\.bpf\.c$/.test(name),
  );
  objects = sources.map((name) => {
    const out = join(workshop.folder, `${name}.o`);
    const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
    execFileSync('clang', [
      '-g',
      '-O2',
      '-target',
      'bpf',
      '-D__TARGET_ARCH_x86',
      include,
      '-c',
      join(IDIOMS, name),
      '-o',
      out,
    ]);
    return { name, object: readBpfObject(new Uint8Array(readFileSync(out))) };
  });
}, 60_000);

afterAll(() => workshop.remove());

/** Some kernel: a value for everything that a program can ask. */
type Kernel = (value: Variable) => bigint;

function someKernel(seed: number): Kernel {
  const able = seed % 2 === 0 ? 1n : 0n;
  return (value) => {
    if (value.kind === 'feature') return able;
    const random = randomNumbers(
      seed * 7919 + hash(JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))),
    );
    if (value.kind === 'kconfig') return BigInt([0, 1, 2, 100, 250, 0x050e00, 0x060c00][random(7)] ?? 0);
    return value.kind === 'symbol' ? (random(2) === 0 ? 0n : 0xffff_ffff_8123_4560n) : BigInt(random(2));
  };
}

function hash(text: string): number {
  return Buffer.from(text).reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 7);
}

const keyOf = (site: Site | undefined): string => Object.values(site ?? {}).join(' ');

/** What the verifier comes to on that kernel, by following the program itself. */
function reachedByProgram(object: BpfObject, program: BpfProgram, kernel: Kernel): Set<string> | undefined {
  const exploration = explore({ object, program, bind: (value) => known(kernel(value)) });
  if (exploration === undefined || exploration.approximate) return undefined;
  return reach(exploration);
}

function reach({ sites, nodes }: Exploration): Set<string> {
  const seen = new Set([0]);
  const open = [0];
  const reached = new Set<string>();
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const node = nodes[at];
    expect(node?.branch, 'nothing is open on a kernel').toBeUndefined();
    for (const site of node?.sites ?? []) reached.add(keyOf(sites[site]));
    for (const next of node?.next ?? []) {
      if (!seen.has(next)) open.push(next);
      seen.add(next);
    }
  }
  return reached;
}

/** What the graph says that it comes to. */
function reachedByGraph({ sites, nodes }: ProgramGuards, kernel: Kernel): Set<string> {
  const evaluate = (expression: Expression): bigint => {
    if (expression.kind === 'constant') return expression.value;
    if (expression.kind === 'variable') return kernel(expression.variable);
    const [a = 0n, b = 0n] = expression.args.map(evaluate);
    return compute(expression.op, a, b) ?? 0n;
  };
  const seen = new Set([0]);
  const open = [0];
  const reached = new Set<string>();
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const site of nodes[at]?.sites ?? []) reached.add(keyOf(sites[site]));
    for (const { op, args, holds, fails } of nodes[at]?.branches ?? []) {
      const next = compare(op, evaluate(args[0]), evaluate(args[1])) === true ? holds : fails;
      if (next === undefined || seen.has(next)) continue;
      seen.add(next);
      open.push(next);
    }
  }
  return reached;
}

describe('guard graphs', () => {
  it('reach on every kernel what following the program itself reaches', () => {
    let compared = 0;
    for (const { name, object } of objects) {
      for (const program of object.programs) {
        const guards = findProgramGuards({ object, program });
        if (guards === undefined || guards.approximate) continue;
        for (let seed = 1; seed <= 8; seed++) {
          const kernel = someKernel(seed);
          const direct = reachedByProgram(object, program, kernel);
          if (direct === undefined) continue;
          compared++;
          expect([name, program.name, seed, [...reachedByGraph(guards, kernel)].sort()]).toEqual([
            name,
            program.name,
            seed,
            [...direct].sort(),
          ]);
        }
      }
    }
    expect(compared).toBeGreaterThan(1000);
  }, 120_000);

  it('are small, the same for the same object, and name only what is there', () => {
    for (const { object } of objects) {
      for (const { name } of object.programs) {
        const { guards, requirements } = deriveRequirements(object, { programs: [name] });
        expect(JSON.stringify(deriveRequirements(object, { programs: [name] }).guards)).toBe(JSON.stringify(guards));
        expect(JSON.stringify(guards).length).toBeLessThan(10_000);
        for (const graph of guards) {
          for (const { reaches, branches } of graph.nodes) {
            for (const position of reaches) expect(requirements[position]).toBeDefined();
            for (const branch of branches) {
              for (const way of [branch.holds ?? 0, branch.fails ?? 0]) expect(way).toBeLessThan(graph.nodes.length);
            }
          }
        }
      }
    }
  }, 120_000);

  it('leave nothing open where a program asks nothing', () => {
    for (const { object } of objects) {
      const program = object.programs.find(({ name }) => name.startsWith('bad_static_called'));
      if (!program) continue;
      expect(explore({ object, program, bind: variable })?.nodes.some(({ branch }) => branch !== undefined)).toBe(
        false,
      );
    }
  });
});
