import { createHash } from 'node:crypto';
import type { VariantProgram } from '@bpfship/media-types';
import { type AttachTarget, describeTarget } from '@bpfship/portability';

/** One program at one resolved target: one link. */
export interface Attachment {
  /** Name of the program. */
  name: string;
  /** Unique in the service, and the name of the link's pin: the program's name, and `+` and its target where it has one of its own. */
  key: string;
  /** The hook with its target, e.g. `raw-tracepoint:sched_process_exec`, `xdp:eth0`. Equal hook, equal place. */
  hook: string;
  /** The target that was given at run time, in one line; empty where the section says it. */
  place: string;
  program: VariantProgram;
  target: AttachTarget;
}

/** The longest target that a pin's name has in full; names have up to 255 bytes (NAME_MAX), programs' up to 128. */
const MAX_PLACE = 96;

/** A program at a target without patterns. */
export function attachmentOf(program: VariantProgram, target: AttachTarget): Attachment {
  const { name } = program;
  const place = describeTarget(target);
  const hook = [program.hook, program.target ?? userTarget(program), place].filter(Boolean).join(':');
  return { name, key: place === '' ? name : `${name}+${placeKey(place)}`, hook, place, program, target };
}

/** What the section of a uprobe or USDT program names of a user's program, e.g. `/usr/bin/bash:readline`. */
function userTarget({ section }: VariantProgram): string | undefined {
  return /^\??(?:u(?:ret)?probe(?:\.\w+)*|usdt(?:\.s)?)\/(.+)$/.exec(section)?.[1];
}

/** A place as a part of a file's name in which no dot and no slash may be; told apart by a hash where letters were put for others. */
function placeKey(place: string): string {
  const plain = place.replaceAll(/[^\w:=,-]/g, '_').slice(0, MAX_PLACE);
  if (plain === place) return plain;
  return `${plain}-${createHash('sha256').update(place).digest('hex').slice(0, 12)}`;
}
