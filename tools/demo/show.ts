import { spawn, type ChildProcess } from 'node:child_process';
import { styleText } from 'node:util';

/** One command that the demonstration ran, for its summary. */
export interface ShownCommand {
  step: string;
  line: string;
  milliseconds: number;
}

/** Shows commands and runs them. */
export interface Shower {
  readonly commands: readonly ShownCommand[];
  /** A heading. */
  step(title: string): void;
  say(text: string): void;
  /** Runs a command whose output is shown. @returns its standard output. Fails where it fails, unless `allow` names the status. */
  run(command: string[], options?: RunOptions): Promise<string>;
  /** Starts a command whose output is shown as it comes. */
  start(command: string[], options?: RunOptions): Running;
}

/** Options of one run. */
export interface RunOptions {
  env?: Record<string, string>;
  /** Exit statuses that are no failure, besides 0. */
  allow?: number[];
  /** Runs without showing anything. */
  quiet?: boolean;
  /** Shows only what the command says on the other stream. */
  hideOutput?: 'stdout';
}

/** A command that is running. */
export interface Running {
  child: ChildProcess;
  /** What it printed so far. */
  output(): string;
  /** Waits for some output. */
  waitFor(pattern: RegExp, milliseconds: number): Promise<boolean>;
  /** Interrupts it and waits for its end. */
  stop(): Promise<void>;
}

function showCommand(text: string): void {
  console.log(styleText('cyan', `  $ ${text}`));
}

/** Makes a shower; `names` replaces long program paths by what a person would type. */
export function createShower(cwd: string, shorten: (argument: string) => string): Shower {
  const commands: ShownCommand[] = [];
  let current = '';
  const line = (command: readonly string[]): string => command.map((argument) => quote(shorten(argument))).join(' ');

  const start = (command: string[], options: RunOptions = {}): Running => {
    if (!options.quiet) showCommand(line(command));
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (!options.quiet) process.stdout.write(text.replace(/^(?=.)/gm, '    '));
      });
    }
    const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
    return {
      child,
      output: () => output,
      waitFor: (pattern, milliseconds) => poll(() => pattern.test(output), milliseconds),
      async stop() {
        child.kill('SIGINT');
        await ended;
      },
    };
  };

  return {
    commands,
    step(title) {
      current = title;
      console.log(`\n${styleText('bold', title)}`);
    },
    say: (text) => console.log(`  ${text}`),
    start,
    async run(command, options = {}) {
      const begin = performance.now();
      if (!options.quiet) showCommand(line(command));
      const [program = '', ...args] = command;
      const { status, stdout, stderr } = await collect(program, args, cwd, options);
      commands.push({ step: current, line: line(command), milliseconds: performance.now() - begin });
      if (status !== 0 && !options.allow?.includes(status)) {
        throw new Error(`"${line(command)}" ended with status ${status}\n${stderr}`);
      }
      return stdout;
    },
  };
}

function collect(
  program: string,
  args: string[],
  cwd: string,
  options: RunOptions,
): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    const print = (text: string): void => {
      if (!options.quiet) process.stdout.write(text.replace(/^(?=.)/gm, '    '));
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (options.hideOutput !== 'stdout') print(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      print(text);
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status: status ?? 1, stdout, stderr }));
  });
}

/** Waits until something holds, looking at intervals. @returns whether it did in time. */
export async function poll(holds: () => boolean, milliseconds: number, intervalMs = 50): Promise<boolean> {
  const deadline = Date.now() + milliseconds;
  while (!holds()) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
  return true;
}

function quote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
