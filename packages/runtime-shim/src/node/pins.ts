import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DispatcherFolders } from '../xdp-dispatcher/change-dispatcher.ts';
import { bpffsRoot } from './bpffs.ts';

/**
 * Where the pins of a service are (spec/generations.md):
 * `<bpffs>/<service>/maps/<map>` for as long as the service is installed, and
 * `<bpffs>/<service>/generations/<n>/{programs,links}/<program>` for the generation that runs (links by `key`, attachment.ts);
 * `<bpffs>/<service>/stubs/selector` and `<bpffs>/<service>/stubs/{programs,slots,links}/<stub>` for the stubs, which stay over generations. While an upgrade is under way,
 * `generations/<n>/maps/<map>` holds the maps of the running generation whose names the new one took.
 */
export interface ServicePins {
  readonly root: string;
  readonly maps: string;
  readonly generations: string;
  map(name: string): string;
  generation(id: number): string;
  replacedMaps(id: number): string;
  replacedMap(id: number, name: string): string;
  /** New maps that are about to take the names of others. */
  newMaps(id: number): string;
  newMap(id: number, name: string): string;
  programs(id: number): string;
  program(id: number, name: string): string;
  links(id: number): string;
  link(id: number, name: string): string;
  readonly stubs: string;
  /** The map that names the slot that all stubs go on in. */
  readonly selector: string;
  readonly stubPrograms: string;
  readonly stubSlotsFolder: string;
  readonly stubLinks: string;
  /** Name of a stub's pins. */
  stubName(key: string): string;
  stubProgram(key: string): string;
  stubSlots(key: string): string;
  stubLink(key: string): string;
  /** Second forms of XDP programs that are about to share their interface, by the link's name. */
  components(id: number): string;
  component(id: number, name: string): string;
  /** Of all services together. */
  readonly xdp: DispatcherFolders;
}

/** The pins of a service. */
export function servicePins(bpffsDir: string, service: string): ServicePins {
  const root = join(bpffsDir, encodePinName(service));
  const maps = join(root, 'maps');
  const generations = join(root, 'generations');
  const stubs = join(root, 'stubs');
  const [stubPrograms, stubSlotsFolder, stubLinks] = ['programs', 'slots', 'links'].map((name) =>
    join(stubs, name),
  ) as [string, string, string];
  const generation = (id: number): string => join(generations, String(id));
  return {
    root,
    maps,
    generations,
    map: (name) => join(maps, encodePinName(name)),
    generation,
    replacedMaps: (id) => join(generation(id), 'maps'),
    replacedMap: (id, name) => join(generation(id), 'maps', encodePinName(name)),
    newMaps: (id) => join(generation(id), 'new-maps'),
    newMap: (id, name) => join(generation(id), 'new-maps', encodePinName(name)),
    programs: (id) => join(generation(id), 'programs'),
    program: (id, name) => join(generation(id), 'programs', encodePinName(name)),
    links: (id) => join(generation(id), 'links'),
    link: (id, name) => join(generation(id), 'links', encodePinName(name)),
    stubs,
    selector: join(stubs, 'selector'),
    stubPrograms,
    stubSlotsFolder,
    stubLinks,
    stubName: encodePinName,
    stubProgram: (key) => join(stubPrograms, encodePinName(key)),
    stubSlots: (key) => join(stubSlotsFolder, encodePinName(key)),
    stubLink: (key) => join(stubLinks, encodePinName(key)),
    components: (id) => join(generation(id), 'components'),
    component: (id, name) => join(generation(id), 'components', encodePinName(name)),
    get xdp() {
      return xdpFolders(bpffsDir);
    },
  };
}

/**
 * Where XDP dispatchers have their pins: at the place that libxdp uses too, below the mount point. No service is called so: names of services
 * have no `+`.
 */
function xdpFolders(bpffsDir: string): DispatcherFolders {
  const own = join(bpffsDir, '+xdp');
  const root = bpffsRoot(bpffsDir);
  return { own, shared: root === bpffsDir ? join(bpffsDir, '+xdp-shared') : join(root, 'xdp') };
}

/** A BPF file system takes no dots in names (kernel/bpf/inode.c, bpf_lookup), and a slash would be a folder. */
export function encodePinName(name: string): string {
  // A folder of pins would be meant.
  if (name === '') throw new TypeError('a pin has a name');
  return name.replaceAll('/', '@').replaceAll('.', '%');
}

/** Ids of the generations that have pins, in no order. */
export function pinnedGenerations(pins: ServicePins): number[] {
  return namesIn(pins.generations)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Names in a folder of pins; none where there is no such folder. */
export function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
