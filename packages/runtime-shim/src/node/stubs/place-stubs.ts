import { mkdirSync } from 'node:fs';
import type { Kernel, LoadedObject, StubOptions } from '../../kernel/kernel.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { NewGeneration, RecordedProgram, RecordedStub } from '../activation.ts';
import type { Attachment } from '../attachment.ts';
import type { ServicePins } from '../pins.ts';
import type { UndoList } from '../undo-list.ts';
import { isWhole, otherSlot, removeStub } from './stub-pins.ts';
import { fits, generousShape, resultOf, type StubShape, stubShapeOf, switchesByStub } from './stub-rules.ts';

/** A stub behind which a new program is already, in the slot that comes next. */
export interface PlacedStub {
  stub: RecordedStub;
  /** For one that is not at its hook yet: what attaches it. */
  fresh?: { object: number; program: string };
}

/** By key of the attachment: its stub, or why it has none. Hooks that get none are left out. */
export type StubPlaces = ReadonlyMap<string, PlacedStub | { why: string }>;

/** What is to be put behind stubs. */
export interface StubsToPlace {
  kernel: Kernel;
  pins: ServicePins;
  next: NewGeneration;
  /** Those of its attachments that are to get stubs. */
  attachments: readonly Attachment[];
  /** The slot to put programs in. */
  slot: number;
  /** Programs whose stubs may serve again. */
  reusable: readonly RecordedProgram[];
  /** Programs whose stubs stay as they are. */
  staying: readonly RecordedProgram[];
  undoing: UndoList;
}

/** A change of the stubs under way. */
interface Placing extends StubsToPlace {
  places: Map<string, PlacedStub | { why: string }>;
}

/** Whether programs at all hooks have to have stubs; a service that is attached once switches at one moment anyway. */
export function switchesTogether({ index, attachments }: NewGeneration): boolean {
  return index.switching === 'together' && attachments.length > 1;
}

/** The slot that comes next: the one that the stubs do not go on in now. */
export async function nextSlot(kernel: Kernel, pins: ServicePins): Promise<0 | 1> {
  return otherSlot((await kernel.readSelector(pins.selector)) ?? 0);
}

/**
 * Puts the programs of a loaded generation behind stubs. In the slot that no stub goes on in yet, nothing changes for events. Stubs that are at
 * their hooks already serve again where they fit; others are made.
 */
export async function placeStubs(options: StubsToPlace, loaded: LoadedObject): Promise<StubPlaces> {
  const { kernel, next, attachments } = options;
  const together = switchesTogether(next);
  const placing: Placing = { ...options, places: new Map() };
  const isLoaded = new Set(loaded.programs.map(({ name }) => name));
  const shapes = new Map<string, StubShape | { why: string }>();
  const missing: { attachment: Attachment; shape: StubShape }[] = [];
  const taken = new Set<string>();
  for (const attachment of attachments) {
    const { name, key, program } = attachment;
    if (!isLoaded.has(name) || !switchesByStub(program, together)) continue;
    const shape = shapes.get(name) ?? stubShapeOf(program, await kernel.programInstructions(loaded.id, name));
    shapes.set(name, shape);
    if ('why' in shape) placing.places.set(key, shape);
    else if (!(await useAgain(placing, attachment, shape, taken))) missing.push({ attachment, shape });
  }
  if (missing.length > 0) await makeStubs(placing, missing);
  return placing.places;
}

/** Lets go of the stubs that were made, once they are at their hooks: pinned, they need no descriptor of this process any more. */
export async function closeStubs(kernel: Kernel, places: StubPlaces): Promise<void> {
  for (const object of objectsOf(places)) await kernel.close(object);
}

function objectsOf(places: StubPlaces): Set<number> {
  return new Set([...places.values()].flatMap((place) => ('stub' in place && place.fresh ? [place.fresh.object] : [])));
}

/** Puts a program behind a stub that is at its hook already. @returns whether there is one that fits. */
async function useAgain(
  { kernel, pins, next, reusable, slot, undoing, places }: Placing,
  { name, key, hook }: Attachment,
  shape: StubShape,
  taken: Set<string>,
): Promise<boolean> {
  const staying = new Set(next.attachments.filter((other) => other.hook === hook).map((other) => other.name));
  const candidates = reusable.filter(
    (program) => program.hook === hook && (program.name === name || !staying.has(program.name)),
  );
  candidates.sort((a, b) => Number(b.name === name) - Number(a.name === name));
  for (const { stub } of candidates) {
    if (stub === undefined || taken.has(stub.key) || !fits(stub, shape) || !(await isWhole(kernel, pins, stub)))
      continue;
    try {
      await kernel.fillSlot(pins.stubSlots(stub.key), slot, pins.program(next.id, name));
    } catch (error) {
      if (error instanceof KernelError && error.code === 'ERR_KERNEL_SLOT') continue;
      throw error;
    }
    undoing.push(`emptying the stub ${stub.key}`, () => kernel.clearSlot(pins.stubSlots(stub.key), slot));
    taken.add(stub.key);
    places.set(key, { stub });
    return true;
  }
  return false;
}

/** Makes stubs all at once, and where the kernel refuses that, one by one: whether a program gets one is for the kernel to say. */
async function makeStubs(
  placing: Placing,
  missing: readonly { attachment: Attachment; shape: StubShape }[],
): Promise<void> {
  const { kernel, pins, next } = placing;
  makeFolders(pins);
  await kernel.makeSelector(pins.selector);
  const together = switchesTogether(next);
  const wanted = missing.map(({ attachment, shape }, i) => {
    const stub = { key: freeKey(placing, attachment), ...generousShape(attachment.program, shape) };
    const result = resultOf(attachment.program, together) ?? 0;
    return { attachment, shape, stub, result, name: nameOf(attachment, i, missing) };
  });
  const load = async (stubs: typeof wanted): Promise<void> => {
    const { id } = await kernel.loadStubs(
      pins.selector,
      stubs.map(({ attachment, stub, name, result }) => optionsOf(pins, { attachment, stub, name, result })),
    );
    placing.undoing.push('closing stubs', () => kernel.close(id).catch(() => undefined));
    for (const made of stubs) await fillNew(placing, made, id);
    if (!objectsOf(placing.places).has(id)) await kernel.close(id);
  };
  try {
    await load(wanted);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    for (const one of wanted) {
      await load([one])
        .catch(async (refusal: unknown) => {
          const plain = { ...one, stub: { ...one.stub, functionIp: false } };
          // Kernels before 5.15 know no address of the function there.
          if (isRefusal(refusal) && one.stub.functionIp && !one.shape.functionIp) return load([plain]);
          throw refusal;
        })
        .catch((refusal: unknown) => {
          if (!isRefusal(refusal)) throw refusal;
          placing.places.set(one.attachment.key, { why: `the kernel takes no stub: ${refusal.message}` });
        });
    }
  }
}

async function fillNew(
  { kernel, pins, next, slot, undoing, places }: Placing,
  { attachment, stub, name }: { attachment: Attachment; stub: RecordedStub; name: string },
  object: number,
): Promise<void> {
  try {
    await kernel.fillSlot(pins.stubSlots(stub.key), slot, pins.program(next.id, attachment.name));
  } catch (error) {
    await removeStub(kernel, pins, stub.key);
    if (!(error instanceof KernelError) || error.code !== 'ERR_KERNEL_SLOT') throw error;
    places.set(attachment.key, { why: `the kernel lets no stub call it: ${error.message}` });
    return;
  }
  undoing.push(`removing the stub ${stub.key}`, () => removeStub(kernel, pins, stub.key));
  places.set(attachment.key, { stub, fresh: { object, program: name } });
}

function isRefusal(error: unknown): error is KernelError {
  return error instanceof KernelError && error.code === 'ERR_KERNEL_LOAD_REJECTED';
}

function makeFolders(pins: ServicePins): void {
  for (const folder of [pins.stubPrograms, pins.stubSlotsFolder, pins.stubLinks]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
}

/** A stub of the generation that runs may have the name still. */
function freeKey({ next, reusable, staying }: Placing, { key }: Attachment): string {
  const taken = new Set([...reusable, ...staying].map(({ stub }) => stub?.key));
  let free = key;
  for (let i = next.id; taken.has(free); i++) free = `${key}~${i}`;
  return free;
}

/** That of the program that it stands for; a program with several targets has several stubs. */
function nameOf({ name }: Attachment, i: number, all: readonly { attachment: Attachment }[]): string {
  return all.findIndex(({ attachment }) => attachment.name === name) === i ? name : `${name}_${i}`;
}

function optionsOf(
  pins: ServicePins,
  {
    attachment,
    stub: { key, section, contextBytes, functionIp },
    name,
    result,
  }: { attachment: Attachment; stub: RecordedStub; name: string; result: number },
): StubOptions {
  return {
    name,
    section: sectionOf(attachment, section),
    result,
    // Programs at tracepoints may not read the first eight bytes (kernel/trace/bpf_trace.c, tp_prog_is_valid_access).
    contextBytes: contextBytes > 8 || !/^t(?:race)?p(?:oint)?\//.test(section) ? contextBytes : 0,
    functionIp,
    programPin: pins.stubProgram(key),
    slotsPin: pins.stubSlots(key),
  };
}

/** Programs at types of the kernel's BTF are loaded for one target: where it is given at run time, the stub's section names it. */
function sectionOf({ program, target }: Attachment, section: string): string {
  const isLoadedFor = (program.type === 'tracing' || program.type === 'lsm') && program.target === undefined;
  return isLoadedFor && target.symbol !== undefined ? `${section}/${target.symbol}` : section;
}
