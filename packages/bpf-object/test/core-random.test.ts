import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacks } from '../../../test/support/capabilities.ts';
import { CORE_RELOCATION_KINDS, parseBtf, resolveCoreRelocation, type Btf, type CoreRelocation } from '../src/index.ts';
import { compileBytes, openWorkshop, type Workshop } from './support/compile.ts';
import { compareWithLibbpf } from './support/core-compare.ts';
import type { CoreCase } from './support/core-driver.ts';
import { craftObject, type CraftedRelocation } from './support/craft-object.ts';
import { randomNumbers, sketchTypes, varyTypes, writeTypes, type TypeSketch } from './support/random-types.ts';

/** Each round is one object of up to six relocations against one target. */
const ROUNDS = Number(process.env['BPFSHIP_CORE_ROUNDS'] ?? 600);
let workshop: Workshop;
let template: Uint8Array;

beforeAll(() => {
  workshop = openWorkshop();
  template = compileBytes(workshop, 'template');
});

afterAll(() => workshop.remove());

function randomAccess(
  random: (limit: number) => number,
  types: readonly TypeSketch[],
  typeId: number,
  kind: string,
): string {
  if (kind.startsWith('type-')) return '0';
  if (kind.startsWith('enumval-')) return String(random(2));
  const steps = [random(12) === 0 ? 1 : 0];
  let at = typeId - 1;
  for (let depth = random(5); depth >= 0; depth--) {
    const type = types[at];
    if (type?.kind === 'struct' || type?.kind === 'union') {
      const index = random(type.members.length);
      steps.push(index);
      at = type.members[index]?.of ?? 0;
    } else if (type?.kind === 'array' && type.length > 0) {
      steps.push(random(type.length));
      at = type.of;
    } else if (type?.kind === 'typedef' || type?.kind === 'const' || type?.kind === 'volatile') {
      at = type.of;
    } else {
      break;
    }
  }
  return steps.join(':');
}

/** Relocations that parse against the local types; the compiler makes no others. */
function randomRelocations(
  random: (limit: number) => number,
  types: readonly TypeSketch[],
  local: Btf,
): CraftedRelocation[] {
  const relocations: CraftedRelocation[] = [];
  for (let attempt = 0; attempt < 80 && relocations.length < 6; attempt++) {
    const kind = CORE_RELOCATION_KINDS[random(13)] ?? 'field-exists';
    const typeId = 1 + random(types.length);
    if (local.nameOf(typeId) === '') continue;
    const relocation: CoreRelocation = { kind, typeId, access: randomAccess(random, types, typeId, kind) };
    const own = resolveCoreRelocation(local, relocation, local);
    // An immediate operand is signed 32-bit; libbpf compares it with the original value.
    if (own.kind !== 'resolved' || BigInt.asIntN(32, own.originalValue) !== BigInt.asIntN(64, own.originalValue))
      continue;
    const isLoad = kind === 'field-byte-offset' && random(2) === 0 && own.originalValue < 0x7fffn;
    const memorySize = [1, 2, 4, 8][random(4)] ?? 4;
    relocations.push({
      ...relocation,
      instruction: isLoad ? { form: 'memory', memorySize } : { form: 'alu', memorySize: 0 },
      original: own.originalValue,
    });
  }
  return relocations;
}

/** An object, a kernel and sometimes modules of it, written as files. */
function writeCase(seed: number): CoreCase {
  const random = randomNumbers(seed);
  const types = sketchTypes(random);
  const localBytes = writeTypes(types);
  const kernel = writeTypes(varyTypes(random, types));
  const relocations = randomRelocations(random, types, parseBtf(localBytes));
  const write = (name: string, bytes: Uint8Array): string => {
    const path = join(workshop.folder, `${seed}${name}`);
    writeFileSync(path, bytes);
    return path;
  };
  const object = write('.o', craftObject(template, localBytes, relocations));
  if (random(4) > 0) return { object, kernel: write('.btf', kernel) };
  // A kernel that has few of the types, so that it comes to the modules.
  const small = writeTypes(sketchTypes(random).slice(0, 12));
  const modules = Array.from({ length: 1 + random(2) }, (_, index) =>
    write(`.${index}.btf`, writeTypes(varyTypes(random, types), parseBtf(small))),
  );
  return { object, kernel: write('.btf', small), modules };
}

describe.skipIf(lacks('debian-archive'))('random objects', () => {
  for (const loader of ['libbpf-1.0', 'libbpf-1.6'] as const) {
    it(`${ROUNDS} are decided as ${loader} decides them, from the object and from the index`, () => {
      const cases = Array.from({ length: ROUNDS }, (_, seed) => writeCase(seed));
      const seen = compareWithLibbpf(cases, { loader });
      if (ROUNDS > 5000)
        process.stdout.write(
          `${loader}, random: ${seen.decisions} decisions, ${seen.fromIndex} from the index, ${seen.pruned} prune, ${seen.prunedFromIndex} of them from the index, ${seen.inModules} in modules\n`,
        );
      expect(seen.differences).toEqual([]);
      expect(seen.refused).toEqual([]);
      // Everything occurs, or the comparison says little.
      expect([...seen.outcomes.keys()].sort()).toEqual(['error', 'poison', 'value']);
      expect(seen.pruned).toBeGreaterThan(ROUNDS / 60);
      expect(seen.prunedFromIndex).toBeGreaterThan(ROUNDS / 120);
      expect(seen.inModules).toBeGreaterThan(ROUNDS / 60);
      expect(seen.fromIndex).toBeGreaterThan(seen.decisions / 2);
    }, 900_000);
  }
});
