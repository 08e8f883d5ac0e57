import { parseArgs } from 'node:util';
import type { DaemonOptions } from './shim-daemon.ts';
import type { LogLevel } from './log.ts';

/** What `bpfship-shim --help` prints. */
export const DAEMON_HELP = `bpfship-shim: keeps the eBPF services of this node as they should be

Usage: bpfship-shim [options]

Brings services back after a start of the machine, repairs what was detached by hand, keeps the node at the desired
state of "bpfship apply", and serves a socket for "bpfship" and other programs. Services are pinned in the kernel:
nothing is detached when it ends, crashes or is replaced.

Options:
  --state-dir <folder>     state folder (default: /var/lib/bpfship; BPFSHIP_STATE_DIR)
  --bpffs <folder>         folder for pins, on a BPF file system (default: /sys/fs/bpf/bpfship; BPFSHIP_BPFFS)
  --socket <path>          socket (default: shim.sock in the state folder)
  --socket-group <gid>     a group, by number, whose members may use the socket (mode 0660; default: 0600)
  --allow-uid <uid>        a user, by number, that may use the socket beside root; can be repeated
  --metrics-port <port>    serve /metrics on this port of 127.0.0.1 (default: only on the socket)
  --boot <folder>          where kernel images are (default: /boot); in containers e.g. /host/boot
  --modules <folder>       where kernel modules are (default: /lib/modules)
  --log-level <level>      debug, info, warning or error (default: info; BPFSHIP_LOG_LEVEL)
  -V, --version            print the version
  -h, --help               print this

Signals:
  SIGHUP                   read the desired state again and reconcile at once
  SIGTERM, SIGINT          end; everything stays attached

Logs are JSON lines on standard error. docs/running-the-shim.md tells about systemd, containers and capabilities.
`;

/** What the command line says. */
export type ParsedArguments =
  | { options: Omit<DaemonOptions, 'log' | 'version' | 'env'>; logLevel: LogLevel }
  | { print: 'help' | 'version' }
  | { error: string };

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warning', 'error'];

/** Reads the command line; the environment says what it does not. */
export function readArguments(args: readonly string[], env: NodeJS.ProcessEnv): ParsedArguments {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    return { error: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
  }
  if (values.help) return { print: 'help' };
  if (values.version) return { print: 'version' };
  const logLevel = values['log-level'] ?? env['BPFSHIP_LOG_LEVEL'] ?? 'info';
  if (!isLevel(logLevel)) return { error: `--log-level is one of ${LEVELS.join(', ')}` };
  const uids = (values['allow-uid'] ?? []).map(id);
  const gid = values['socket-group'] === undefined ? undefined : id(values['socket-group']);
  if (uids.includes(undefined) || (values['socket-group'] !== undefined && gid === undefined))
    return { error: '--allow-uid and --socket-group take a number' };
  const port = values['metrics-port'] === undefined ? undefined : id(values['metrics-port']);
  if (values['metrics-port'] !== undefined && (port === undefined || port > 65_535 || port === 0))
    return { error: '--metrics-port takes a port from 1 to 65535' };
  const stateDir = values['state-dir'] ?? env['BPFSHIP_STATE_DIR'];
  const bpffsDir = values.bpffs ?? env['BPFSHIP_BPFFS'];
  const { socket, boot, modules } = values;
  return {
    logLevel,
    options: {
      ...(stateDir === undefined ? {} : { stateDir }),
      ...(bpffsDir === undefined ? {} : { bpffsDir }),
      ...(socket === undefined ? {} : { socket }),
      ...(gid === undefined ? {} : { gid }),
      ...(port === undefined ? {} : { metricsPort: port }),
      uids: uids.filter((uid) => uid !== undefined),
      kernels: { ...(boot === undefined ? {} : { boot }), ...(modules === undefined ? {} : { modules }) },
    },
  };
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the options below are the type
function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      'state-dir': { type: 'string' },
      bpffs: { type: 'string' },
      socket: { type: 'string' },
      'socket-group': { type: 'string' },
      'allow-uid': { type: 'string', multiple: true },
      'metrics-port': { type: 'string' },
      boot: { type: 'string' },
      modules: { type: 'string' },
      'log-level': { type: 'string' },
      version: { type: 'boolean', short: 'V' },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: false,
  }).values;
}

function isLevel(text: string): text is LogLevel {
  return (LEVELS as readonly string[]).includes(text);
}

function id(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 ? Number(text) : undefined;
}
