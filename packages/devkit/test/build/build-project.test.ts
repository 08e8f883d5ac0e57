import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BuildStep, DevkitError, type Project, buildProject, readBuild, readProject } from '../../src/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const EXAMPLES = join(import.meta.dirname, '../../../../examples');

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "answer.h"
char LICENSE[] SEC("license") = "GPL";
SEC("xdp") int answer(struct xdp_md *ctx) { return ANSWER; }
`;

function writeProject(folder: string, variant = '', source: string = SOURCE): string {
  mkdirSync(join(folder, 'include dir'), { recursive: true });
  writeFileSync(join(folder, 'include dir/answer.h'), '#ifndef ANSWER\n#define ANSWER 2\n#endif\n');
  writeFileSync(join(folder, 'demo.bpf.c'), source);
  writeFileSync(
    join(folder, 'ebpf-service.yaml'),
    `name: demo\nversion: 1.0.0\ninclude: [include dir]\nvariants:\n  - name: demo\n    sources: [demo.bpf.c]\n${variant}`,
  );
  return folder;
}

async function project(variant?: string, source?: string): Promise<Project> {
  return readProject(writeProject(temporaryFolder(), variant, source));
}

async function failureOf(promise: Promise<unknown>): Promise<DevkitError> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DevkitError);
  return error as DevkitError;
}

describe('buildProject', () => {
  it('compiles for each architecture and makes one object of equal ones', async () => {
    const steps: BuildStep[] = [];
    const built = await buildProject(await project(), { onStep: (step) => steps.push(step) });
    expect(built.objects).toHaveLength(1);
    expect(built.objects[0]).toMatchObject({ variant: 'demo', byteOrder: 'little' });
    expect(built.objects[0]).not.toHaveProperty('architecture');
    expect(steps.map(({ kind }) => kind)).toEqual(['toolchain', 'compiled', 'compiled', 'object']);
    expect(readdirSync(built.directory).toSorted()).toEqual(['build.json', 'demo.bpf.o']);
  });

  it('keeps objects apart where the architecture matters', async () => {
    const source = SOURCE.replace('return ANSWER', 'return sizeof(STRING)').replace(
      'SEC("xdp")',
      '#ifdef __TARGET_ARCH_x86\n#define STRING "a"\n#else\n#define STRING "bb"\n#endif\nSEC("xdp")',
    );
    const { objects } = await buildProject(await project('', source));
    expect(objects.map(({ architecture, path }) => [architecture, basename(path)])).toEqual([
      ['amd64', 'demo-amd64.bpf.o'],
      ['arm64', 'demo-arm64.bpf.o'],
    ]);
  });

  it('keeps the one architecture that the author names', async () => {
    const { objects } = await buildProject(await project('    architectures: [arm64]\n'));
    expect(objects.map(({ architecture }) => architecture)).toEqual(['arm64']);
  });

  it('compiles for big-endian machines', async () => {
    const { objects } = await buildProject(await project('    byteOrder: big\n'));
    expect(objects[0]).toMatchObject({ byteOrder: 'big', architecture: 's390x' });
    // ELF gABI: EI_DATA is 2 for big-endian.
    expect(objects[0]?.bytes[5]).toBe(2);
  });

  it('keeps BTF and drops the rest of the debug information', async () => {
    const bytes = (await buildProject(await project())).objects[0]?.bytes ?? new Uint8Array();
    const text = Buffer.from(bytes).toString('latin1');
    expect(text).toContain('.BTF.ext');
    expect(text).not.toContain('.debug_info');
  });

  it('gives the same bytes wherever the project lies and whoever asks', async () => {
    const first = temporaryFolder();
    const second = join(temporaryFolder(), 'a folder', 'deep');
    cpSync(EXAMPLES, first, { recursive: true });
    cpSync(EXAMPLES, second, { recursive: true });
    const before = process.cwd();
    const digests = [];
    for (const folder of [first, second]) {
      process.chdir(folder);
      try {
        const built = await buildProject(await readProject('exec-watch/1.0.0'), { outDir: join(folder, 'out') });
        digests.push(built.objects.map(({ digest }) => digest));
        expect(built.objects.map(({ bytes }) => Buffer.from(bytes).includes(folder))).toEqual([false, false, false]);
      } finally {
        process.chdir(before);
      }
    }
    expect(digests[0]).toHaveLength(3);
    expect(digests[1]).toEqual(digests[0]);
  });

  it('takes definitions and flags', async () => {
    const plain = await buildProject(await project());
    const defined = await buildProject(await project('    defines: { ANSWER: 1 }\n    flags: [-mcpu=v3]\n'));
    expect(defined.objects[0]?.digest).not.toBe(plain.objects[0]?.digest);
  });

  it('reports the warnings of clang', async () => {
    const steps: BuildStep[] = [];
    const source = SOURCE.replace('{ return', '{ int unused_one; return');
    await buildProject(await project('', source), { onStep: (step) => steps.push(step) });
    const warnings = steps.map((step) => (step.kind === 'compiled' ? step.warnings : ''));
    expect(warnings.join('\n')).toContain('unused_one');
  });
});

describe('a build that fails', () => {
  it('says which line does not compile, and keeps the objects of the build before', async () => {
    const folder = writeProject(temporaryFolder());
    const built = await buildProject(await readProject(folder));
    const before = readFileSync(built.objects[0]?.path ?? '');
    writeProject(folder, '', SOURCE.replace('return ANSWER;', 'return nonsense;'));
    const error = await failureOf(buildProject(await readProject(folder)));
    expect(error).toMatchObject({ code: 'ERR_COMPILE_FAILED', file: join(folder, 'demo.bpf.c'), line: 6 });
    expect(error.message).toContain("use of undeclared identifier 'nonsense'");
    expect(error.details).toContain('return nonsense;');
    expect(error.hint).toContain('bpfship build');
    expect(readdirSync(built.directory).toSorted()).toEqual(['build.json', 'demo.bpf.o']);
    expect(readFileSync(built.objects[0]?.path ?? '')).toEqual(before);
  });

  it('says how to install a compiler that is missing', async () => {
    const error = await failureOf(buildProject(await project(), { clang: 'clang-that-is-not-there' }));
    expect(error.code).toBe('ERR_COMPILER_MISSING');
    expect(error.hint).toContain('apt-get install -y clang llvm');
  });

  it('says so where the compiler knows no BPF', async () => {
    const fake = join(temporaryFolder(), 'clang');
    writeFileSync(fake, '#!/bin/sh\necho "clang version 14.0.6"\n', { mode: 0o755 });
    const error = await failureOf(buildProject(await project(), { clang: fake }));
    expect(error).toMatchObject({ code: 'ERR_COMPILER_MISSING', file: fake });
  });

  it('says how to install headers that are missing', async () => {
    const fake = join(temporaryFolder(), 'clang');
    const script = `#!/bin/sh
case "$1" in
  --version) echo "clang version 14.0.6" ;;
  --print-targets) echo "    bpfel - BPF (little endian)" ;;
  *) printf '#include <...> search starts here:\\n /nonexistent\\nEnd of search list.\\n' >&2 ;;
esac
`;
    writeFileSync(fake, script, { mode: 0o755 });
    const error = await failureOf(buildProject(await project(), { clang: fake }));
    expect(error.code).toBe('ERR_HEADERS_MISSING');
    expect(error.hint).toContain('apt-get install -y libbpf-dev');
  });

  it('stops when it is told to, and leaves nothing', async () => {
    const demo = await project();
    const outDir = join(demo.directory, 'out');
    await expect(buildProject(demo, { outDir, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    expect(existsSync(outDir) ? readdirSync(outDir) : []).toEqual([]);
  });
});

describe('readBuild', () => {
  it('reads what was built', async () => {
    const demo = await project();
    const built = await buildProject(demo);
    expect(await readBuild(demo)).toEqual(built);
  });

  it('refuses a project that was never built', async () => {
    const error = await failureOf(readBuild(await project()));
    expect(error).toMatchObject({ code: 'ERR_BUILD_STALE' });
    expect(error.hint).toContain('bpfship build');
  });

  it.each([
    ['a source', 'demo.bpf.c', `${SOURCE}\n`],
    ['a header', 'include dir/answer.h', '#define ANSWER 1\n'],
    ['an object', 'build/demo.bpf.o', 'other bytes'],
    ['the record', 'build/build.json', '{}'],
  ])('refuses a build from before a change of %s', async (_, file, content) => {
    const demo = await project();
    await buildProject(demo);
    writeFileSync(join(demo.directory, file), content);
    expect(await failureOf(readBuild(demo))).toMatchObject({ code: 'ERR_BUILD_STALE' });
  });
});
