import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuthOptions } from './access.ts';
import type { Behaviour } from './behaviour.ts';
import type { BlobStore } from './blob-store.ts';
import { bodyOf } from './body.ts';
import { before, distort, type Sending } from './fault-effects.ts';
import { type FaultOptions, FaultPlan, type Met } from './faults.ts';
import { basicGate, bearerGate } from './gate.ts';
import { createHandler, parseUrl } from './handler.ts';
import type { ManifestStore } from './manifest-store.ts';
import { problemReply, type Reply } from './reply.ts';
import { send } from './send.ts';
import { createTokenService } from './token-service.ts';
import { TokenSigner } from './tokens.ts';
import { Upstream, type UpstreamOptions } from './upstream.ts';

/** What the answers depend on. */
export interface ServingOptions {
  blobs: BlobStore;
  manifests: ManifestStore;
  behaviour: Behaviour;
  auth: AuthOptions | undefined;
  readOnly?: boolean;
  tls?: object;
  upstream?: UpstreamOptions;
  faults?: FaultOptions;
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
}

/** Answers requests. */
export interface Serving {
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  setFaults: (faults?: FaultOptions) => void;
  /** Waits until all answers so far have ended. */
  idle: () => Promise<void>;
}

/** Puts handler, token service, faults and switches together. */
export function createServing(options: ServingOptions): Serving {
  const { blobs, manifests, behaviour, auth, intercept } = options;
  const scheme = options.tls ? 'https' : 'http';
  const tokens = auth?.scheme === 'bearer' ? new TokenSigner() : undefined;
  const tokenService = auth && tokens && createTokenService(auth, tokens);
  const handle = createHandler({
    blobs,
    manifests,
    behaviour,
    readOnly: options.readOnly ?? false,
    gate: auth && (tokens ? bearerGate(auth, tokens) : basicGate(auth)),
    upstream: options.upstream && new Upstream(options.upstream, blobs, manifests),
  });
  const adjust = createAdjustment(behaviour);
  let plan = options.faults && new FaultPlan(options.faults);
  const running = new Set<Promise<void>>();

  const reply = (request: IncomingMessage, cutAfter: number): Promise<Reply> | Reply => {
    const url = parseUrl(request.url ?? '/');
    if (tokenService && url.pathname === '/token') return tokenService(request, url);
    const realm = `${scheme}://${hostOf(request)}/token`;
    return handle({ request, url, realm, body: () => bodyOf(request, cutAfter) });
  };

  const deliver = (response: ServerResponse, answer: Reply, sending?: Sending): Promise<void> => {
    // Whoever looks on reads the headers from the response, which `writeHead` alone does not keep.
    if (intercept) for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
    return send(response, answer, sending);
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      if (intercept && (await intercept(request, response))) return;
      const met = plan?.meet(request) ?? [];
      if (met.length > 0) await respondFaulty(request, response, met);
      else await deliver(response, adjust(await settled(() => reply(request, Infinity))));
    } catch {
      // The connection broke, or an interceptor did.
      response.destroy();
    } finally {
      // Whatever of the body was not read must not be taken for the next request.
      request.resume();
    }
  };

  const respondFaulty = async (request: IncomingMessage, response: ServerResponse, met: Met[]): Promise<void> => {
    const effects = before(met, request.url ?? '/');
    if (effects.milliseconds > 0) await wait(response, effects.milliseconds);
    const answer = effects.reply ?? (await settled(() => reply(request, effects.cutAfter)));
    const adjusted = adjust({ ...answer, headers: { ...answer.headers } });
    await deliver(response, adjusted, distort(adjusted, met));
  };

  return {
    answer: (request, response) => {
      const answering = respond(request, response).finally(() => running.delete(answering));
      running.add(answering);
    },
    setFaults: (faults) => {
      plan = faults && new FaultPlan(faults);
    },
    idle: async () => {
      await Promise.all(running);
    },
  };
}

/** Waits, but not for a connection that has ended. */
async function wait(response: ServerResponse, milliseconds: number): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  response.once('close', end);
  try {
    await sleep(milliseconds, undefined, { signal: ended.signal });
  } finally {
    response.off('close', end);
  }
}

/** Turns errors into answers. */
async function settled(work: () => Promise<Reply> | Reply): Promise<Reply> {
  try {
    return await work();
  } catch (error) {
    return problemReply(error);
  }
}

/** What is the same in all answers. */
function createAdjustment({ digestHeader = true, warnings = [] }: Behaviour): (reply: Reply) => Reply {
  const lines = warnings.map((text) => `299 - "${text.replace(/["\\]/g, '\\$&')}"`);
  return (reply) => {
    const { headers } = reply;
    headers['docker-distribution-api-version'] = 'registry/2.0';
    if (!digestHeader) delete headers['docker-content-digest'];
    if (lines.length > 0) headers['warning'] = lines;
    return reply;
  };
}

/** The address by which the client reached this registry; what is not an address is not repeated to it. */
function hostOf({ headers, socket }: IncomingMessage): string {
  const { host = '' } = headers;
  if (/^(?:[a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/.test(host)) return host;
  const { localAddress = '127.0.0.1', localPort = 0 } = socket;
  return localAddress.includes(':') ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
}
