import type { XdpAction } from '@bpfship/portability';

/**
 * The dispatcher protocol of libxdp, version 2 (xdp-tools, lib/libxdp/protocol.org): several XDP programs on one interface, each in the
 * place of one function of a dispatcher program.
 */
export const PROTOCOL_VERSION = 2;
/** Functions of a dispatcher that components replace: `prog0` to `prog9`. */
export const MAX_COMPONENTS = 10;
/** What a function returns that nothing replaces; processing goes on after it. */
export const EMPTY_RETURN = 31;
/** Name of the dispatcher program and of its function. */
export const DISPATCHER_NAME = 'xdp_dispatcher';
/** Run priority of a program that names none. */
export const DEFAULT_PRIORITY = 50;
/** Return values of an XDP program (include/uapi/linux/bpf.h, enum xdp_action), by number. */
export const XDP_ACTIONS: readonly XdpAction[] = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'];
/** After which a program that names none is followed by the next. */
export const DEFAULT_CHAIN_CALLS: readonly XdpAction[] = ['XDP_PASS'];

/** BPF_F_XDP_HAS_FRAGS (include/uapi/linux/bpf.h). */
export const HAS_FRAGS: number = 1 << 5;

const MAGIC = 236;
/** Bytes of the configuration: 4 single bytes, then three arrays of ten 32-bit numbers. */
export const CONFIG_SIZE: number = 4 + 3 * 4 * MAX_COMPONENTS;
/** Where the arrays begin. */
export const CONFIG_OFFSETS: { enabled: number; actions: number; priorities: number; flags: number } = {
  enabled: 2,
  actions: 4,
  priorities: 44,
  flags: 84,
};

/** How a component takes part. */
export interface ComponentConfig {
  /** Lower runs earlier. */
  priority: number;
  /** Bit set of actions after which the next component runs, without {@link EMPTY_RETURN}. */
  actions: number;
  /** Whether the program can do with packets in several pieces. */
  frags: boolean;
}

/** Bit set of actions. */
export function actionBits(actions: readonly XdpAction[]): number {
  return actions.reduce((bits, action) => bits | (1 << XDP_ACTIONS.indexOf(action)), 0);
}

/** The actions of a bit set; bits without a name are left out. */
export function actionNames(bits: number): XdpAction[] {
  return XDP_ACTIONS.filter((_action, bit) => (bits & (1 << bit)) !== 0);
}

/** Whether a dispatcher of these components may be given packets in several pieces: only where all of them can do with such. */
export function allHaveFrags(components: readonly ComponentConfig[]): boolean {
  return components.every(({ frags }) => frags);
}

/** Writes the configuration, which is the dispatcher's read-only data. */
export function encodeConfig(components: readonly ComponentConfig[]): Buffer {
  const bytes = Buffer.alloc(CONFIG_SIZE);
  bytes.set([MAGIC, PROTOCOL_VERSION, components.length, allHaveFrags(components) ? 1 : 0]);
  for (const [i, { priority, actions, frags }] of components.entries()) {
    bytes.writeUInt32LE((actions | (1 << EMPTY_RETURN)) >>> 0, CONFIG_OFFSETS.actions + 4 * i);
    bytes.writeUInt32LE(priority >>> 0, CONFIG_OFFSETS.priorities + 4 * i);
    bytes.writeUInt32LE(frags ? HAS_FRAGS : 0, CONFIG_OFFSETS.flags + 4 * i);
  }
  return bytes;
}

/** Reads a configuration. @returns `undefined` for bytes that are none; no components for one of another version. */
export function decodeConfig(bytes: Buffer): { version: number; components: ComponentConfig[] } | undefined {
  // Version 1 had neither magic nor version, and began with the number of programs.
  if (bytes.length === CONFIG_SIZE - 4 * MAX_COMPONENTS && bytes.readUInt8(0) <= MAX_COMPONENTS)
    return { version: 1, components: [] };
  if (bytes.length < 2 || bytes.readUInt8(0) !== MAGIC) return undefined;
  const version = bytes.readUInt8(1);
  if (version !== PROTOCOL_VERSION) return { version, components: [] };
  if (bytes.length !== CONFIG_SIZE || bytes.readUInt8(CONFIG_OFFSETS.enabled) > MAX_COMPONENTS) return undefined;
  const components = Array.from({ length: bytes.readUInt8(CONFIG_OFFSETS.enabled) }, (_none, i) => ({
    actions: (bytes.readUInt32LE(CONFIG_OFFSETS.actions + 4 * i) & ~(1 << EMPTY_RETURN)) >>> 0,
    priority: bytes.readUInt32LE(CONFIG_OFFSETS.priorities + 4 * i),
    frags: (bytes.readUInt32LE(CONFIG_OFFSETS.flags + 4 * i) & HAS_FRAGS) !== 0,
  }));
  return { version, components };
}

/** Name of the folder that holds the pins of a dispatcher's components. @param id - of the dispatcher program. */
export function folderName(interfaceIndex: number, id: number): string {
  return `dispatch-${interfaceIndex}-${id}`;
}

/** Names of a component's two pins. */
export function pinNames(slot: number): { program: string; link: string } {
  return { program: `prog${slot}-prog`, link: `prog${slot}-link` };
}
