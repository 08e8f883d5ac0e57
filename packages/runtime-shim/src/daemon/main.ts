import { existsSync, readFileSync } from 'node:fs';
import { getAsset, isSea } from 'node:sea';
import { describeError } from '../desired/reported-error.ts';
import { DAEMON_HELP, readArguments } from './arguments.ts';
import { jsonLog } from './log.ts';
import { ShimDaemon } from './shim-daemon.ts';

/** Milliseconds that an end may take before the process goes anyway; the kernel keeps what is attached. */
const END_MS = 20_000;

// A function, since the single executable's form of modules cannot wait outside of one.
void begin();

async function begin(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2));
}

async function main(args: readonly string[]): Promise<number> {
  const parsed = readArguments(args, process.env);
  if ('error' in parsed) {
    process.stderr.write(`Error: ${parsed.error}\n"bpfship-shim --help" shows all options.\n`);
    return 2;
  }
  if ('print' in parsed) {
    process.stdout.write(parsed.print === 'help' ? DAEMON_HELP : `bpfship-shim ${version()}\n`);
    return 0;
  }
  // A log that nobody takes any more is no reason to end.
  process.stderr.on('error', () => undefined);
  const log = jsonLog((line) => process.stderr.write(line), parsed.logLevel);
  const ended = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
  // Before there is a daemon, a request to reload is none to end.
  process.on('SIGHUP', () => void daemon?.reload());
  let daemon: ShimDaemon | undefined;
  try {
    daemon = await ShimDaemon.start({ ...parsed.options, version: version(), log, env: process.env });
  } catch (error) {
    const { message, hint, code } = describeError(error);
    log('error', message, { code, ...(hint === undefined ? {} : { hint }) });
    return 1;
  }
  // The socket and the timers do not end by themselves.
  const alive = setInterval(() => undefined, 2 ** 30);
  log('info', 'ending', { signal: await ended });
  clearInterval(alive);
  setTimeout(() => {
    log('warning', 'the end takes too long; what is attached stays');
    process.exit(1);
  }, END_MS).unref();
  await daemon[Symbol.asyncDispose]();
  log('info', 'ended; nothing was detached');
  return 0;
}

/** From the package's own file: beside the bundle's folder, or above that of the modules. */
function version(): string {
  if (isSea()) return (JSON.parse(getAsset('package.json', 'utf8')) as { version: string }).version;
  const path = ['../package.json', '../../package.json']
    .map((relative) => new URL(relative, import.meta.url))
    .find((url) => existsSync(url));
  return path === undefined ? '0.0.0' : (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
