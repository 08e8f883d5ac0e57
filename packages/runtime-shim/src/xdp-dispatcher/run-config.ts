import { type Btf, findSection, parseBtf, readElf, skipModifiers } from '@bpfship/bpf-object';
import type { XdpAction } from '@bpfship/portability';
import { DEFAULT_CHAIN_CALLS, DEFAULT_PRIORITY, XDP_ACTIONS } from './protocol.ts';

/** How an XDP program wants to run beside others. */
export interface RunConfig {
  /** Lower runs earlier. */
  priority: number;
  /** After which of its return values the next program runs. */
  chainCalls: readonly XdpAction[];
  /** Whether the program's source says so, in the section `.xdp_run_config`. */
  declared: boolean;
}

/** What holds for a program that says nothing. */
const DEFAULT: RunConfig = { priority: DEFAULT_PRIORITY, chainCalls: DEFAULT_CHAIN_CALLS, declared: false };

/**
 * Reads how a program wants to run from the object's BTF (xdp-tools, protocol.org, "Processing program metadata"): in the section
 * `.xdp_run_config` a struct called as the program with an underscore before, whose members are numbers written as `__uint`.
 */
export function readRunConfig(object: Uint8Array, program: string): RunConfig {
  const section = findSection(readElf(object), '.BTF');
  if (!section) return DEFAULT;
  const btf = parseBtf(section.data);
  const members = membersOf(btf, `_${program}`);
  if (members === undefined) return DEFAULT;
  const named = XDP_ACTIONS.filter((action) => members.has(action));
  return {
    priority: members.get('priority') ?? DEFAULT_PRIORITY,
    chainCalls: named.length > 0 ? named.filter((action) => members.get(action) !== 0) : DEFAULT_CHAIN_CALLS,
    declared: true,
  };
}

function membersOf(btf: Btf, variable: string): Map<string, number> | undefined {
  for (const id of btf.typesNamed('.xdp_run_config', 'datasec')) {
    const section = btf.type(id);
    if (section.kind !== 'datasec') continue;
    for (const { type } of section.variables) {
      const candidate = btf.type(type);
      if (candidate.kind !== 'var' || candidate.name !== variable) continue;
      const struct = skipModifiers(btf, candidate.type);
      if (struct.kind !== 'struct') return undefined;
      return new Map(
        struct.members.flatMap(({ name, type: member }): [string, number][] => {
          const value = numberIn(btf, member);
          return value === undefined ? [] : [[name, value]];
        }),
      );
    }
  }
  return undefined;
}

/** `__uint(name, value)` is a pointer to an array of `value` elements. */
function numberIn(btf: Btf, type: number): number | undefined {
  const pointer = skipModifiers(btf, type);
  if (pointer.kind !== 'ptr') return undefined;
  const array = skipModifiers(btf, pointer.type);
  return array.kind === 'array' ? array.length : undefined;
}
