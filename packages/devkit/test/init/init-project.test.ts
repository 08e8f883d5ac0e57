import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BuildStep, PROJECT_TEMPLATES, buildProject, initProject, readProject } from '../../src/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';

describe('initProject', () => {
  it.each(PROJECT_TEMPLATES)('writes a %s project that builds at once, without a warning', async (template) => {
    const folder = join(temporaryFolder(), 'my-service');
    const files = await initProject(folder, { template });
    expect(files).toContain(join(folder, 'ebpf-service.yaml'));
    expect(files.every((file) => existsSync(file))).toBe(true);
    const project = await readProject(folder);
    expect(project).toMatchObject({ name: 'my-service', version: '0.1.0' });
    const steps: BuildStep[] = [];
    const { objects } = await buildProject(project, { onStep: (step) => steps.push(step) });
    expect(objects).toHaveLength(1);
    expect(steps.map((step) => (step.kind === 'compiled' ? step.warnings : '')).join('')).toBe('');
  });

  it('takes a name', async () => {
    const folder = temporaryFolder();
    await initProject(folder, { name: 'team/watcher' });
    expect((await readProject(folder)).name).toBe('team/watcher');
  });

  it('never writes over anything', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'ebpf-service.yaml'), 'mine');
    await expect(initProject(folder)).rejects.toMatchObject({ code: 'ERR_INIT_NOT_EMPTY', file: folder });
    expect(readFileSync(join(folder, 'ebpf-service.yaml'), 'utf8')).toBe('mine');
  });

  it('refuses a name that no service can have', async () => {
    const folder = join(temporaryFolder(), 'x');
    await expect(initProject(folder, { name: 'My Service' })).rejects.toMatchObject({ code: 'ERR_PROJECT_INVALID' });
    expect(existsSync(folder)).toBe(false);
  });
});
