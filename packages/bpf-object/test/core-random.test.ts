import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  CORE_RELOCATION_KINDS,
  deriveRequirements,
  parseBtf,
  readBpfObject,
  resolveCoreRelocation,
  type Btf,
  type CoreOutcome,
  type CoreRelocation,
} from '../src/index.ts';
import { buildDriver, compileBytes, openWorkshop, type Workshop } from './support/compile.ts';
import { craftObject, type CraftedRelocation } from './support/craft-object.ts';
import { libbpfDecisions } from './support/libbpf-decisions.ts';
import { ourDecisions } from './support/our-decisions.ts';
import { randomNumbers, sketchTypes, varyTypes, writeTypes, type TypeSketch } from './support/random-types.ts';

/** Each round is one object of up to six relocations against one target. */
const ROUNDS = Number(process.env['BPFSHIP_CORE_ROUNDS'] ?? 600);
let workshop: Workshop;
let driver: string;
let template: Uint8Array;

beforeAll(() => {
  workshop = openWorkshop();
  driver = buildDriver(workshop, 'relocate');
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

it(`decides ${ROUNDS} random objects as libbpf does`, () => {
  const rounds = Array.from({ length: ROUNDS }, (_, seed) => {
    const random = randomNumbers(seed);
    const types = sketchTypes(random);
    const localBytes = writeTypes(types);
    const target = writeTypes(varyTypes(random, types));
    const object = craftObject(template, localBytes, randomRelocations(random, types, parseBtf(localBytes)));
    const paths = [join(workshop.folder, `${seed}.o`), join(workshop.folder, `${seed}.btf`)] as const;
    writeFileSync(paths[0], object);
    writeFileSync(paths[1], target);
    return { paths, object, target };
  });
  const expected = libbpfDecisions(
    driver,
    rounds.map(({ paths }) => paths),
  );
  const seen = new Map<string, number>();
  for (const [seed, { object, target }] of rounds.entries()) {
    const ours = ourDecisions(object, parseBtf(target));
    expect(Object.fromEntries(ours), `seed ${seed}`).toEqual(Object.fromEntries(expected[seed] ?? []));
    for (const { action } of ours.values()) {
      const outcome = /^\w+/.exec(action)?.[0] ?? '';
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    }
  }
  // All outcomes occur, or the comparison says little.
  for (const outcome of ['value', 'poison', 'error']) expect(seen.get(outcome), outcome).toBeGreaterThan(10);
});

/** What a node would see of an outcome. */
function word(kind: string, outcome: CoreOutcome): string {
  if (outcome.kind !== 'resolved') return `${kind} ${outcome.local} ${outcome.kind}`;
  const { local, value, memorySize } = outcome;
  return `${kind} ${local} ${value} ${JSON.stringify(memorySize ?? null)}`;
}

it('decides the same from requirements and minimal types as from the object', () => {
  for (let seed = 0; seed < ROUNDS; seed++) {
    const random = randomNumbers(seed);
    const types = sketchTypes(random);
    const localBytes = writeTypes(types);
    const target = parseBtf(writeTypes(varyTypes(random, types)));
    const local = parseBtf(localBytes);
    const relocations = randomRelocations(random, types, local).filter(({ kind }) => kind !== 'type-id-local');
    const { requirements, types: minimalBytes } = deriveRequirements(
      readBpfObject(craftObject(template, localBytes, relocations)),
    );
    const minimal = parseBtf(minimalBytes);
    const fromIndex = requirements.flatMap((requirement) => {
      if (requirement.kind !== 'core-relocation') return [];
      const [typeId, access] = requirement.spec;
      const memorySize = requirement.accessSize ?? 0;
      const instruction = { form: memorySize === 0 ? ('alu' as const) : ('memory' as const), memorySize };
      const outcome = resolveCoreRelocation(
        minimal,
        { kind: requirement.relocation, typeId, access, instruction },
        target,
      );
      return [word(requirement.relocation, outcome)];
    });
    const fromObject = relocations.map((relocation) =>
      word(relocation.kind, resolveCoreRelocation(local, relocation, target)),
    );
    expect([...new Set(fromIndex)].sort(), `seed ${seed}`).toEqual([...new Set(fromObject)].sort());
  }
});
