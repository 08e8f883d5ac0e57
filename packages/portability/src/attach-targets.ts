import type { VariantProgram } from '@bpfship/media-types';
import { matchesPattern } from './matches-pattern.ts';
import { memberNames } from './target-members.ts';

/** A return value of an XDP program (include/uapi/linux/bpf.h, enum xdp_action). */
export type XdpAction = 'XDP_ABORTED' | 'XDP_DROP' | 'XDP_PASS' | 'XDP_TX' | 'XDP_REDIRECT';

/**
 * One place for a program to attach, as far as its section does not say it (spec/selection.md, "Targets given at run time"). Members that a
 * program's hook has no use for are left out of account (`target-members.ts` says which it has).
 */
export interface AttachTarget {
  /** For XDP, TC, TCX and netkit: the network interface, or a pattern of names with `*` and `?`, e.g. `eth*`. */
  readonly interfaceName?: string;
  /** For XDP. Default: the kernel chooses. */
  readonly xdpMode?: 'native' | 'generic';
  /** For XDP beside others on an interface: lower runs earlier. Default: what the program's source says, else 50. */
  readonly xdpPriority?: number;
  /** For XDP beside others: after which of its return values the next program runs. Default: what the program's source says, else `XDP_PASS`. */
  readonly xdpChainCalls?: readonly XdpAction[];
  /** For TC. Default: what the section says, else `ingress`. */
  readonly direction?: 'ingress' | 'egress';
  /** For TC (1 to 65,535; default: the kernel chooses) and netfilter (signed 32 bits; default 0): lower runs earlier. */
  readonly priority?: number;
  /** For cgroup hooks, and iterators over cgroups: the cgroup's folder, or a pattern in which `*` and `?` match within a name. */
  readonly cgroupPath?: string;
  /** For sk_lookup and the flow dissector: the network namespace's file. Default: that of this process. */
  readonly netnsPath?: string;
  /** For uprobes and USDT: the executable or library. */
  readonly binaryPath?: string;
  /** A function (uprobe, kprobe, fentry, LSM; for freplace the function that is replaced), or a tracepoint (`group/name`), where the section names none; for USDT the probe. */
  readonly symbol?: string;
  /** For kprobes and uprobes: bytes from the symbol, or from the file's begin where there is none. Default 0. */
  readonly offset?: number;
  /** For uprobes, USDT and perf events: only this process. Default: all. */
  readonly pid?: number;
  /** For USDT: the provider. */
  readonly provider?: string;
  /** For netfilter. Default `ipv4`. */
  readonly family?: 'ipv4' | 'ipv6';
  /** For netfilter. */
  readonly netfilterHook?: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  /** For netfilter: reassemble fragments before (BPF_F_NETFILTER_IP_DEFRAG). Default: no. */
  readonly defragment?: boolean;
  /** For perf events: `hardware` or `software` (perf_event_open(2), `type`). Default `software`. */
  readonly perfType?: 'hardware' | 'software';
  /** For perf events: number of the event within its type (`config`). Default 0: cycles, or the CPU's clock. */
  readonly perfConfig?: number;
  /** For perf events: a sample for so many events; one of this and `sampleFrequency`. */
  readonly samplePeriod?: number;
  /** For perf events: samples a second. Default 99. */
  readonly sampleFrequency?: number;
  /** For perf events: only this CPU. Default: all, one event each. */
  readonly cpu?: number;
  /** For freplace: pin of the program whose function is replaced. */
  readonly programPin?: string;
  /** For sk_msg and sk_skb: the service's socket map; for iterators over a map's elements: that map. */
  readonly mapName?: string;
  /** For lirc_mode2: the device. */
  readonly devicePath?: string;
}

/** Program name → target, or list of targets (an empty one: nowhere); `*` stands for what a program's own entry does not say. */
export type AttachTargets = Readonly<Record<string, AttachTarget | readonly AttachTarget[]>>;

/** What of a program says which members of a target it has a use for. */
export type AttachingProgram = Pick<VariantProgram, 'name' | 'type' | 'section' | 'hook' | 'target' | 'flags'>;

/** Members that say how and not where: two targets that differ in them alone are one. */
const MANNERS: ReadonlySet<string> = new Set(['xdpMode', 'xdpPriority', 'xdpChainCalls', 'defragment']);

/**
 * The targets of a program, without those that are one place twice. A program whose section says everything has one empty target.
 *
 * A program that is there to be called by others has none but its own.
 *
 * Each target of its own is completed, member by member, by each of `*`.
 */
export function targetsOf(targets: AttachTargets, program: AttachingProgram): AttachTarget[] {
  const isNamed = Object.hasOwn(targets, program.name);
  // What is there to be called by others attaches only where somebody says so.
  if (!isNamed && program.flags?.includes('tail-called')) return [];
  const common = listOf(targets['*']);
  if (!isNamed && common.length === 0) return [{}];
  const own = isNamed ? listOf(targets[program.name]) : [{}];
  const names = memberNames(program);
  const found = new Map<string, AttachTarget>();
  for (const target of own) {
    for (const base of common.length > 0 ? common : [{}]) {
      const picked = pick({ ...base, ...target }, names);
      const place = describeTarget(picked);
      if (!found.has(place)) found.set(place, picked);
    }
  }
  return [...found.values()];
}

/** Where a target is, in one line, e.g. `eth0`, `/usr/bin/bash,symbol=readline`; empty for one that says nothing. Equal text, equal place. */
export function describeTarget(target: AttachTarget): string {
  const members = Object.entries(target).filter(([name, value]) => value !== undefined && !MANNERS.has(name));
  return members
    .map(([name, value], i) => (i === 0 && typeof value === 'string' ? value : `${name}=${value}`))
    .join(',');
}

/** Whether the name of an interface or the path of a cgroup stands for several: it has `*` or `?`. */
export function isPattern(name: string): boolean {
  return /[*?]/.test(name);
}

/** Puts for each target whose interface is a pattern one for each interface that it matches; a pattern without a match stays. */
export function expandInterfaces(targets: AttachTargets, interfaces: readonly string[]): AttachTargets {
  return mapTargets(targets, (target) => {
    const { interfaceName } = target;
    if (interfaceName === undefined || !isPattern(interfaceName)) return [target];
    const matching = interfaces.filter((name) => matchesPattern(name, interfaceName)).sort();
    return matching.length > 0 ? matching.map((name) => ({ ...target, interfaceName: name })) : [target];
  });
}

/** Puts several targets, or none, in the place of each. Entries that have one target before and after keep their form. */
export function mapTargets(targets: AttachTargets, change: (target: AttachTarget) => AttachTarget[]): AttachTargets {
  return Object.fromEntries(
    Object.entries(targets).map(([program, entry]) => {
      const changed = listOf(entry).flatMap(change);
      const [only] = changed;
      return [program, only !== undefined && changed.length === 1 && !Array.isArray(entry) ? only : changed];
    }),
  );
}

function listOf(entry: AttachTarget | readonly AttachTarget[] | undefined): readonly AttachTarget[] {
  if (entry === undefined) return [{}];
  return Array.isArray(entry) ? (entry as readonly AttachTarget[]) : [entry as AttachTarget];
}

/** The members of these names, in their order, so that equal targets have equal texts. */
function pick(target: AttachTarget, names: readonly (keyof AttachTarget)[]): AttachTarget {
  return Object.fromEntries(names.flatMap((name) => (target[name] === undefined ? [] : [[name, target[name]]])));
}
