import { convertBytes } from '@bpfship/bpf-object';
import type { Kernel, MapEntries } from '../kernel/kernel.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import type { ServicePins } from './pins.ts';
import { incompatible, type MapCopy } from './plan-maps.ts';

/** Entries that are read, converted and written at once. */
const PIECE = 4096;
const LITTLE_ENDIAN: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** What a copy works with. */
export interface CopyMapsOptions {
  kernel: Kernel;
  pins: ServicePins;
  /** The generation whose maps were put aside. */
  runningId: number;
  copies: readonly MapCopy[];
}

/** A map whose entries were copied. */
export interface CopiedMap {
  name: string;
  entries: number;
}

/**
 * Copies entries into the new maps, before the switch.
 *
 * @throws {ShimError} `ERR_SHIM_MAP_INCOMPATIBLE` where an entry has no room in the new map.
 */
export async function copyMaps(options: CopyMapsOptions): Promise<CopiedMap[]> {
  const copied: CopiedMap[] = [];
  for (const copy of options.copies) copied.push({ name: copy.name, entries: await copyMap(options, copy, false) });
  return copied;
}

/**
 * Copies the entries that came into the old maps since {@link copyMaps}, after the switch: only those whose keys the new maps have not, since
 * they are the new generation's now.
 *
 * @returns what people should know, a line for each map.
 */
export async function copyLateEntries(options: CopyMapsOptions): Promise<string[]> {
  const lines: string[] = [];
  for (const copy of options.copies) {
    const isArray = copy.after.type.endsWith('array');
    let late = 0;
    try {
      late = isArray ? 0 : await copyMap(options, copy, true);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      lines.push(`entries of map ${copy.name} that came during the switch were not all copied: ${reason}`);
      continue;
    }
    const extra = late > 0 ? `; ${late} entries that came during the switch were added` : '';
    lines.push(
      `map ${copy.name} was copied: what the version before changed in ${isArray ? 'it' : 'entries'} between copy and switch is lost${extra}`,
    );
  }
  return lines;
}

async function copyMap(
  { kernel, pins, runningId }: CopyMapsOptions,
  copy: MapCopy,
  onlyMissing: boolean,
): Promise<number> {
  const { name, before, after } = copy;
  const from = pins.replacedMap(runningId, name);
  // Entries that come and go while it is read may be read twice, but not for ever.
  const most = before.maxEntries * 2 + PIECE;
  let [place, read, written]: [Uint8Array | undefined, number, number] = [undefined, 0, 0];
  do {
    const piece: MapEntries = await kernel.readEntries({ pin: from, limit: PIECE, ...(place ? { after: place } : {}) });
    read += piece.count;
    if (read > most) throw incompatible(name, 'changes faster than it can be copied');
    const entries = convert(copy, piece);
    written += await write(kernel, pins.map(name), copy, entries, onlyMissing);
    if (!onlyMissing && written > after.maxEntries) throw noRoom(copy);
    place = piece.next;
  } while (place);
  return written;
}

async function write(
  kernel: Kernel,
  pin: string,
  copy: MapCopy,
  entries: MapEntries,
  onlyMissing: boolean,
): Promise<number> {
  try {
    return (await kernel.writeEntries({ pin, ...entries, onlyMissing })).written;
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ERR_KERNEL_MAP_FULL') throw noRoom(copy);
    throw error;
  }
}

/** Entries in their new form. Elements of an array that it has no room for must be zero. */
function convert(copy: MapCopy, { count, keys, values }: MapEntries): MapEntries {
  const { before, after, name } = copy;
  const sizes = { key: before.keySize, newKey: after.keySize };
  const valueSize = count === 0 ? 0 : values.length / count;
  // Per-CPU values follow one another, each padded to 8 bytes.
  const perCpu = before.type.includes('percpu');
  const slot = perCpu ? Math.ceil(before.valueSize / 8) * 8 : valueSize;
  const newSlot = perCpu ? Math.ceil(after.valueSize / 8) * 8 : after.valueSize;
  const slots = slot === 0 ? 0 : valueSize / slot;
  const result = { keys: new Uint8Array(count * sizes.newKey), values: new Uint8Array(count * slots * newSlot) };
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const key = keys.subarray(i * sizes.key, (i + 1) * sizes.key);
    const value = values.subarray(i * valueSize, (i + 1) * valueSize);
    if (isBeyond(copy, key)) {
      if (value.some((byte) => byte !== 0)) throw noRoom(copy);
      continue;
    }
    const newKey = result.keys.subarray(kept * sizes.newKey, (kept + 1) * sizes.newKey);
    let fits = convertBytes(copy.key, key, newKey, LITTLE_ENDIAN);
    for (let cpu = 0; cpu < slots; cpu++) {
      const at = (kept * slots + cpu) * newSlot;
      const old = value.subarray(cpu * slot, (cpu + 1) * slot);
      fits &&= convertBytes(copy.value, old, result.values.subarray(at, at + newSlot), LITTLE_ENDIAN);
    }
    if (!fits)
      throw incompatible(name, 'has an entry that its new form cannot hold', [`key ${hex(key)}, value ${hex(value)}`]);
    kept++;
  }
  return {
    count: kept,
    keys: result.keys.subarray(0, kept * sizes.newKey),
    values: result.values.subarray(0, kept * slots * newSlot),
  };
}

function isBeyond({ after }: MapCopy, key: Uint8Array): boolean {
  if (!after.type.endsWith('array')) return false;
  return new DataView(key.buffer, key.byteOffset, 4).getUint32(0, LITTLE_ENDIAN) >= after.maxEntries;
}

function noRoom({ name, after }: MapCopy): Error {
  return incompatible(name, `has more entries than its new form has room for (${after.maxEntries})`);
}

/** A bounded piece of bytes for people. */
function hex(bytes: Uint8Array): string {
  return `${Buffer.from(bytes.subarray(0, 32)).toString('hex')}${bytes.length > 32 ? '…' : ''}`;
}
