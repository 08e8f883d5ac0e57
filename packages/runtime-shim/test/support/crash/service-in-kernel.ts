import { execFileSync } from 'node:child_process';

/** What the kernel itself has of a service whose programs and maps bear a name that nobody else uses. */
export interface InKernel {
  /** Names of the programs, one for each that is loaded. */
  programs: string[];
  /** Name of the program of each link. */
  links: string[];
  /** Names of the maps. */
  maps: string[];
}

/** Asks the kernel for everything whose name has a mark: what is left in it that no pin tells of. */
export function inKernel(mark: string): InKernel {
  const programs = list<{ id: number; name?: string }>('prog').filter(({ name }) => name?.includes(mark));
  const names = new Map(programs.map(({ id, name = '' }) => [id, name]));
  const links = list<{ prog_id?: number }>('link').flatMap(({ prog_id: id = 0 }) => names.get(id) ?? []);
  const maps = list<{ name?: string }>('map').flatMap(({ name }) => (name?.includes(mark) ? name : []));
  return { programs: [...names.values()].sort(), links: links.sort(), maps: maps.sort() };
}

function list<T>(what: 'prog' | 'link' | 'map'): T[] {
  return JSON.parse(execFileSync('bpftool', ['-j', what, 'show'], { encoding: 'utf8', maxBuffer: 2 ** 26 })) as T[];
}
