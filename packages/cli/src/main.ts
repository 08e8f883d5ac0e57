import { run } from './run.ts';
import { processStreams } from './terminal/streams.ts';

const interrupt = new AbortController();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = true;
    interrupt.abort();
    // A second signal ends the program the hard way, so that a hanging clean-up never traps the user.
    process.once(signal, () => process.exit(130));
  });
}
// Output that cannot be written ends the command as an interrupt does, so that "run" still removes what it installed.
let outputError: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  outputError ??= error;
  interrupt.abort();
});
process.stderr.on('error', () => undefined);

void main();

/** A function, since the single executable's form of modules cannot wait outside of one. */
async function main(): Promise<void> {
  const status = await run(process.argv.slice(2), processStreams(), interrupt.signal);
  // Errors of synchronous writes are told in the next tick.
  await new Promise((resolve) => void setImmediate(resolve));
  process.exitCode = finalStatus(status);
}

/** A closed pipe (`bpfship ps | head -1`) is how a reader says that it has enough; no other lost output is success. */
function finalStatus(ended: number): number {
  const stopped = ended === 0 || (ended === 130 && !interrupted);
  if (outputError === undefined || !stopped) return ended;
  if (outputError.code === 'EPIPE') return 0;
  process.stderr.write(
    `Error: standard output cannot be written: ${outputError.code ?? outputError.message}\nCheck where it goes; df -h shows the space.\n`,
  );
  return 1;
}
