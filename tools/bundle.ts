import { existsSync, statSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { type InputOptions, type OutputChunk, type OutputOptions, rolldown } from 'rolldown';
import { BUNDLE_ALIASES } from './bundle-aliases.ts';
import { licencesOf } from './bundle-licences.ts';
import { leaveOutUnused, REGISTRY_CHUNK, refuseCircles, takeBuiltinsLate } from './bundle-start.ts';

// Makes few files of many: loading them takes a fraction of the time of loading their modules one by one. Part of the build; does nothing where
// the files are newer than what they are made of.
const PACKAGES = join(import.meta.dirname, '..', 'packages');

interface Bundle {
  input: InputOptions;
  output: OutputOptions;
  /** The file that tells how old it is. */
  result: string;
  /** Packages that it is made of. */
  sources: readonly string[];
  /** What it may import beside Node's own modules. */
  imports: readonly string[];
}

/** The decision, without schemas: packages/portability, `./decision`. */
const DECISION: Bundle = {
  input: { input: dist('portability', 'decision.js'), platform: 'neutral' },
  output: { file: dist('portability', 'decision.bundle.js') },
  result: dist('portability', 'decision.bundle.js'),
  sources: ['portability', 'bpf-object', 'media-types'],
  imports: [],
};

const CLI_FOLDER = join(PACKAGES, 'cli', 'bundle');
/** The program, with the workers beside it that speak to the kernel and read events: packages/cli, which it starts from. */
const CLI: Bundle = {
  input: {
    input: {
      main: dist('cli', 'main.js'),
      worker: dist('runtime-shim', 'kernel', 'worker.js'),
      'event-worker': dist('runtime-shim', 'observe', 'reader', 'event-worker.js'),
    },
    platform: 'node',
    preserveEntrySignatures: false,
    // A native module, which finds its library beside itself.
    external: ['koffi'],
  },
  output: { dir: CLI_FOLDER, codeSplitting: { groups: [REGISTRY_CHUNK] } },
  result: join(CLI_FOLDER, 'main.js'),
  sources: ['media-types', 'oras-client', 'bpf-object', 'portability', 'trust', 'runtime-shim', 'devkit', 'hub', 'cli'],
  imports: ['koffi'],
};

const SHIM_FOLDER = join(PACKAGES, 'runtime-shim', 'bundle');
/** The daemon, likewise: what it needs only now and then is in files of its own. */
const SHIM: Bundle = {
  input: {
    input: {
      main: dist('runtime-shim', 'daemon', 'main.js'),
      worker: dist('runtime-shim', 'kernel', 'worker.js'),
      'event-worker': dist('runtime-shim', 'observe', 'reader', 'event-worker.js'),
    },
    platform: 'node',
    external: ['koffi'],
  },
  output: { dir: SHIM_FOLDER },
  result: join(SHIM_FOLDER, 'main.js'),
  sources: ['media-types', 'oras-client', 'bpf-object', 'portability', 'trust', 'runtime-shim'],
  imports: ['koffi'],
};

if (!(await isFresh(DECISION))) await write(DECISION);
for (const [folder, bundle] of [
  [CLI_FOLDER, CLI],
  [SHIM_FOLDER, SHIM],
] as const) {
  if (await isFresh(bundle)) continue;
  await rm(folder, { recursive: true, force: true });
  await writeFile(join(folder, 'LICENSES.txt'), await licencesOf(await write(bundle)));
}

function dist(name: string, ...path: string[]): string {
  return join(PACKAGES, name, 'dist', ...path);
}

async function isFresh({ result, sources }: Bundle): Promise<boolean> {
  if (!existsSync(result)) return false;
  const made = statSync(result).mtimeMs;
  for (const name of sources)
    for (const file of await readdir(dist(name), { recursive: true }))
      if (file.endsWith('.js') && dist(name, file) !== DECISION.result && statSync(dist(name, file)).mtimeMs > made)
        return false;
  return true;
}

async function write({ input, output, imports }: Bundle): Promise<OutputChunk[]> {
  const build = await rolldown({
    ...input,
    ...(imports.length > 0 ? { plugins: [leaveOutUnused] } : {}),
    resolve: { alias: { ...BUNDLE_ALIASES } },
    // What is loaded late by the daemon is loaded at once by others: both are bundled here.
    checks: { ineffectiveDynamicImport: false },
  });
  try {
    const written = await build.write({
      ...output,
      format: 'esm',
      // One letter beyond makes two bytes of each: half the speed of loading for undici's 0.5 MB.
      charset: 'ascii',
      minify: { compress: true, mangle: false, codegen: true },
    });
    const chunks = written.output.filter((part) => part.type === 'chunk');
    const own = new Set(chunks.map(({ fileName }) => fileName));
    const foreign = chunks
      .flatMap((chunk) => chunk.imports)
      .filter((name) => !own.has(name) && !isKnown(name, imports));
    if (imports.length > 0) {
      refuseCircles(chunks);
      for (const { fileName, code } of chunks)
        await writeFile(join(output.dir ?? '', fileName), takeBuiltinsLate(code));
    }
    if (foreign.length > 0) throw new Error(`a bundle must need nothing else, but it imports ${foreign.join(', ')}`);
    return chunks;
  } finally {
    await build.close();
  }
}

function isKnown(name: string, imports: readonly string[]): boolean {
  return imports.length > 0 && (imports.includes(name) || isBuiltin(name));
}
