import { mkdirSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import { type Outcome, spawnCli } from './cli.ts';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';

/** Type of the artifacts that tests push. */
export const TYPE = 'application/vnd.acme.notes';

/** A registry, and a folder with files in which commands run. */
export interface ArtifactBench extends AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly registry: Registry;
  /** The folder that commands run in. */
  readonly where: string;
  /** A reference in the registry. */
  at(name: string): string;
  cli(args: readonly string[], input?: string): Promise<Outcome>;
  /** Runs a command that must succeed. */
  succeed(args: readonly string[], input?: string): Promise<string>;
  json<T = Record<string, unknown>>(args: readonly string[], input?: string): Promise<T>;
  /** Pushes notes.md. */
  push(name: string, ...more: string[]): Promise<{ digest: string }>;
}

/** Makes them: notes.md, "sub/a b.txt", big.bin of 700,000 bytes, config.json. */
export async function artifactBench(): Promise<ArtifactBench> {
  const folder = temporaryFolder();
  const registry = await createRegistry({ root: folder.file('registry') });
  const where = folder.file('work');
  mkdirSync(`${where}/sub`, { recursive: true });
  writeFileSync(`${where}/notes.md`, '# Notes\n');
  writeFileSync(`${where}/sub/a b.txt`, 'below');
  writeFileSync(`${where}/big.bin`, Buffer.alloc(700_000, 7));
  writeFileSync(`${where}/config.json`, '{"a":1}');
  const at = (name: string): string => `${registry.host}/${name}`;
  const cli = (args: readonly string[], input = ''): Promise<Outcome> =>
    spawnCli(args, { input, cwd: where, env: { DOCKER_CONFIG: folder.file('docker'), HOME: folder.path } });
  const succeed = async (args: readonly string[], input = ''): Promise<string> => {
    const outcome = await cli(args, input);
    expect(outcome, args.join(' ')).toMatchObject({ status: 0 });
    return outcome.stdout;
  };
  const json = async <T>(args: readonly string[], input = ''): Promise<T> =>
    JSON.parse(await succeed([...args, '--format', 'json'], input)) as T;
  const push = (name: string, ...more: string[]): Promise<{ digest: string }> =>
    json(['push', at(name), 'notes.md:text/markdown', '--artifact-type', TYPE, ...more]);
  return {
    folder,
    registry,
    where,
    at,
    cli,
    succeed,
    json,
    push,
    async [Symbol.asyncDispose]() {
      await registry.close();
      folder[Symbol.dispose]();
    },
  };
}
