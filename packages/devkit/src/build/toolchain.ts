import { access, constants, realpath } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { DevkitError } from '../devkit-error.ts';
import { type ToolResult, runTool } from './run-tool.ts';

/** The tools that a build uses, found on this machine. */
export interface Toolchain {
  clang: string;
  /** First line of `clang --version`. */
  version: string;
  strip: string;
  /** The system's include folders, in order, without the compiler's own. */
  systemIncludes: string[];
}

const INSTALL_COMPILER =
  'Install it: apt-get install -y clang llvm (Debian, Ubuntu) or dnf install -y clang llvm (Fedora)';
const INSTALL_HEADERS =
  'Install them: apt-get install -y libbpf-dev (Debian, Ubuntu) or dnf install -y libbpf-devel (Fedora)';

/**
 * Finds clang with its BPF target, llvm-strip beside it, and the headers of libbpf.
 *
 * @param options.clang - name or path; default `clang`.
 * @param options.include - folders of the project, which may hold their own copy of libbpf's headers.
 * @throws {DevkitError} `ERR_COMPILER_MISSING` or `ERR_HEADERS_MISSING`, each with the command that installs what is missing.
 */
export async function findToolchain(
  options: { clang?: string; include?: readonly string[]; signal?: AbortSignal } = {},
): Promise<Toolchain> {
  const clang = await findExecutable(options.clang ?? 'clang');
  if (clang === undefined) {
    throw new DevkitError('ERR_COMPILER_MISSING', `${options.clang ?? 'clang'} is not installed`, {
      hint: INSTALL_COMPILER,
    });
  }
  const about = await ask(clang, ['--version'], options.signal);
  const targets = await ask(clang, ['--print-targets'], options.signal);
  if (!/^\s*bpfel\b/m.test(targets.stdout)) {
    throw new DevkitError('ERR_COMPILER_MISSING', `${clang} cannot compile for BPF`, {
      file: clang,
      hint: INSTALL_COMPILER,
    });
  }
  const version = about.stdout.split('\n', 1)[0]?.trim() ?? '';
  const systemIncludes = await findSystemIncludes(clang, options.signal);
  await requireHeaders([...(options.include ?? []), ...systemIncludes]);
  return { clang, version, strip: await findStrip(clang, version), systemIncludes };
}

async function ask(clang: string, args: string[], signal: AbortSignal | undefined): Promise<ToolResult> {
  try {
    const result = await runTool(clang, args, { signal });
    if (result.status === 0) return result;
    throw new Error(result.stderr.slice(0, 1000) || `status ${result.status ?? 'unknown'}`);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new DevkitError('ERR_COMPILER_MISSING', `${clang} ${args.join(' ')} does not work`, {
      file: clang,
      hint: INSTALL_COMPILER,
      cause,
    });
  }
}

/**
 * For BPF, clang does not search the folder that holds `asm/types.h` on Debian (/usr/include/x86_64-linux-gnu), so the host's folders
 * are asked for and passed on.
 */
async function findSystemIncludes(clang: string, signal: AbortSignal | undefined): Promise<string[]> {
  const { stderr } = await ask(clang, ['-v', '-E', '-x', 'c', '/dev/null'], signal);
  const list = /#include <\.\.\.> search starts here:\n([\s\S]*?)\nEnd of search list/.exec(stderr)?.[1] ?? '';
  const folders = list.split('\n').map((folder) => resolve(folder.trim()));
  return folders.filter((folder) => !/\/lib(?:64)?\/clang\/[^/]+\/include$/.test(folder));
}

async function requireHeaders(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    if (await isReadable(join(folder, 'bpf', 'bpf_helpers.h'))) return;
  }
  throw new DevkitError('ERR_HEADERS_MISSING', 'the headers of libbpf (bpf/bpf_helpers.h) are not installed', {
    hint: INSTALL_HEADERS,
  });
}

/** Debian has `llvm-strip-14` in the PATH, and `llvm-strip` in the folder where clang really is. */
async function findStrip(clang: string, version: string): Promise<string> {
  const major = /version (\d+)/.exec(version)?.[1];
  const beside = dirname(await realpath(clang));
  const names = [join(beside, 'llvm-strip'), ...(major === undefined ? [] : [`llvm-strip-${major}`]), 'llvm-strip'];
  for (const name of names) {
    const found = await findExecutable(name);
    if (found !== undefined) return found;
  }
  throw new DevkitError('ERR_COMPILER_MISSING', `llvm-strip is not installed beside ${clang}`, {
    file: clang,
    hint: INSTALL_COMPILER,
  });
}

async function findExecutable(name: string): Promise<string | undefined> {
  const folders = name.includes('/') ? [''] : (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  for (const folder of folders) {
    const path = folder === '' ? resolve(name) : join(folder, name);
    if (await isReadable(path, constants.X_OK)) return path;
  }
  return undefined;
}

async function isReadable(path: string, mode: number = constants.R_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
