import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import type { AuthOptions, Users } from './access.ts';
import { type Behaviour, type BehaviourName, behaviourOf } from './behaviour.ts';
import { BlobStore } from './blob-store.ts';
import { DiskFiles } from './disk-files.ts';
import type { FaultOptions } from './faults.ts';
import type { Files } from './files.ts';
import { collect, type GarbageOptions, type GarbageReport, removeStale } from './garbage.ts';
import { ManifestStore } from './manifest-store.ts';
import { MemoryFiles } from './memory-files.ts';
import { REPOSITORIES } from './paths.ts';
import { createServing, type Serving } from './serving.ts';
import type { UpstreamOptions } from './upstream.ts';

const DAY = 24 * 3_600_000;

/** Settings of a registry. */
export interface RegistryOptions {
  /** Folder for everything that is pushed; made where it is missing. Default: everything is kept in memory. */
  root?: string;
  /** Default `127.0.0.1`. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /** Serves https with this key and certificate (PEM). `clientCa`: only to clients with a certificate of this authority. */
  tls?: { key: string | Buffer; cert: string | Buffer; clientCa?: string | Buffer };
  /** Asks for Basic authentication, and these users may do everything: short for `auth: { users }`. Default: anonymous. */
  users?: Users;
  /** Who may do what. Default: everybody everything. */
  auth?: AuthOptions;
  /** Default false. */
  readOnly?: boolean;
  /** Makes it a pull-through cache of another registry, which takes no pushes. */
  upstream?: UpstreamOptions;
  /** How it differs from a registry that follows the specification in everything: switches, or another registry's name. */
  behaviour?: Behaviour | BehaviourName;
  /** False: short for `behaviour: { referrersApi: false }`. */
  referrersApi?: boolean;
  /** What goes wrong. Default: nothing. */
  faults?: FaultOptions;
  /** Sees every request before it is answered; may answer or destroy it itself by returning true. For tests. */
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
}

/** A running registry. */
export interface Registry extends AsyncDisposable {
  /** Host and port, as references name it. */
  readonly host: string;
  readonly url: string;
  /** Puts other faults in place of those so far; absent: none. */
  setFaults(faults?: FaultOptions): void;
  /** Removes what nothing refers to. */
  collectGarbage(options?: GarbageOptions): Promise<GarbageReport>;
  /** Stops listening, closes all connections, and waits until nothing is written any more. */
  close(): Promise<void>;
}

/** Starts a registry (OCI distribution-spec 1.1). @throws where the folder cannot be made or the port is taken. */
export async function createRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const behaviour: Behaviour = { ...behaviourOf(options.behaviour ?? {}) };
  if (options.referrersApi !== undefined) behaviour.referrersApi = options.referrersApi;
  const files = await openFiles(options.root);
  const blobs = new BlobStore(files);
  const complete = options.upstream === undefined && !(behaviour.incompleteManifests ?? false);
  const manifests = new ManifestStore(files, blobs, { complete });
  // What broken pushes and killed processes left a day ago or earlier; blobs stay until somebody asks for their collection.
  await removeStale(files, { minAge: DAY });
  await files.prune(REPOSITORIES);
  const auth = options.auth ?? (options.users && { users: options.users });
  const serving = createServing({ ...options, blobs, manifests, behaviour, auth });
  const server = createListener(options, serving);
  await listen(server, options.port ?? 0, options.host ?? '127.0.0.1');
  const { address, port, family } = server.address() as AddressInfo;
  const host = `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
    await serving.idle();
  };
  return {
    host,
    url: `${options.tls ? 'https' : 'http'}://${host}`,
    setFaults: serving.setFaults,
    collectGarbage: (garbage = {}) => collect(files, manifests, garbage),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Removes from a registry's folder what nothing refers to. Safe beside a running registry, except that a push may have to send again. */
export async function collectGarbage(root: string, options: GarbageOptions = {}): Promise<GarbageReport> {
  const files = new DiskFiles(root);
  return collect(files, new ManifestStore(files, new BlobStore(files)), options);
}

async function openFiles(root: string | undefined): Promise<Files> {
  if (root === undefined) return new MemoryFiles();
  await mkdir(root, { recursive: true });
  return new DiskFiles(root);
}

function createListener({ tls }: RegistryOptions, { answer }: Serving): Server {
  const server = tls
    ? createTlsServer(
        {
          key: tls.key,
          cert: tls.cert,
          ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
        },
        answer,
      )
    : createServer(answer);
  // A large blob over a slow line takes as long as it takes; headers still have to come within a minute.
  server.requestTimeout = 0;
  return server;
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
