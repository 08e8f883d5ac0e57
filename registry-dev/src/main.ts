import { mkdtemp, rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRegistry } from './create-registry.ts';

const USAGE = `Usage: registry-dev [options]

An OCI registry for development and tests (distribution-spec 1.1).

Options:
  --port <number>        port to listen on; default: any free one
  --host <address>       address to listen on; default 127.0.0.1
  --root <folder>        where everything is kept; default: a temporary folder, removed at the end
  --user <name:password> asks for Basic authentication; may be given several times
  --read-only            refuses every change
  --no-referrers         behaves like registries without the referrers API
  --allow-remote         allows an address that other machines can reach
  --help                 prints this text
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      host: { type: 'string', default: '127.0.0.1' },
      root: { type: 'string' },
      user: { type: 'string', multiple: true, default: [] },
      'read-only': { type: 'boolean', default: false },
      'no-referrers': { type: 'boolean', default: false },
      'allow-remote': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (!values['allow-remote'] && !isLoopback(values.host)) {
    throw new TypeError(`${values.host} can be reached from other machines; add --allow-remote if that is meant`);
  }
  const options = {
    host: values.host,
    port: parsePort(values.port),
    readOnly: values['read-only'],
    referrersApi: !values['no-referrers'],
    ...(values.user.length > 0 ? { users: Object.fromEntries(values.user.map(splitUser)) } : {}),
  };
  // Listened to before the folder is made, so that it is removed however early the end comes.
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  const temporary = values.root === undefined ? await mkdtemp(join(tmpdir(), 'registry-dev-')) : undefined;
  try {
    const registry = await createRegistry({ ...options, root: values.root ?? temporary ?? '' });
    process.stdout.write(`registry-dev listening on ${registry.url}\n`);
    await ended;
    await registry.close();
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
  return 0;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new TypeError('--port takes a number from 0 to 65535');
  return port;
}

function splitUser(text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon <= 0) throw new TypeError('--user takes name:password');
  return [text.slice(0, colon), text.slice(colon + 1)];
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(
    `Error: ${error instanceof Error ? error.message : String(error)}\nRun "registry-dev --help" for its usage.\n`,
  );
  process.exitCode = 2;
}
