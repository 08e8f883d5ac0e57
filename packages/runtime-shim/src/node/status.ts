import { existsSync } from 'node:fs';
import type { BtfIndex, Variant } from '@bpfship/media-types';
import { KernelError } from '../kernel/kernel-error.ts';
import type { AttachWay, Kernel } from '../kernel/kernel.ts';
import { areAtHooks, type PlacedProgram } from './at-hooks.ts';
import { describeParameters, type ParameterStatus } from './parameters.ts';
import type { RecordedProgram, Switching } from './activation.ts';
import type { GenerationHealth } from './health/generation-health.ts';
import { linkPinOf } from './stubs/stub-pins.ts';
import type { ServicePins } from './pins.ts';
import { describeXdpUse, type XdpUse } from './shared-xdp/describe-xdp-use.ts';
import { currentGeneration, type ServiceState } from './state-schema.ts';

/** `attached`: every link is there. `degraded`: some are gone. `detached`: all are gone, as after a reboot. `stopped`: on request. */
export type RunState = 'attached' | 'degraded' | 'detached' | 'stopped';

/** One line of `bpfship ps`. */
export interface ServiceSummary {
  name: string;
  version: string;
  variant: string;
  generation: number;
  state: RunState;
  /** Number of attached programs. */
  programs: number;
  digest: string;
}

/** A program at its hook, as the kernel has it. */
export interface ProgramStatus {
  name: string;
  /** Unique: a program with several targets is there for each. */
  key: string;
  hook: string;
  state: 'attached' | 'detached';
  id?: number;
  tag?: string;
  /** How it gives way to the next one; absent for generations of before that was noted. */
  switching?: Switching;
  /** `programId`: the program that it runs, through its stub where it has one; another one than `id` only after an upgrade was interrupted. */
  link?: { id: number; type: string; way: AttachWay; pin: string; programId: number };
  /** For XDP: how it has its interface. */
  xdp?: XdpUse;
}

/** A service in detail. */
export interface ServiceStatus extends Omit<ServiceSummary, 'programs'> {
  source: string;
  signer?: string;
  /** Load parameters that the service declares, with what they are set to. */
  parameters: ParameterStatus[];
  generations: {
    id: number;
    version: string;
    variant: string;
    digest: string;
    created: string;
    current: boolean;
    health?: GenerationHealth;
  }[];
  programs: ProgramStatus[];
  maps: { name: string; type: string; pin: string; id?: number }[];
}

/** A line for each service, with one question to the kernel: the pin of a link outlives what it was attached to. */
export async function summarizeAll(
  kernel: Pick<Kernel, 'inspectPins' | 'xdpOccupant'>,
  states: readonly ServiceState[],
  pinsOf: (service: string) => ServicePins,
): Promise<ServiceSummary[]> {
  const placed = states.map((state) => presentPrograms(state, pinsOf(state.name)));
  const atHooks = await areAtHooksOrPresent(kernel, placed.flat());
  let from = 0;
  return states.map((state, i) => {
    const to = from + (placed[i]?.length ?? 0);
    const attached = atHooks.slice(from, to).filter(Boolean).length;
    from = to;
    return summarize(state, attached);
  });
}

function presentPrograms(state: ServiceState, pins: ServicePins): PlacedProgram[] {
  const { id, programs } = currentGeneration(state);
  return programs
    .filter((program) => existsSync(linkPinOf(pins, id, program)))
    .map((program) => ({ pins, generation: id, program }));
}

/** Who may not ask the kernel still sees what is installed. */
async function areAtHooksOrPresent(
  kernel: Pick<Kernel, 'inspectPins' | 'xdpOccupant'>,
  present: readonly PlacedProgram[],
): Promise<boolean[]> {
  try {
    return await areAtHooks(kernel, present);
  } catch (error) {
    if (error instanceof KernelError) return present.map(() => true);
    throw error;
  }
}

function summarize(state: ServiceState, attached: number): ServiceSummary {
  const { id, version, variant, manifest, programs } = currentGeneration(state);
  return {
    name: state.name,
    version,
    variant,
    generation: id,
    state: state.stopped ? 'stopped' : runState(attached, programs.length),
    programs: attached,
    digest: manifest.digest,
  };
}

function runState(attached: number, all: number): RunState {
  if (attached === all) return 'attached';
  return attached > 0 ? 'degraded' : 'detached';
}

/** A service in detail, as the kernel has it: a link whose interface is gone is none. */
export async function describeStatus(
  kernel: Kernel,
  state: ServiceState,
  { index, variant }: { index: BtfIndex; variant: Variant },
  pins: ServicePins,
): Promise<ServiceStatus> {
  const generation = currentGeneration(state);
  const programs = await Promise.all(
    generation.programs.map((program) => describeProgram(kernel, pins, generation.id, program)),
  );
  const maps: ServiceStatus['maps'] = [];
  for (const { name, type } of variant.maps.filter((map) => !map.name.startsWith('.'))) {
    const info = await kernel.inspectPin(pins.map(name));
    if (info) maps.push({ name, type, pin: pins.map(name), id: info.id });
  }
  const attached = programs.filter((program) => program.state === 'attached').length;
  const { programs: _count, ...summary } = summarize(state, attached);
  return {
    ...summary,
    source: generation.source,
    ...(generation.signer === undefined ? {} : { signer: generation.signer }),
    parameters: describeParameters(index, generation.parameters),
    generations: state.generations.map(({ id, version, variant: name, manifest, created, health }) => ({
      id,
      version,
      variant: name,
      digest: manifest.digest,
      created,
      current: id === state.current,
      ...(health === undefined ? {} : { health }),
    })),
    programs,
    maps,
  };
}

async function describeProgram(
  kernel: Kernel,
  pins: ServicePins,
  generation: number,
  recorded: RecordedProgram,
): Promise<ProgramStatus> {
  const { name, key, hook, switching, stub } = recorded;
  const pin = linkPinOf(pins, generation, recorded);
  const link = await kernel.inspectPin(pin);
  const program = await kernel.inspectPin(pins.program(generation, name));
  const xdp = await describeXdpUse(kernel, pins, recorded.target?.interfaceName, link);
  const isLink = link?.kind === 'link';
  const running = isLink ? (stub === undefined ? link.programId : await behindStub(kernel, pins, stub.key)) : undefined;
  return {
    name,
    key,
    hook,
    state: (isLink && !link.dead && running !== undefined) || xdp?.use === 'shared' ? 'attached' : 'detached',
    ...(program?.kind === 'program' ? { id: program.id, tag: program.tag } : {}),
    ...(switching === undefined ? {} : { switching }),
    ...(isLink ? { link: { id: link.id, type: link.type, way: link.way, pin, programId: running ?? 0 } } : {}),
    ...(xdp === undefined ? {} : { xdp }),
  };
}

/** Id of the program that a stub goes on in; `undefined` where there is none. */
async function behindStub(kernel: Kernel, pins: ServicePins, key: string): Promise<number | undefined> {
  const slot = await kernel.readSelector(pins.selector);
  return slot === undefined ? undefined : (await kernel.readSlots(pins.stubSlots(key)))[slot];
}
