import { type Command, Option } from 'commander';
import type { AttachTarget, AttachTargets } from '@bpfship/runtime-shim';
import { CliError } from '../cli-error.ts';

/** Values of the options that {@link addTargetOptions} adds. */
export interface TargetOptionValues {
  interface?: string[];
  xdpMode?: 'native' | 'generic';
  cgroup?: string[];
  /** `PROGRAM=member=value,…` */
  target?: string[];
}

/** What `--target` calls the members of a target, and how it reads them. */
const MEMBERS: Readonly<Record<string, readonly [member: keyof AttachTarget, read: (text: string) => unknown]>> = {
  interface: ['interfaceName', String],
  mode: ['xdpMode', oneOf('native', 'generic')],
  'xdp-priority': ['xdpPriority', readInteger],
  'xdp-chain': ['xdpChainCalls', readActions],
  direction: ['direction', oneOf('ingress', 'egress')],
  priority: ['priority', readInteger],
  cgroup: ['cgroupPath', String],
  netns: ['netnsPath', String],
  binary: ['binaryPath', String],
  symbol: ['symbol', String],
  offset: ['offset', readInteger],
  pid: ['pid', readInteger],
  provider: ['provider', String],
  family: ['family', oneOf('ipv4', 'ipv6')],
  hook: ['netfilterHook', oneOf('prerouting', 'input', 'forward', 'output', 'postrouting')],
  defragment: ['defragment', (text) => oneOf('true', 'false')(text) === 'true'],
  perf: ['perfType', oneOf('hardware', 'software')],
  config: ['perfConfig', readInteger],
  period: ['samplePeriod', readInteger],
  frequency: ['sampleFrequency', readInteger],
  cpu: ['cpu', readInteger],
  program: ['programPin', String],
  map: ['mapName', String],
  device: ['devicePath', String],
};

/** Options that say where a service attaches. */
export function addTargetOptions(command: Command): Command {
  const group = 'Attach options:';
  const repeated = (flags: string, description: string): Option =>
    new Option(flags, description)
      .argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
      .helpGroup(group);
  command.addOption(
    repeated(
      '-i, --interface <name>',
      'network interface, or pattern such as eth*, for XDP and TC programs; repeatable',
    ),
  );
  command.addOption(
    new Option('--xdp-mode <mode>', 'how XDP programs attach (default: the kernel chooses)')
      .choices(['native', 'generic'])
      .helpGroup(group),
  );
  command.addOption(repeated('--cgroup <path>', 'cgroup, or pattern, for programs at cgroup hooks; repeatable'));
  command.addOption(
    repeated(
      '--target <target>',
      'where one program attaches: program=member=value,... such as watch=binary=/bin/sh,symbol=main, or program=none; repeatable',
    ),
  );
  return command;
}

/** Where the programs attach, from the options. @throws {CliError}. */
export function attachTargets({ interface: interfaces, xdpMode, cgroup, target }: TargetOptionValues): AttachTargets {
  const manner = xdpMode === undefined ? {} : { xdpMode };
  const common: AttachTarget[] = (interfaces ?? [undefined]).flatMap((interfaceName) =>
    (cgroup ?? [undefined]).map((cgroupPath) => ({
      ...(interfaceName === undefined ? {} : { interfaceName }),
      ...manner,
      ...(cgroupPath === undefined ? {} : { cgroupPath }),
    })),
  );
  const targets = new Map<string, AttachTarget[]>();
  for (const text of target ?? []) {
    const [program, place] = readTarget(text);
    targets.set(program, [...(targets.get(program) ?? []), ...(place === undefined ? [] : [place])]);
  }
  const [first = {}, ...more] = common;
  return { '*': more.length > 0 ? common : first, ...Object.fromEntries(targets) };
}

/** @returns no target for `PROGRAM=none`. */
function readTarget(text: string): [program: string, target: AttachTarget | undefined] {
  const [, idle] = /^([^=,]+)=none$/.exec(text) ?? [];
  if (idle !== undefined) return [idle, undefined];
  const [, program = '', rest] = /^([^=,]+)=(.+=.+)$/.exec(text) ?? [];
  if (rest === undefined) throw badTarget(text, 'it is neither PROGRAM=member=value nor PROGRAM=none');
  const members = rest.split(',').map((part): [string, unknown] => {
    const [name = '', value] = part.split(/=(.*)/s, 2);
    const known = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined;
    if (!known || value === undefined || value === '') throw badTarget(text, `"${part}" is no member of a target`);
    const read = known[1](value);
    if (read === undefined) throw badTarget(text, `"${value}" is no value of "${name}"`);
    return [known[0], read];
  });
  return [program, Object.fromEntries(members)];
}

function badTarget(text: string, why: string): CliError {
  return new CliError(
    'ERR_CLI_USAGE',
    `--target ${text.slice(0, 256)}: ${why}`,
    `E.g. --target packet=interface=eth0,mode=generic; members: ${Object.keys(MEMBERS).join(', ')}.`,
  );
}

function oneOf(...words: readonly string[]): (text: string) => string | undefined {
  return (text) => words.find((word) => word === text);
}

/** Return values of an XDP program, e.g. `pass+drop`. */
function readActions(text: string): string[] | undefined {
  const words = text.split('+');
  return words.every((word) => /^(?:aborted|drop|pass|tx|redirect)$/.test(word))
    ? words.map((word) => `XDP_${word.toUpperCase()}`)
    : undefined;
}

/** Decimal, or hexadecimal after `0x`. */
function readInteger(text: string): number | undefined {
  const value = /^(?:-?\d{1,15}|0x[0-9a-f]{1,13})$/i.test(text) ? Number(text) : undefined;
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}
