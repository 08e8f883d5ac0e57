import { writeFile } from 'node:fs/promises';
import { type BuiltProject, type Project, tryBuild } from '@bpfship/devkit';
import { canonicalJson, type EvidenceRun } from '@bpfship/media-types';
import { KernelError, openKernel } from '@bpfship/runtime-shim';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './context.ts';
import { fileError } from './files.ts';
import { readFactsFor } from './node-info.ts';

/** Options of `bpfship build` about loading. */
export interface LoadBuiltValues {
  /** True: must load; false: do not; default: where this process may. */
  load?: boolean;
  /** File to write evidence into. */
  evidence?: string;
}

/** One program, or a variant as a whole, that did not load. */
interface Failure {
  text: string;
  unforeseen: boolean;
}

/**
 * Loads what was built once on this kernel, and warns of what does not load. @returns what came of each variant; none where nothing was tried.
 *
 * @throws {CliError} `ERR_CLI_BUILD_LOAD` with `--load`, where a variant fails that should load, or nothing could be tried.
 */
export async function loadBuilt(
  project: Project,
  built: BuiltProject,
  { load, evidence: output }: LoadBuiltValues,
  { printer, signal }: CommandContext,
): Promise<EvidenceRun[]> {
  const wanted = load === true || output !== undefined;
  if (load === false || (!wanted && process.getuid?.() !== 0)) return [];
  await using kernel = openKernel();
  const readFacts = readFactsFor;
  const tried = await tryBuild({ kernel, project, built, readFacts, signal }).catch((error: unknown) => {
    // A machine that compiles need not have libbpf.
    if (wanted || !(error instanceof KernelError)) throw error;
    return { runs: [], evidence: undefined };
  });
  const failures = tried.runs.flatMap(failuresOf);
  for (const { text, unforeseen } of failures) printer[unforeseen ? 'warn' : 'status'](text);
  if (tried.runs.length > 0)
    printer.status(
      `Loaded   ${tried.runs.length - failedRuns(tried.runs)} of ${tried.runs.length} objects on this kernel`,
    );
  if (wanted && tried.evidence === undefined) {
    throw new CliError(
      'ERR_CLI_BUILD_LOAD',
      'nothing could be loaded on this kernel',
      'Run it as root, or with CAP_BPF and CAP_PERFMON, where a variant is for this architecture; "bpfship info" shows what this process may do.',
    );
  }
  if (output !== undefined && tried.evidence) {
    await writeFile(output, canonicalJson(tried.evidence)).catch((error: unknown) => {
      throw fileError(error, output, 'written');
    });
  }
  const unforeseen = failures.filter((failure) => failure.unforeseen);
  if (load === true && unforeseen.length > 0) {
    throw new CliError(
      'ERR_CLI_BUILD_LOAD',
      `${project.name} ${project.version} was built, and does not load on this kernel although its requirements are met`,
      'The lines above are the kernel’s; what is wrong is probably wrong on every kernel.',
    );
  }
  return tried.runs;
}

function failedRuns(runs: readonly EvidenceRun[]): number {
  return runs.filter(({ object }) => object?.outcome !== 'ok').length;
}

function failuresOf({ variant, object, programs }: EvidenceRun): Failure[] {
  const failed = programs.filter(({ loads }) => loads.outcome === 'failed');
  const all = failed.map(({ name, loads }) => ({ what: `program ${name} of variant ${variant}`, result: loads }));
  if (all.length === 0 && object?.outcome === 'failed') all.push({ what: `variant ${variant}`, result: object });
  return all.map(({ what, result: { errno, log = [], unforeseen = false } }) => ({
    unforeseen,
    text: [
      `${what} does not load on this kernel${errno === undefined ? '' : ` (${errno})`}${log.length > 0 ? ':' : '; the verifier said nothing: see its maps'}`,
      ...log.slice(-8).map((line) => `  ${line}`),
    ].join('\n'),
  }));
}
