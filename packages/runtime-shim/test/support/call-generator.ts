import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const SOURCE = `
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
static volatile sig_atomic_t ended;
static void end(int signal) { ended = 1; }
int main(void)
{
	unsigned long calls = 0;
	signal(SIGTERM, end);
	/* It does not outlive its test, whatever ends that. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(600);
	prctl(PR_SET_NAME, "bpfshipcalls");
	printf("ready\\n");
	fflush(stdout);
	for (; !ended; calls++)
		syscall(SYS_getpgid, 0);
	prctl(PR_SET_NAME, "done");
	printf("%lu\\n", calls);
}
`;

/** A process that makes system calls as fast as it can, and counts them. */
export interface CallGenerator {
  /** Ends it. @returns how many calls of getpgid it has made. */
  stop(): Promise<number>;
}

/** C that is true where a program runs in a call of the generator's: of getpgid, whose number it takes from `number`. */
export function fromGenerator(number: string): string {
  return `({ char comm[16] __attribute__((aligned(8))) = {}; bpf_get_current_comm(comm, sizeof(comm)); (${number}) == __NR_getpgid && *(__u64 *)comm == 0x6370696873667062; })`;
}

/** Starts a generator for the running test. */
export async function generateCalls(): Promise<CallGenerator> {
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-calls-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'calls.c'), SOURCE);
  execFileSync('cc', ['-O2', '-o', 'calls', 'calls.c'], { cwd: folder });
  const process = spawn(join(folder, 'calls'), { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void process.kill('SIGKILL'));
  let output = '';
  process.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(process.stdout, 'data');
  return {
    async stop() {
      const closed = once(process, 'close');
      process.kill('SIGTERM');
      await closed;
      return Number(output.split('\n')[1]);
    },
  };
}
