import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, spawnCli } from './support/cli.ts';
import { type PackedService, packService, succeed } from './support/packed-service.ts';

let service: PackedService;
let env: Record<string, string>;

const cli = (...args: string[]): Promise<Outcome> => spawnCli(args, { env });

describe.skipIf(process.getuid?.() !== 0)('apply', () => {
  beforeAll(async () => {
    service = await packService();
    mkdirSync(service.folder.file('bpffs'));
    env = { BPFSHIP_STATE_DIR: service.folder.file('state'), BPFSHIP_BPFFS: service.folder.file('bpffs/bpfship') };
  });
  afterAll(async () => {
    for (const path of ['bpffs/bpfship', 'bpffs']) spawnSync('umount', ['-q', service.folder.file(path)]);
    await service[Symbol.asyncDispose]();
  });

  it('shows the plan, brings the node there, and comes to the same end again', async () => {
    const file = service.folder.file('node.yaml');
    const write = (more: string): void =>
      writeFileSync(
        file,
        `schemaVersion: 1
policy: { keys: ["${service.publicKey}"] }
${more}services: [{ name: probe, reference: "${service.reference}" }]
`,
      );
    write('');
    expect(await cli('apply')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('bpfship apply node.yaml') as string,
    });
    const planned = await cli('apply', file, '--dry-run');
    expect(planned.stdout).toMatch(/^probe: would install \(.*\)\n$/);
    expect((await cli('ps', '-q')).stdout).toBe('');
    const applied = await cli('apply', file, '-j');
    expect(applied.status, applied.stderr).toBe(0);
    expect(JSON.parse(applied.stdout)).toMatchObject({
      settled: true,
      services: [{ service: 'probe', action: 'install', outcome: 'done', to: { version: '0.1.0' } }],
    });
    // What was applied is kept: no file is needed, and one request tells that nothing changed.
    expect(JSON.parse((await cli('apply', '-j')).stdout)).toEqual({
      settled: true,
      services: [{ service: 'probe', action: 'none', outcome: 'unchanged' }],
      requests: 1,
    });
    write('prune: maybe\n');
    expect(await cli('apply', file)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/node\.yaml: prune: /) as string,
    });
    // Why one fails, and the next step, a line each.
    writeFileSync(
      file,
      `schemaVersion: 1
policy: { keys: ["${service.publicKey}"] }
services: [{ name: other, reference: "${service.reference}" }]
`,
    );
    expect(await cli('apply', file)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /^Warning: other: the package is probe, not other\nWarning: other: "bpfship install" installs probe/m,
      ) as string,
    });
    writeFileSync(file, 'schemaVersion: 1\nprune: true\nservices: []\n');
    expect((await cli('apply', file)).stdout).toBe('probe: uninstall: done (0.1.0)\n');
    expect((await cli('ps', '-q')).stdout).toBe('');
  });

  it('finds packages by a signed catalogue, which is asked for once where nothing changed', async () => {
    const { registry, folder, publicKey, privateKey } = service;
    const catalogue = folder.file('catalogue');
    const build = ['hub', 'build', `${registry.host}/acme/probe`, '--key', publicKey, '--name', 'acme'];
    await succeed([...build, '--output', catalogue, '--sign-key', privateKey], service.env);
    await succeed(['push', `${catalogue}:latest`, `${registry.host}/acme/catalogue:latest`]);
    const file = folder.file('by-catalogue.yaml');
    const write = (name: string, version: string): void =>
      writeFileSync(
        file,
        `schemaVersion: 1
policy: { keys: ["${publicKey}"] }
prune: true
catalogues: [{ name: acme, reference: "${registry.host}/acme/catalogue:latest" }]
services: [{ name: ${name}, catalogue: acme, version: "${version}" }]
`,
      );
    write('probe', '>=9');
    const missing = await cli('apply', file, '-j');
    expect(missing.status).not.toBe(0);
    expect(JSON.parse(missing.stdout)).toMatchObject({ settled: false, services: [{ outcome: 'failed' }] });
    write('probe', '^0.1.0');
    expect(JSON.parse((await cli('apply', file, '-j')).stdout)).toMatchObject({
      settled: true,
      services: [{ service: 'probe', action: 'install', outcome: 'done', to: { version: '0.1.0' } }],
    });
    expect(JSON.parse((await cli('apply', '-j')).stdout)).toMatchObject({
      services: [{ action: 'none', outcome: 'unchanged' }],
      requests: 1,
    });
    writeFileSync(file, 'schemaVersion: 1\nprune: true\nservices: []\n');
    expect((await cli('apply', file)).status).toBe(0);
  });
});
