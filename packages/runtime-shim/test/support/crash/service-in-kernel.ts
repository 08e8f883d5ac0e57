import { Bpf } from '../../../src/kernel/native/bpf.ts';
import { openNative } from '../../../src/kernel/native/library.ts';

/** What the kernel itself has of a service whose programs and maps bear a name that nobody else uses. */
export interface InKernel {
  /** Names of the programs, one for each that is loaded. */
  programs: string[];
  /** Name of the program of each link. */
  links: string[];
  /** Names of the maps. */
  maps: string[];
}

/** Commands of bpf(2) that list what there is (include/uapi/linux/bpf.h, enum bpf_cmd): next id, descriptor by id. */
const LISTS = { programs: [11, 13], maps: [12, 14], links: [31, 30] } as const;
/** Offsets in struct bpf_prog_info, bpf_map_info and bpf_link_info. */
const OFFSET = { id: 4, programName: 64, mapName: 24, linkProgram: 8 } as const;

let opened: Bpf | undefined;

/** Asks the kernel for everything whose name has a mark: what is left in it that no pin tells of. */
export function inKernel(mark: string): InKernel {
  const names = new Map<number, string>();
  for (const info of list('programs')) {
    const name = nameAt(info, OFFSET.programName);
    if (name.includes(mark)) names.set(info.readUInt32LE(OFFSET.id), name);
  }
  const links = list('links').flatMap((info) => names.get(info.readUInt32LE(OFFSET.linkProgram)) ?? []);
  const maps = list('maps')
    .map((info) => nameAt(info, OFFSET.mapName))
    .filter((name) => name.includes(mark));
  return { programs: [...names.values()].sort(), links: links.sort(), maps: maps.sort() };
}

function nameAt(info: Buffer, offset: number): string {
  const bytes = info.subarray(offset, offset + 16);
  return bytes.toString('latin1', 0, bytes.indexOf(0));
}

/** What the kernel tells of each; what goes meanwhile is left out. */
function list(what: keyof typeof LISTS): Buffer[] {
  const bpf = (opened ??= new Bpf(openNative(undefined)));
  const [next, open] = LISTS[what];
  const found: Buffer[] = [];
  for (let id = 0; ;) {
    const attr = Buffer.alloc(144);
    attr.writeUInt32LE(id, 0);
    if (bpf.callWith(next, attr) < 0) return found;
    // union bpf_attr: start_id, next_id
    id = attr.readUInt32LE(4);
    const fd = bpf.call(open, (query) => query.writeUInt32LE(id, 0));
    if (fd < 0) continue;
    found.push(bpf.info(fd));
    bpf.native.close(fd);
  }
}
