import { KernelError } from '../../kernel/kernel-error.ts';
import { notOurs } from '../../xdp-dispatcher/dispatcher-errors.ts';
import type { XdpOccupant } from '../../xdp-dispatcher/read-dispatcher.ts';
import { readRunConfig } from '../../xdp-dispatcher/run-config.ts';
import type { ActivateOptions, RecordedProgram, XdpManner } from '../activation.ts';
import type { Attachment } from '../attachment.ts';
import { linkIds } from '../recover.ts';
import { switchesTogether } from '../stubs/place-stubs.ts';
import { linkPinOf } from '../stubs/stub-pins.ts';
import { type Neighbour, neighboursOf, ownerOfLink } from './neighbours.ts';

const TOGETHER = 'a service whose programs switch together has them behind stubs, which share nothing';

/** A program of another service that has an interface for itself, and will share it. */
export interface Owner {
  neighbour: Neighbour;
  program: RecordedProgram;
}

/** What a plan is made of. */
type Planning = Omit<ActivateOptions, 'timer'>;

/** How the XDP programs of a generation come to their interfaces. */
export interface XdpPlan {
  /** Programs that are loaded as components of dispatchers; all others have their interfaces for themselves. */
  components: readonly string[];
  /** How each runs beside others, by the attachment's key; for those too that are alone. */
  manners: ReadonlyMap<string, XdpManner>;
  /** Who gives up having an interface for itself, by the attachment's key. */
  owners: ReadonlyMap<string, Owner>;
}

/**
 * Decides which XDP programs share their interface: where another program is there, and where the program's source or target says how it runs
 * beside others. A program that is alone has a link of its own, which costs least.
 *
 * @throws {KernelError} `ERR_KERNEL_ATTACH` (EBUSY) where an interface is taken and cannot be shared.
 */
export async function planXdp(options: Planning): Promise<XdpPlan> {
  const { kernel, pins, next } = options;
  const attachments = next.attachments.filter(({ program, target }) => isXdp(program.hook) && target.interfaceName);
  const manners = new Map<string, XdpManner>();
  const owners = new Map<string, Owner>();
  const sharing = new Set<string>();
  const own = await ownLinks(options, attachments.length > 0);
  const together = switchesTogether(next);
  for (const attachment of attachments) {
    const { key, name, target } = attachment;
    const config = readRunConfig(next.object, name);
    const { xdpPriority, xdpChainCalls } = target;
    manners.set(key, {
      priority: xdpPriority ?? config.priority,
      chainCalls: [...(xdpChainCalls ?? config.chainCalls)],
      frags: attachment.program.flags?.includes('xdp-frags') ?? false,
    });
    const wanted = config.declared || xdpPriority !== undefined || xdpChainCalls !== undefined;
    const occupant = await kernel.xdpOccupant(target.interfaceName ?? '', pins.xdp.shared);
    if (isFree(occupant, own)) {
      if (
        (wanted && !together && (await kernel.xdpSharingProblem()) === undefined) ||
        (await isComponent(options, name))
      )
        sharing.add(name);
      continue;
    }
    const owner = await findOwner(options, occupant);
    const problem = together || owner?.program.stub ? TOGETHER : await kernel.xdpSharingProblem();
    if (problem !== undefined) throw taken(attachment, owner, occupant, problem);
    if (occupant.kind === 'program' && !owner) throw notOurs(target.interfaceName ?? '', occupant);
    if (owner) owners.set(key, owner);
    sharing.add(name);
  }
  return { components: [...sharing], manners, owners };
}

/** A program that is loaded already, to come to one more place, is what it is. */
async function isComponent({ kernel, pins, next }: Planning, name: string): Promise<boolean> {
  const program = await kernel.inspectPin(pins.program(next.id, name));
  return program?.kind === 'program' && program.type === 'ext';
}

/** What is the service's own: ids of links, of the generation that gives way and of its own that stay, and of the programs that they run. */
interface Own {
  links: ReadonlySet<number>;
  programs: ReadonlySet<number>;
}

async function ownLinks({ kernel, pins, next, running }: Planning, needed: boolean): Promise<Own> {
  if (!needed) return { links: new Set(), programs: new Set() };
  const before = running ? await linkIds(kernel, pins, running.id, running.programs) : [];
  const links = running ? running.programs.map((program) => linkPinOf(pins, running.id, program)) : [];
  const infos = await Promise.all(links.map((pin) => kernel.inspectPin(pin)));
  return {
    links: new Set([...before, ...(await linkIds(kernel, pins, next.id, []))]),
    programs: new Set(infos.flatMap((info) => (info?.kind === 'link' && !info.dead ? [info.programId] : []))),
  };
}

function isXdp(hook: string): boolean {
  return hook === 'xdp';
}

/** Whether nothing is there but a link of the service itself, which is switched in place. Who holds a program, not everybody may ask. */
function isFree(occupant: XdpOccupant, own: Own): boolean {
  if (occupant.kind === 'none') return true;
  if (occupant.kind !== 'program') return false;
  return occupant.linkId === undefined ? own.programs.has(occupant.programId) : own.links.has(occupant.linkId);
}

async function findOwner({ kernel, context }: Planning, occupant: XdpOccupant): Promise<Owner | undefined> {
  if (occupant.kind !== 'program' || occupant.linkId === undefined || context === undefined) return undefined;
  return ownerOfLink(kernel, await neighboursOf(context), occupant.linkId);
}

/** Two want one interface, and this machine cannot let them share it. */
function taken(
  { name, target: { interfaceName = '' } }: Attachment,
  owner: Owner | undefined,
  occupant: XdpOccupant,
  problem: string,
): KernelError {
  const service = owner?.neighbour.service;
  const other =
    occupant.kind === 'program' ? `program "${occupant.name}" of another tool` : 'a dispatcher of another tool';
  const who = owner && service ? `program "${owner.program.name}" of service ${service}` : other;
  return new KernelError(
    'ERR_KERNEL_ATTACH',
    `XDP on ${interfaceName} is taken by ${who}; "${name}" cannot have it too`,
    {
      errno: 'EBUSY',
      details: `They cannot share the interface here: ${problem}.`,
      hint: service
        ? `Name another interface, or uninstall the other one first: bpfship uninstall ${service}`
        : `"bpftool net" shows what runs on ${interfaceName}; take it away first, or name another interface.`,
    },
  );
}
