import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { DevkitError, fileError } from '../devkit-error.ts';
import { type Compilation, clangArguments } from './clang-arguments.ts';
import { parseDependencies } from './parse-dependencies.ts';
import { runTool } from './run-tool.ts';
import type { Toolchain } from './toolchain.ts';

/** What one compilation gave. */
export interface CompiledObject {
  bytes: Uint8Array;
  /** Absolute paths of the sources that clang read, without the system's headers. */
  inputs: string[];
  /** clang's warnings, as it printed them; empty where there are none. */
  warnings: string;
  /** The command line, for people. */
  command: string[];
}

/** Bound on the compiler lines in an error. */
const MAX_DETAILS = 16_384;

/**
 * Compiles one variant for one architecture, and removes debug information besides BTF.
 *
 * @throws {DevkitError} `ERR_COMPILE_FAILED` with clang's lines.
 */
export async function compile(
  toolchain: Toolchain,
  compilation: Compilation,
  signal?: AbortSignal,
): Promise<CompiledObject> {
  const { project, output, dependencies } = compilation;
  const args = clangArguments(toolchain, compilation);
  const compiled = await runTool(toolchain.clang, args, { cwd: project.directory, signal });
  if (compiled.status !== 0) throw compileError(compilation, compiled.stderr, compiled.status);
  // Keeps .BTF and .BTF.ext, which are no debug information to it.
  const stripped = await runTool(toolchain.strip, ['-g', output], { signal });
  if (stripped.status !== 0) throw compileError(compilation, stripped.stderr, stripped.status);
  try {
    return {
      bytes: await readFile(output),
      inputs: parseDependencies(await readFile(dependencies, 'utf8')),
      warnings: compiled.stderr.trim(),
      command: [toolchain.clang, ...args],
    };
  } catch (cause) {
    throw fileError('reading', output, cause);
  }
}

function compileError(
  { project, variant, architecture }: Compilation,
  output: string,
  status: number | undefined,
): DevkitError {
  const place = /^(.+?):(\d+):\d+: (?:fatal )?error: (.+)$/m.exec(output);
  const source = relative(process.cwd(), variant.source);
  const message =
    place?.[3] ?? (output.trim().split('\n').at(-1) || `the compiler ended with status ${status ?? 'none'}`);
  const where = place ? `${place[1]}:${place[2]}` : source;
  return new DevkitError(
    'ERR_COMPILE_FAILED',
    `variant "${variant.name}" for ${architecture} does not compile: ${where}: ${message}`,
    {
      file: place?.[1] ?? variant.source,
      ...(place ? { line: Number(place[2]) } : {}),
      hint: `Correct ${place?.[1] ?? source}, then: bpfship build ${relative(process.cwd(), project.directory) || '.'}`,
      details: output.slice(0, MAX_DETAILS),
    },
  );
}
