import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRegistry } from '@bpfship/registry-dev';

/** What a registry for container images alone knows (as GitLab's list of media types, without the artifacts that it has learnt). */
const KNOWN =
  /^application\/vnd\.oci\.image\.(?:config\.v1\+json|manifest\.v1\+json|layer\.v1\.tar(?:\+gzip|\+zstd)?)$/;

/** A registry that refuses artifact types, and config and layer types that no container image has. */
export interface NarrowRegistry extends AsyncDisposable {
  readonly host: string;
  /** Why manifests were refused, in turn. */
  readonly refusals: string[];
}

interface Parts {
  artifactType?: string;
  config?: { mediaType: string };
  layers?: { mediaType: string }[];
}

/** Starts one on loopback: registry-dev, without its referrers API, behind a check of each pushed manifest. */
export async function startNarrowRegistry(root: string): Promise<NarrowRegistry> {
  const registry = await createRegistry({ root, referrersApi: false });
  const refusals: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      const reason =
        incoming.method === 'PUT' && incoming.url?.includes('/manifests/') ? refusalOf(body.toString()) : undefined;
      if (reason !== undefined) {
        refusals.push(reason);
        const problem = { errors: [{ code: 'MANIFEST_INVALID', message: `manifest invalid: ${reason}` }] };
        outgoing.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(problem));
        return;
      }
      const { method, url, headers } = incoming;
      const [hostname, port] = registry.host.split(':');
      const onward = request({ hostname, port, method, path: url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on('error', () => outgoing.destroy());
      onward.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    refusals,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await registry.close();
    },
  };
}

function refusalOf(text: string): string | undefined {
  const { artifactType, config, layers = [] } = JSON.parse(text) as Parts;
  if (artifactType !== undefined) return `unknown media type: ${artifactType}`;
  const types = [...(config ? [config] : []), ...layers].map(({ mediaType }) => mediaType);
  const unknown = types.find((type) => !KNOWN.test(type));
  return unknown === undefined ? undefined : `unknown media type: ${unknown}`;
}
