import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import { type CredentialSource, type RemoteOptions, Repository } from '../../src/index.ts';

const servers: Server[] = [];
const repositories: Repository[] = [];

afterEach(async () => {
  await Promise.all(repositories.splice(0).map((repository) => repository.close()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Nobody's credentials; the machine's own files are not read. */
export const anonymous: CredentialSource = { find: () => Promise.resolve(undefined) };

/** A user with a password. */
export const user: CredentialSource = {
  find: () => Promise.resolve({ credential: { username: 'u', password: 'secret-password' }, source: 'test' }),
};

/** Starts a server on loopback, stopped after the test. @returns host and port. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A repository that is closed after the test. */
export function repositoryAt(registry: string, options: RemoteOptions = {}, repository = 'a/b'): Repository {
  const settings = { retries: 1, idleTimeoutMs: 500, credentials: anonymous, ...options };
  const opened = new Repository({ registry, repository }, settings);
  repositories.push(opened);
  return opened;
}

/** A repository in a registry that answers as it is told. */
export async function against(listener: RequestListener, options: RemoteOptions = {}): Promise<Repository> {
  return repositoryAt(await serve(listener), options);
}
