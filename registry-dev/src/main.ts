import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCommandLine } from './command-line.ts';
import { collectGarbage, createRegistry } from './create-registry.ts';
import { BEHAVIOUR_NAMES, FAULT_KINDS } from './switches.ts';

const USAGE = `Usage: registry-dev [options]

An OCI registry for development and tests (distribution-spec 1.1).

Where:
  --port <number>            port to listen on; default: any free one
  --host <address>           address to listen on; default 127.0.0.1
  --allow-remote             allows an address that other machines can reach
  --root <folder>            where everything is kept; default: a temporary folder, removed at the end
  --memory                   keeps everything in memory
  --tls-key, --tls-cert <file>   serves https; PEM
  --tls-client-ca <file>     only to clients with a certificate of this authority

Who:
  --user <name:password>     asks for Basic authentication; may be given several times
  --token                    asks for bearer tokens of its own service instead
  --allow <rule>             <user>=<pull,push,delete>:<repository>; user "*": whoever signed in, "anyone": everybody;
                             repository "*" or "team/*". Default: whoever signed in may do everything
  --read-only                refuses every change
  --upstream <url>           is a pull-through cache of another registry
  --upstream-user <name:password>

Like other registries, and what goes wrong (docs/registry-dev.md):
  --behaviour <name>         one of ${BEHAVIOUR_NAMES.join(', ')}
  --behaviour <switch=value> one switch, e.g. head=false; may be given several times
  --no-referrers             short for --behaviour referrersApi=false
  --fault <kind,member=value,...>
                             kinds: ${FAULT_KINDS.join(', ')}
                             e.g. status,status=503,first=2,on=blob or corrupt,on=blob,probability=0.1
  --seed <number>            decides which requests meet a fault with a probability; default 1

Garbage:
  --gc                       removes from --root what no manifest refers to, says what it was, and ends
  --gc-untagged              manifests without a tag too
  --gc-min-age <seconds>     keeps what changed since; default 3600

  --help                     prints this text
`;

async function main(): Promise<number> {
  const { help, garbage, memory, registry: options } = parseCommandLine(process.argv.slice(2));
  if (help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (garbage) {
    const { manifests, blobs, uploads, bytes } = await collectGarbage(options.root ?? '', garbage);
    process.stdout.write(`removed ${manifests} manifests, ${blobs} blobs, ${uploads} uploads: ${bytes} bytes\n`);
    return 0;
  }
  // Listened to before the folder is made, so that it is removed however early the end comes.
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  const temporary = options.root !== undefined || memory ? undefined : await mkdtemp(join(tmpdir(), 'registry-dev-'));
  try {
    const registry = await createRegistry({ ...options, ...(temporary === undefined ? {} : { root: temporary }) });
    process.stdout.write(`registry-dev listening on ${registry.url}\n`);
    await ended;
    await registry.close();
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(
    `Error: ${error instanceof Error ? error.message : String(error)}\nRun "registry-dev --help" for its usage.\n`,
  );
  process.exitCode = 2;
}
