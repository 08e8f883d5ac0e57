import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRegistry } from '@bpfship/registry-dev';

/** One request that the registry answered. */
export interface RecordedRequest {
  method: string;
  path: string;
  status: number;
  /** Bytes of the body, as the registry announced them. */
  bytes: number;
}

/** The development registry on loopback, with a memory. */
export interface RecordingRegistry {
  host: string;
  /** What was asked since the last call. */
  take: () => RecordedRequest[];
}

/** Starts the registry in a folder; it ends when the stack unwinds. */
export async function startRecordingRegistry(stack: AsyncDisposableStack, root: string): Promise<RecordingRegistry> {
  let requests: RecordedRequest[] = [];
  const intercept = (request: IncomingMessage, response: ServerResponse): boolean => {
    response.once('finish', () => {
      const { method = '', url = '' } = request;
      const bytes = method === 'HEAD' ? 0 : Number(response.getHeader('content-length') ?? 0);
      requests.push({ method, path: url, status: response.statusCode, bytes });
    });
    return false;
  };
  const registry = stack.use(await createRegistry({ root, intercept }));
  const take = (): RecordedRequest[] => {
    const taken = requests;
    requests = [];
    return taken;
  };
  return { host: registry.host, take };
}
