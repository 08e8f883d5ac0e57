import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DevkitError, projectFileJsonSchema, readProject } from '../../src/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const EXAMPLES = join(import.meta.dirname, '../../../../examples');

function projectWith(text: string): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'src/a.bpf.c'), '');
  writeFileSync(join(folder, 'ebpf-service.yaml'), text);
  return folder;
}

const VALID = `name: demo
version: 1.0.0
variants:
  - name: a
    sources: [src/a.bpf.c]
`;

async function failureOf(text: string): Promise<DevkitError> {
  const error: unknown = await readProject(projectWith(text)).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DevkitError);
  return error as DevkitError;
}

describe('readProject', () => {
  it('resolves paths and fills in defaults', async () => {
    const folder = projectWith(VALID);
    expect(await readProject(folder)).toEqual({
      file: join(folder, 'ebpf-service.yaml'),
      directory: folder,
      name: 'demo',
      version: '1.0.0',
      events: [],
      metrics: [],
      parameters: [],
      migrations: [],
      include: [],
      docs: [],
      variants: [
        {
          name: 'a',
          source: join(folder, 'src/a.bpf.c'),
          defines: {},
          flags: [],
          architectures: ['amd64', 'arm64'],
          byteOrder: 'little',
        },
      ],
    });
  });

  it('puts definitions of a variant over those of the project', async () => {
    const project = await readProject(projectWith(`defines: { A: 1, B: x }\n${VALID}    defines: { B: 2 }\n`));
    expect(project.variants[0]?.defines).toEqual({ A: 1, B: 2 });
  });

  it.each(['exec-watch', 'exec-watch/1.0.0', 'xdp-guard', 'xdp-guard/1.0.0'])(
    'reads the example %s',
    async (example) => {
      const project = await readProject(join(EXAMPLES, example));
      expect(project.name).toBe(example.split('/')[0]);
      expect(project.version).toBe(example.endsWith('1.0.0') ? '1.0.0' : '1.1.0');
    },
  );

  it.each([
    [
      'an unknown key',
      `${VALID}licences: GPL-2.0-only\n`,
      6,
      'licences',
      'is no known key',
      'Did you mean "licenses"?',
    ],
    [
      'an unknown key of a variant',
      `${VALID}    source: x\n`,
      6,
      'variants[0].source',
      'is no known key',
      'Did you mean "sources"?',
    ],
    ['a key like nothing known', `${VALID}zzzzzz: 1\n`, 6, 'zzzzzz', 'is no known key', 'Known keys here: name, '],
    ['a missing key', VALID.replace('version: 1.0.0\n', ''), 1, 'version', 'is missing', 'Correct "version"'],
    ['a number for a version', VALID.replace('1.0.0', '1.0'), 2, 'version', 'expected string', 'Correct "version"'],
    [
      'an absolute path',
      VALID.replace('src/a', '/etc/a'),
      5,
      'variants[0].sources[0]',
      'must be a path relative',
      'Correct',
    ],
    [
      'two sources',
      VALID.replace('[src/a', '[b.c, src/a'),
      5,
      'variants[0].sources',
      'must name exactly one',
      'Correct',
    ],
    [
      'a flag that runs code',
      `${VALID}    flags: [-fplugin=x.so]\n`,
      6,
      'variants[0].flags[0]',
      'must be a flag',
      'Correct',
    ],
    [
      'a missing source',
      VALID.replace('a.bpf.c', 'b.bpf.c'),
      undefined,
      'variants[0].sources[0]',
      'no file',
      'Paths start',
    ],
    [
      'a variant twice',
      `${VALID}  - name: a\n    sources: [src/a.bpf.c]\n`,
      undefined,
      'variants[1].name',
      'twice',
      'Give',
    ],
    [
      'byte orders that differ',
      `${VALID}    architectures: [s390x]\n`,
      undefined,
      'variants[0].architectures',
      's390x',
      '"byteOrder"',
    ],
    ['a list in place of a map', '- a\n', 1, '', 'expected object', 'Correct the file'],
    ['an empty file', '', undefined, '', 'expected object', 'Correct the file'],
  ])('refuses %s, with its place and the next step', async (_, text, line, path, message, hint) => {
    const error = await failureOf(text);
    expect(error.code).toBe('ERR_PROJECT_INVALID');
    expect(error.line).toBe(line);
    expect(error.path).toBe(path);
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
    expect(error.file).toMatch(/ebpf-service\.yaml$/);
  });

  it('refuses what is not YAML, with the line', async () => {
    expect(await failureOf('name: demo\nversion: "1\n')).toMatchObject({ code: 'ERR_PROJECT_INVALID', line: 3 });
  });

  it('refuses a bomb of aliases', async () => {
    const levels = Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(i === 0 ? 0 : 9)}x]`);
    expect(await failureOf(levels.join('\n'))).toMatchObject({ code: 'ERR_PROJECT_INVALID' });
  });

  it('says how to start where there is no project', async () => {
    await expect(readProject(temporaryFolder())).rejects.toMatchObject({
      code: 'ERR_PROJECT_INVALID',
      hint: expect.stringContaining('bpfship init') as string,
    });
  });
});

describe('projectFileJsonSchema', () => {
  it('describes every key and allows no other', () => {
    expect(projectFileJsonSchema()).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['name', 'version', 'variants'],
    });
  });
});
