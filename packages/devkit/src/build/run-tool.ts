import { execFile } from 'node:child_process';

/** How a tool ended. */
export interface ToolResult {
  /** Exit status; `undefined` where a signal ended it. */
  status: number | undefined;
  stdout: string;
  stderr: string;
}

/** Bound on what is kept of a tool's output, in bytes. */
const MAX_OUTPUT_SIZE: number = 4 * 1024 * 1024;

/**
 * Runs a compiler tool, without a shell, with an environment in which only the file to run is found by `PATH`: variables such as `CPATH`
 * or `LANG` would change what comes out.
 *
 * @throws the spawn error (`ENOENT` where the tool is missing), or the signal's reason.
 */
export async function runTool(
  command: string,
  args: readonly string[],
  options: { cwd?: string; signal?: AbortSignal | undefined } = {},
): Promise<ToolResult> {
  const env = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    LC_ALL: 'C',
    TMPDIR: process.env['TMPDIR'] ?? '/tmp',
    // clang takes __DATE__ and __TIME__ from it.
    SOURCE_DATE_EPOCH: '0',
  };
  return await new Promise((resolve, reject) => {
    execFile(
      command,
      [...args],
      { ...options, env, maxBuffer: MAX_OUTPUT_SIZE, encoding: 'utf8' },
      (error, stdout, stderr) => {
        if (error === null) resolve({ status: 0, stdout, stderr });
        else if (typeof error.code === 'number') resolve({ status: error.code, stdout, stderr });
        else if (error.signal && !options.signal?.aborted) resolve({ status: undefined, stdout, stderr });
        else reject(options.signal?.aborted ? options.signal.reason : error);
      },
    );
  });
}
