import { describe, expect, it } from 'vitest';
import type { Command } from 'commander';
import { createProgram } from '../src/program.ts';
import { helpTopics } from '../src/help-topics.ts';
import { runCli, spawnCli } from './support/cli.ts';

const topics = new Set(helpTopics().map(({ name }) => name));

/** Words of every command and subcommand. */
function pathsOf(command: Command, path: readonly string[] = []): string[][] {
  return command.commands
    .filter((child) => !topics.has(child.name()))
    .flatMap((child) => [[...path, child.name()], ...pathsOf(child, [...path, child.name()])]);
}

const paths = pathsOf(
  await createProgram(() => {
    throw new Error('no command runs here');
  }),
);

describe('help', () => {
  it('knows every command of the plan', () => {
    const wanted =
      'init build pack inspect push pull copy sign verify check run install ps logs upgrade rollback uninstall search info login logout version';
    expect(paths.map((path) => path.join(' '))).toEqual(
      expect.arrayContaining([...wanted.split(' '), 'hub build', 'hub export']),
    );
  });

  it.each(paths.map((path) => [path.join(' '), path] as const))(
    '%s: says what, how, and shows three examples',
    async (_, path) => {
      const { status, stdout, stderr } = await runCli([...path, '--help']);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout.split('\n')[0]).toBe(await usageOf(path));
      expect(stdout.match(/^ {2}\$ .*(?:bpfship|oras|cosign) /gm)?.length).toBeGreaterThanOrEqual(3);
      const long = stdout.split('\n').filter((line) => line.length > 80 && !line.startsWith('  $ '));
      expect(long).toEqual([]);
      expect((await runCli(['help', ...path])).stdout).toBe(stdout);
    },
  );

  it('groups the commands, and ends with no stray group', async () => {
    const { stdout } = await runCli(['help']);
    expect(stdout.match(/^[A-Z][\w ]*:$/gm)).toEqual(
      ['Options', 'Author', 'Trust', 'Registry', 'Node', 'Hub', 'Other', 'Help topics', 'Examples'].map(
        (name) => `${name}:`,
      ),
    );
    expect((await runCli([])).stdout).toBe(stdout);
    expect((await runCli(['--help'])).stdout).toBe(stdout);
  });

  it('prints the topics', async () => {
    for (const { name, text } of helpTopics()) {
      expect((await runCli([name])).stdout).toBe(`${text}\n`);
      expect((await runCli(['help', name])).stdout).toBe(`${text}\n`);
    }
  });

  it('is the same from the process', async () => {
    const outcome = await spawnCli(['help', 'install']);
    expect(outcome).toEqual(await runCli(['install', '--help']));
  });

  it('"hub" alone is wrong usage: its help goes to stderr', async () => {
    const outcome = await runCli(['hub']);
    expect(outcome).toMatchObject({ status: 2, stdout: '' });
    expect(outcome.stderr).toContain('Usage: bpfship hub');
  });
});

async function usageOf(path: readonly string[]): Promise<string> {
  let command: Command | undefined = await createProgram(() => {
    throw new Error('no command runs here');
  });
  for (const word of path) command = command?.commands.find((child) => child.name() === word);
  const alias = command?.alias() === undefined ? '' : `|${command.alias()}`;
  return `Usage: bpfship ${path.join(' ')}${alias} ${command?.usage() ?? ''}`.trimEnd();
}
