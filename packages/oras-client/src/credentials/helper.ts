import { spawn } from 'node:child_process';
import { OciError } from '../errors.ts';
import { printable } from '../printable.ts';
import type { Credential } from './credential.ts';

/** A helper answers within this time and size, or is given up. */
const TIMEOUT_MS = 20_000;
const MAX_OUTPUT = 64 * 1024;

interface HelperAnswer {
  status: number;
  stdout: string;
  stderr: string;
}

/**
 * Asks a credential helper (`docker-credential-NAME get|store|erase`, JSON on stdin and stdout).
 *
 * @param env - where the helper is looked up (`PATH`), and what it is given.
 * @param timeoutMs - default 20,000.
 * @returns for `get`: the credential, or `undefined` where the helper has none.
 * @throws {OciError} `ERR_OCI_CREDENTIALS` naming the helper's program and what it said.
 */
export async function callCredentialHelper(
  name: string,
  action: 'get' | 'store' | 'erase',
  input: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
  timeoutMs: number = TIMEOUT_MS,
): Promise<Credential | undefined> {
  const program = `docker-credential-${name}`;
  if (!/^[A-Za-z0-9._-]+$/.test(name)) {
    throw new OciError(
      'ERR_OCI_CREDENTIALS',
      `"${printable(name).slice(0, 64)}" is not the name of a credential helper`,
    );
  }
  const { status, stdout, stderr } = await runHelper(program, [action], input, env, timeoutMs);
  if (status !== 0) {
    if (/credentials not found/i.test(`${stdout}\n${stderr}`)) return undefined;
    // Helpers complain on stdout; but what looks like an answer may hold a secret.
    throw failed(
      program,
      `failed: ${firstLine(stderr) || (stdout.includes('{') ? `status ${status}` : firstLine(stdout))}`,
    );
  }
  return action === 'get' ? parseAnswer(program, stdout) : undefined;
}

function parseAnswer(program: string, stdout: string): Credential | undefined {
  let answer: { Username?: unknown; Secret?: unknown } | null;
  try {
    answer = JSON.parse(stdout) as typeof answer;
  } catch {
    // The cause would carry the secret.
    throw failed(program, 'did not answer with JSON');
  }
  const { Username: username, Secret: secret } = answer ?? {};
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw failed(program, 'answered without Username and Secret');
  if (username === '' && secret === '') return undefined;
  // Docker's convention: this user name says that the secret is an identity token.
  return username === '<token>' ? { refreshToken: secret } : { username, password: secret };
}

function runHelper(
  program: string,
  args: string[],
  input: string,
  env: Readonly<Record<string, string | undefined>>,
  timeoutMs: number,
): Promise<HelperAnswer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
    let stdout = '';
    let stderr = '';
    const giveUp = (why: string): void => {
      child.kill('SIGKILL');
      // A process that the helper started may hold the pipes open.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      reject(failed(program, why));
    };
    const timer = setTimeout(() => giveUp(`did not answer within ${timeoutMs / 1000} seconds`), timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (stdout.length > MAX_OUTPUT) giveUp(`answered with more than ${MAX_OUTPUT} characters`);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(0, MAX_OUTPUT);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(failed(program, error.code === 'ENOENT' ? 'is not on PATH' : `cannot be started (${error.code})`));
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status: status ?? 1, stdout, stderr });
    });
    // A helper may end without reading.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function firstLine(text: string): string {
  return printable(text.trim().split('\n')[0] ?? '').slice(0, 300);
}

function failed(program: string, why: string): OciError {
  return new OciError('ERR_OCI_CREDENTIALS', `the credential helper ${program} ${why}`, {
    hint: 'Install or mend the helper, or remove it from credsStore and credHelpers in the config file.',
  });
}
