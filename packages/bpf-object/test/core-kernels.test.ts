import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacks } from '../../../test/support/capabilities.ts';
import { BTF_SERIES, kernelBtf } from '../../../tools/machine/kernel-btf.ts';
import {
  buildMinimalKernelBtf,
  CORE_RELOCATION_KINDS,
  parseBtf,
  resolveCoreRelocation,
  type Btf,
  type BtfComposite,
  type BtfEnum,
  type CoreRelocation,
  type CoreRelocationKind,
} from '../src/index.ts';
import { compileBytes, openWorkshop, type Workshop } from './support/compile.ts';
import { compareWithLibbpf } from './support/core-compare.ts';
import type { CoreCase } from './support/core-driver.ts';
import { craftObject, type CraftedRelocation } from './support/craft-object.ts';

/** `npm run test:core` asks every kernel about the types of every other one, `npm test` few of few. */
const EVERYTHING = process.env['BPFSHIP_CORE'] === 'all';
const RUNNING = '/sys/kernel/btf/vmlinux';
/** Types of each sort that are asked about for each pair of kernels. */
const TYPES = EVERYTHING ? 25 : 8;
/** Instructions that the template has to change. */
const MOST = 8;
const FIELD_KINDS = CORE_RELOCATION_KINDS.filter((kind) => kind.startsWith('field-'));
const TYPE_KINDS = CORE_RELOCATION_KINDS.filter((kind) => kind.startsWith('type-'));
let workshop: Workshop;
let template: Uint8Array;

beforeAll(() => {
  workshop = openWorkshop();
  template = compileBytes(workshop, 'template');
});

afterAll(() => workshop.remove());

/** A relocation by names, which stay the same when the types are cut down. */
interface Question {
  kind: CoreRelocationKind;
  /** Field or enumerator; none for whole types. */
  part?: string;
}

/** Every n-th of the types that satisfy the test, from all over the kernel. */
function spread<T extends BtfComposite | BtfEnum>(btf: Btf, test: (id: number) => T | undefined): T[] {
  const found: T[] = [];
  for (let id = 1; id < btf.typeCount; id++) {
    const type = test(id);
    if (type !== undefined && type.name !== '') found.push(type);
  }
  const step = Math.max(1, Math.floor(found.length / TYPES));
  return found.filter((_, index) => index % step === 0).slice(0, TYPES);
}

function composite(btf: Btf, id: number, bitFields: boolean): BtfComposite | undefined {
  const kind = btf.kindOf(id);
  if (kind !== 'struct' && kind !== 'union') return undefined;
  const type = btf.type(id) as BtfComposite;
  return type.members.some(({ name, bitSize }) => name !== '' && bitSize > 0 === bitFields) ? type : undefined;
}

function enumeration(btf: Btf, id: number): BtfEnum | undefined {
  const kind = btf.kindOf(id);
  return kind === 'enum' || kind === 'enum64' ? (btf.type(id) as BtfEnum) : undefined;
}

/** What is asked about the types of a kernel: fields, bit-fields, whole types, enumerators. */
function questionsAbout(btf: Btf): { type: BtfComposite | BtfEnum; questions: Question[] }[] {
  const fields = [false, true].flatMap((bitFields) =>
    spread(btf, (id) => composite(btf, id, bitFields)).map((type, index) => {
      const members = type.members.filter(({ name, bitSize }) => name !== '' && bitSize > 0 === bitFields);
      const part = members[index % members.length]?.name ?? '';
      return { type, questions: FIELD_KINDS.map((kind) => ({ kind, part })) };
    }),
  );
  const whole = spread(btf, (id) => composite(btf, id, false)).map((type) => ({
    type,
    questions: TYPE_KINDS.map((kind) => ({ kind })),
  }));
  const values = spread(btf, (id) => enumeration(btf, id)).map((type) => ({
    type,
    questions: type.values
      .slice(-3)
      .flatMap(({ name }) => (['enumval-exists', 'enumval-value'] as const).map((kind) => ({ kind, part: name }))),
  }));
  return [...fields, ...whole, ...values];
}

function place({ kind, part }: Question, type: BtfComposite | BtfEnum): CoreRelocation | undefined {
  if (part === undefined) return { kind, typeId: type.id, access: '0' };
  const parts: readonly { name: string }[] = 'members' in type ? type.members : type.values;
  const index = parts.findIndex(({ name }) => name === part);
  if (index < 0) return undefined;
  return { kind, typeId: type.id, access: kind.startsWith('field-') ? `0:${index}` : String(index) };
}

/** An object whose local types are the part of a kernel's that the questions need. */
function writeObject(path: string, btf: Btf, type: BtfComposite | BtfEnum, questions: readonly Question[]): boolean {
  const needed = questions.flatMap((question) => place(question, type) ?? []);
  const localBytes = buildMinimalKernelBtf(btf, [{ types: btf, relocations: needed }]);
  const local = parseBtf(localBytes);
  const own = local.typesNamed(type.name, type.kind)[0];
  if (own === undefined) return false;
  const relocations = questions.flatMap((question): CraftedRelocation[] => {
    const relocation = place(question, local.type(own) as BtfComposite | BtfEnum);
    const answer = relocation && resolveCoreRelocation(local, relocation, local);
    // An immediate operand is signed 32-bit; libbpf compares it with the original value.
    if (
      relocation === undefined ||
      answer?.kind !== 'resolved' ||
      BigInt.asIntN(32, answer.originalValue) !== BigInt.asIntN(64, answer.originalValue)
    )
      return [];
    const original = answer.originalValue;
    const crafted: CraftedRelocation = { ...relocation, instruction: { form: 'alu', memorySize: 0 }, original };
    const size = question.kind === 'field-byte-offset' && original < 0x7fffn ? sizeOf(local, relocation) : undefined;
    return size === undefined
      ? [crafted]
      : [crafted, { ...crafted, instruction: { form: 'memory', memorySize: size } }];
  });
  writeFileSync(path, craftObject(template, localBytes, relocations.slice(0, MOST)));
  return relocations.length > 0;
}

/** Bytes that a load of the field moves, where one instruction can. */
function sizeOf(btf: Btf, relocation: CoreRelocation): number | undefined {
  const answer = resolveCoreRelocation(btf, { ...relocation, kind: 'field-byte-size' }, btf);
  const size = answer.kind === 'resolved' ? Number(answer.value) : 0;
  return [1, 2, 4, 8].includes(size) ? size : undefined;
}

function chosenKernels(): string[] {
  const few = (process.env['BPFSHIP_TEST_KERNELS'] ?? '5.10,6.12').split(',').filter(Boolean);
  return [...(EVERYTHING ? BTF_SERIES : few).map(kernelBtf), ...(existsSync(RUNNING) ? [RUNNING] : [])];
}

describe.skipIf(lacks('debian-archive'))('types of one kernel, asked of another', () => {
  it('are decided as libbpf decides them, of every kind, from the object and from the index', () => {
    const kernels = chosenKernels();
    const objects = kernels.flatMap((path, number) => {
      const btf = parseBtf(new Uint8Array(readFileSync(path)));
      return questionsAbout(btf).flatMap(({ type, questions }, index) => {
        const object = join(workshop.folder, `${number}-${index}.o`);
        return writeObject(object, btf, type, questions) ? [object] : [];
      });
    });
    const cases = kernels.flatMap((kernel) => objects.map((object): CoreCase => ({ object, kernel })));
    const seen = compareWithLibbpf(cases, { loader: 'libbpf-1.6' });
    if (EVERYTHING)
      process.stdout.write(`between kernels: ${seen.decisions} decisions, ${seen.fromIndex} from the index\n`);
    expect(seen.differences).toEqual([]);
    expect(seen.refused).toEqual([]);
    expect([...seen.outcomes.keys()]).toEqual(expect.arrayContaining(['value', 'poison']));
    expect(seen.decisions).toBeGreaterThan(cases.length * 3);
  }, 900_000);
});
