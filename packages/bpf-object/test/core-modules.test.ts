import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacks } from '../../../test/support/capabilities.ts';
import { kernelBtf } from '../../../tools/machine/kernel-btf.ts';
import { fetchKernel } from '../../../tools/machine/kernels.ts';
import { BtfBuilder, parseBtf, resolveCoreRelocation, type Btf, type BtfComposite } from '../src/index.ts';
import { compileBytes, openWorkshop, type Workshop } from './support/compile.ts';
import { compareWithLibbpf } from './support/core-compare.ts';
import type { CoreCase } from './support/core-driver.ts';
import { craftObject, type CraftedRelocation } from './support/craft-object.ts';

const SERIES = '6.12';
const MODULES = Number(process.env['BPFSHIP_CORE_MODULES'] ?? 10);
const CASES = MODULES * 8;
let workshop: Workshop;

beforeAll(() => {
  workshop = openWorkshop();
});

afterAll(() => workshop.remove());

/** The BTF of those network modules that have most. */
function moduleFiles(kernel: string): string[] {
  const root = join(fetchKernel(kernel).modules, 'kernel', 'net', 'netfilter');
  const files = readdirSync(root, { encoding: 'utf8' })
    .filter((name) => name.endsWith('.ko.xz'))
    .map((name) => join(root, name))
    .sort((a, b) => statSync(b).size - statSync(a).size);
  return files.slice(0, MODULES).map((file) => {
    const output = join(workshop.folder, `${basename(file, '.ko.xz')}.btf`);
    const module = `${output}.ko`;
    writeFileSync(module, execFileSync('xz', ['-dc', file], { maxBuffer: 64 * 1024 * 1024 }));
    const flags = ['--only-section=.BTF', '--set-section-flags', '.BTF=alloc'];
    execFileSync('objcopy', ['-O', 'binary', ...flags, module, output]);
    return output;
  });
}

/** An object that asks everything of one struct, which it knows as the module has it, behind two more fields. */
function craftCase(template: Uint8Array, struct: BtfComposite, field: string, path: string): void {
  const builder = new BtfBuilder();
  const long = builder.addInt('unsigned long', { size: 8 });
  const id = builder.addStruct(struct.name, 24, [
    { name: 'mine', type: long, bitOffset: 0 },
    { name: 'mine_too', type: long, bitOffset: 64 },
    { name: field, type: long, bitOffset: 128 },
  ]);
  const local = parseBtf(builder.bytes());
  const kinds = ['field-exists', 'field-byte-offset', 'field-byte-size', 'type-size', 'type-exists', 'type-id-target'];
  const relocations = kinds.map((kind): CraftedRelocation => {
    const relocation = {
      kind: kind as CraftedRelocation['kind'],
      typeId: id,
      access: kind.startsWith('type') ? '0' : '0:2',
    };
    const own = resolveCoreRelocation(local, relocation, local);
    const original = own.kind === 'resolved' ? own.originalValue : 0n;
    return { ...relocation, instruction: { form: 'alu', memorySize: 0 }, original };
  });
  writeFileSync(path, craftObject(template, builder.bytes(), relocations));
}

/** Named structs of the module that are not in the kernel image, with the name of a field. */
function ownStructs(btf: Btf, base: Btf): { struct: BtfComposite; field: string }[] {
  const found: { struct: BtfComposite; field: string }[] = [];
  for (let id = base.typeCount; id < btf.typeCount; id++) {
    const struct = btf.type(id);
    if (struct.kind !== 'struct' || struct.name === '' || base.typesNamed(struct.name, 'struct').length > 0) continue;
    const field = struct.members.findLast(({ name, bitSize }) => name !== '' && bitSize === 0)?.name;
    if (field !== undefined) found.push({ struct, field });
  }
  return found;
}

describe.skipIf(lacks('debian-archive'))('types of kernel modules', () => {
  it('are looked at where the kernel image has none, in all modules', () => {
    const kernel = kernelBtf(SERIES);
    const base = parseBtf(new Uint8Array(readFileSync(kernel)));
    const modules = moduleFiles(SERIES);
    const structs = modules.flatMap((file) => ownStructs(parseBtf(new Uint8Array(readFileSync(file)), { base }), base));
    const step = Math.max(1, Math.floor(structs.length / CASES));
    const template = compileBytes(workshop, 'template');
    const cases = structs
      .filter((_, index) => index % step === 0)
      .map(({ struct, field }, index): CoreCase => {
        const object = join(workshop.folder, `${index}.o`);
        craftCase(template, struct, field, object);
        return { object, kernel, modules };
      });
    const seen = compareWithLibbpf(cases, { loader: 'libbpf-1.6' });
    expect(seen.differences).toEqual([]);
    expect(seen.inModules).toBeGreaterThan(CASES);
  }, 600_000);
});
