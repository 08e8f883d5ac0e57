import { existsSync, mkdirSync, readdirSync, readlinkSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { AttachWay } from '../kernel.ts';
import { KernelError } from '../kernel-error.ts';

/**
 * What is needed to find and to remove an attachment that no single link stands for. It is the text of a symbolic link in the BPF file
 * system (kernel/bpf/inode.c, bpf_symlink), which lives exactly as long as what it tells of: the state folder outlives the machine's boot,
 * and a link is found by its pin alone. It is written before anything is attached, so that a crash leaves nothing that nobody knows of.
 */
export type AttachmentRecord = { type: string } &
  /** Several links, in pins of their own. */
  (
    | { way: 'link' }
    | { way: 'perf-event-array' }
    /** By `bpfship-hold`, under keys that begin with this one. */
    | { way: 'holder'; socket: string; key: string; count: number }
    /** By a sleeping process. `started`: the process's start, in ticks since the boot, which tells it from a later one of the same number. */
    | { way: 'holder'; pid: number; started: string }
    /** `qdisc`: the clsact qdisc was made for it. */
    | {
        way: 'tc-filter';
        netns?: string;
        interfaceIndex: number;
        direction: 'ingress' | 'egress';
        handle: number;
        priority: number;
        qdisc: boolean;
      }
    | { way: 'netlink'; netns?: string; interfaceIndex: number; flags: number }
    /** At a cgroup's folder, a map by its id, or the network namespace of a file. */
    | { way: 'program-attach'; attachType: string; cgroup?: string; map?: number; netns?: string }
    | { way: 'registered-map'; map: number }
  );

const WAYS: ReadonlySet<string> = new Set<AttachWay>([
  'link',
  'perf-event-array',
  'holder',
  'tc-filter',
  'netlink',
  'program-attach',
  'registered-map',
]);
const RECORD = 'record';
/** The pin of the program that is attached. */
export const PROGRAM = 'program';
/** The pin of the program that is to be attached in its place, while it is. */
export const NEXT_PROGRAM = 'program-next';
/** The pin of the map that keeps perf events. */
export const EVENTS = 'events';

/** Begins a folder for an attachment. @throws {KernelError} `ERR_KERNEL_PIN`. */
export function writeRecord(folder: string, record: AttachmentRecord): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, RECORD);
    if (readdirSync(folder).includes(RECORD)) unlinkSync(path);
    symlinkSync(JSON.stringify(record), path);
  } catch (error) {
    throw new KernelError('ERR_KERNEL_PIN', `the attachment ${folder} cannot be kept (${codeOf(error)})`, {
      errno: codeOf(error),
    });
  }
}

/** The record of a folder; `undefined` where the path is no such folder: a plain pin, or nothing. */
export function readRecord(folder: string): AttachmentRecord | undefined {
  let text: string;
  try {
    text = readlinkSync(join(folder, RECORD));
  } catch {
    return undefined;
  }
  const record = parse(text);
  if (record === undefined) {
    throw new KernelError('ERR_KERNEL_PIN', `the record of the attachment ${folder} cannot be read`, {
      hint: 'It was written by another version, or damaged: detach by hand ("bpftool net", "bpftool cgroup tree") and remove the folder.',
    });
  }
  return record;
}

function parse(text: string): AttachmentRecord | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value !== 'object' || value === null || !('way' in value) || !('type' in value)) return undefined;
    return WAYS.has(String(value.way)) && typeof value.type === 'string' ? (value as AttachmentRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** What stands for the id of a link: below zero, the same for all records of one attachment. */
export function recordId(record: AttachmentRecord): number {
  return -(crc32(JSON.stringify(record)) & 0x7fff_ffff) - 1;
}

/** Pins in a folder beside its record, sorted. */
export function pinsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name !== RECORD)
    .sort();
}

/** Removes a folder and its pins; the record goes last. */
export function removeFolder(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of pinsIn(folder)) unlinkSync(join(folder, name));
  if (readdirSync(folder).includes(RECORD)) unlinkSync(join(folder, RECORD));
  rmdirSync(folder);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
