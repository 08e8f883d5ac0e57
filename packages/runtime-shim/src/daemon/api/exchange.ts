import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeError, type ReportedError } from '../../desired/reported-error.ts';
import { ShimError } from '../../shim-error.ts';

/** Bodies are read up to this size, in bytes; keys and targets of a thousand services fit. */
const MAX_BODY: number = 4 * 1024 * 1024;

/** HTTP status by error code; what is not here is 500, or 502 where a registry failed. */
const STATUS: Readonly<Record<string, number>> = {
  ERR_SHIM_REQUEST: 400,
  ERR_SHIM_DESIRED: 400,
  ERR_PARAMETER_INVALID: 400,
  ERR_OCI_INVALID_REFERENCE: 400,
  ERR_SHIM_PARAMETER: 400,
  ERR_SHIM_ATTACH_TARGET: 422,
  ERR_SHIM_NOT_INSTALLED: 404,
  ERR_SHIM_NO_MAP: 404,
  ERR_SHIM_NO_GENERATION: 404,
  ERR_SHIM_NO_EVENTS: 404,
  ERR_SHIM_ALREADY_INSTALLED: 409,
  ERR_SHIM_WRONG_SERVICE: 409,
  ERR_SHIM_LOCKED: 409,
  ERR_SHIM_DENIED: 403,
  ERR_SHIM_UNHEALTHY: 409,
  ERR_SHIM_PINS_MISSING: 409,
  ERR_SHIM_MAP_INCOMPATIBLE: 422,
  ERR_SHIM_NO_VARIANT: 422,
  ERR_SHIM_NO_SPACE: 507,
};

/**
 * The body of a request as a JSON object; an empty body is an empty object.
 *
 * @param known - the members that it may have. Default: whoever asks for it looks at them.
 * @throws {ShimError} `ERR_SHIM_REQUEST`.
 */
export async function readJson(request: IncomingMessage, known?: readonly string[]): Promise<Record<string, unknown>> {
  const body = await readObject(request);
  const unknown = known && Object.keys(body).find((name) => !known.includes(name));
  if (unknown !== undefined) throw badRequest(`its body has no member "${unknown}"`);
  return body;
}

async function readObject(request: IncomingMessage): Promise<Record<string, unknown>> {
  const type = request.headers['content-type']?.split(';')[0]?.trim();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_BODY) throw badRequest(`the body has more than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  if (size === 0) return {};
  if (type !== 'application/json') throw badRequest('the body is not application/json');
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw badRequest('the body is not JSON', cause);
  }
  throw badRequest('the body is not a JSON object');
}

/** Sends JSON. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
}

/** Sends an error as `{ "error": { code, message, hint } }`; ends a stream with it where one has begun. */
export function sendError(response: ServerResponse, error: unknown): void {
  const described = describeError(error);
  if (response.headersSent) {
    if (!response.writableEnded) response.end(`${JSON.stringify({ error: described })}\n`);
    return;
  }
  sendJson(response, statusOf(described), { error: described });
}

/** Begins a stream of JSON lines. @returns writes one, and waits where the reader is slow. */
export function beginLines(response: ServerResponse): (value: unknown) => Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  response.flushHeaders();
  return async (value) => writeText(response, `${JSON.stringify(value)}\n`);
}

/** Writes text, and waits until the reader has taken it. */
export async function writeText(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

/** A request that cannot be understood. */
export function badRequest(why: string, cause?: unknown): ShimError {
  return new ShimError('ERR_SHIM_REQUEST', `the request is wrong: ${why}`, {
    hint: 'docs/shim-api.md describes the requests.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function statusOf({ code }: ReportedError): number {
  return STATUS[code] ?? (code.startsWith('ERR_OCI_') ? 502 : code.startsWith('ERR_TRUST_') ? 403 : 500);
}
