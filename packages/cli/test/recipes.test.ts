import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BIN, cleanEnvironment, type Outcome } from './support/cli.ts';
import { type PackedService, packService } from './support/packed-service.ts';

const RECIPES = join(import.meta.dirname, '..', '..', '..', 'docs', 'recipes.md');
const isRoot = process.getuid?.() === 0;
const hasJq = spawnSync('jq', ['--version']).status === 0;

/** The blocks that docs/recipes.md calls tested, by their place in the file. */
const blocks = [...readFileSync(RECIPES, 'utf8').matchAll(/<!-- tested( as root)? -->\n+```sh\n([^]*?)```/g)].map(
  ([, root, script = ''], i) => ({
    name: `${i + 1}: ${script.split('\n')[0] ?? ''}`,
    root: root !== undefined,
    script,
  }),
);

let service: PackedService;
let folder: string;
beforeAll(async () => {
  service = await packService();
  folder = service.folder.file('work');
  mkdirSync(service.folder.file('bin'));
  mkdirSync(service.folder.file('bpffs'));
  writeFileSync(service.folder.file('bin/bpfship'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
  chmodSync(service.folder.file('bin/bpfship'), 0o755);
  mkdirSync(folder);
  for (const name of ['acme.key', 'acme.pub']) copyFileSync(service.folder.file(name), join(folder, name));
  cpSync(service.folder.file('layout'), join(folder, 'layout'), { recursive: true });
});
afterAll(async () => {
  for (const path of ['bpffs/bpfship', 'bpffs']) spawnSync('umount', ['-q', service.folder.file(path)]);
  await service[Symbol.asyncDispose]();
});

function sh(script: string): Promise<Outcome> {
  const env = {
    ...cleanEnvironment(),
    ...service.env,
    PATH: `${service.folder.file('bin')}:${process.env['PATH'] ?? ''}`,
    REGISTRY: service.registry.host,
    XDG_CACHE_HOME: service.folder.file('cache'),
    BPFSHIP_STATE_DIR: service.folder.file('state'),
    BPFSHIP_BPFFS: service.folder.file('bpffs/bpfship'),
  };
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (stderr += text));
  return new Promise((resolve) => void child.once('close', (status) => resolve({ status, stdout, stderr })));
}

describe('docs/recipes.md', () => {
  it('has what the tests below run', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(9);
  });

  for (const { name, root, script } of blocks) {
    it.skipIf((root && !isRoot) || (script.includes('jq') && !hasJq))(name, async () => {
      // Programs that start, for the recipes that show them.
      const busy = root ? setInterval(() => execFileSync('/bin/true'), 20) : undefined;
      try {
        const { status, stdout, stderr } = await sh(script);
        expect([status, stderr]).toEqual([0, expect.not.stringMatching(/^Error/m)]);
        if (script.includes('check -q')) expect(stdout).toBe('node.json ringbuf\n');
        if (script.includes('.event.comm')) expect(stdout).toMatch(/^ +\d+ \S/m);
        if (script.includes('head -3'))
          expect(readFileSync(join(folder, 'events.jsonl'), 'utf8').match(/^\{.*\}$/gm)).toHaveLength(3);
      } finally {
        clearInterval(busy);
      }
    });
  }

  it('left nothing on the node', async () => {
    expect(await sh('bpfship ps -q')).toMatchObject({ status: 0, stdout: '' });
  });
});
