import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ReconcileReport } from '../../desired/report.ts';
import { describeError } from '../../desired/reported-error.ts';
import type { ShimNode } from '../../node/shim-node.ts';
import { badRequest, beginLines, readJson, sendJson } from './exchange.ts';

/** What the socket's requests reach. */
export interface ApiContext {
  node: ShimNode;
  /** Version of the daemon's package. */
  version: string;
  started: Date;
  /** Ends with the daemon. */
  signal: AbortSignal;
  /** What the daemon does now, for `/v1/health`. */
  state: () => string;
  /** Hears of each request that may have changed something, once it is done. */
  worked: () => void;
  /** Takes a desired state over and reconciles; or with `dryRun` says what would be done. */
  apply(desired: object, options: ApplyOptions): Promise<ReconcileReport>;
  /** Reconciles what was applied before. */
  reconcile(options: ApplyOptions): Promise<ReconcileReport>;
  desired(): Promise<object | undefined>;
  lastReport(): object | undefined;
  metrics(accept?: string): Promise<{ type: string; text: string }>;
}

/** How to apply. */
export interface ApplyOptions {
  dryRun?: boolean;
  now?: boolean;
  onReport?: (report: object) => void;
}

/** One request that was understood so far. */
interface Call {
  context: ApiContext;
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  /** Parts of the path that the route left open, decoded. */
  params: string[];
  /** Ends with the daemon, or when the caller goes. */
  signal: AbortSignal;
}

type Handler = (call: Call) => Promise<void> | void;

type Route = readonly [method: string, path: string, handler: Handler, query?: readonly string[]];

/** `*` stands for one part of the path. Names of services have slashes: they are written `%2F`. */
const ROUTES: readonly Route[] = [
  ['GET', '/v1/health', health],
  ['GET', '/v1/services', async ({ context, response }) => sendJson(response, 200, await context.node.list())],
  ['POST', '/v1/services', (call) => bringIn(call, undefined)],
  [
    'GET',
    '/v1/services/*',
    async (call) => sendJson(call.response, 200, await call.context.node.status(serviceOf(call))),
  ],
  ['DELETE', '/v1/services/*', uninstall],
  ['POST', '/v1/services/*/upgrade', (call) => bringIn(call, serviceOf(call))],
  ['POST', '/v1/services/*/rollback', rollBack],
  ['POST', '/v1/services/*/start', start],
  ['POST', '/v1/services/*/stop', stop],
  ['PUT', '/v1/services/*/targets', setTargets],
  ['POST', '/v1/services/*/restore', (call) => restore(call, serviceOf(call))],
  ['GET', '/v1/services/*/events', events, ['stream']],
  ['GET', '/v1/services/*/maps/*', dumpMap, ['limit']],
  ['POST', '/v1/restore', (call) => restore(call, undefined)],
  ['POST', '/v1/garbage-collect', collectGarbage],
  ['GET', '/v1/desired', desired],
  ['PUT', '/v1/desired', apply, ['dryRun']],
  ['POST', '/v1/reconcile', reconcile, ['dryRun']],
  ['GET', '/v1/report', ({ context, response }) => sendJson(response, 200, context.lastReport() ?? { services: [] })],
  ['GET', '/metrics', metrics],
];

/** Answers one request. @throws what the node throws; the caller sends it. */
export async function answer(context: ApiContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = urlOf(request);
  const parts = url.pathname.split('/').slice(1).map(decode);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const allowed: string[] = [];
  for (const [method, path, handler, query = []] of ROUTES) {
    const params = match(path, parts);
    if (params === undefined) continue;
    allowed.push(method);
    if (method !== request.method) continue;
    checkQuery(url, query);
    const signal = AbortSignal.any([context.signal, gone.signal]);
    try {
      await handler({ context, request, response, url, params, signal });
    } finally {
      if (method !== 'GET') context.worked();
    }
    return;
  }
  if (allowed.length === 0)
    sendJson(response, 404, { error: describeError(badRequest(`there is no ${url.pathname}`)) });
  else {
    response.setHeader('allow', allowed.join(', '));
    sendJson(response, 405, { error: describeError(badRequest(`${url.pathname} takes ${allowed.join(', ')}`)) });
  }
}

function urlOf({ url = '/' }: IncomingMessage): URL {
  try {
    return new URL(url, 'http://shim');
  } catch (cause) {
    throw badRequest('what it asks for is no path', cause);
  }
}

/** A wish that is not understood is never left out: `dry-run=true` is not to change the node. */
function checkQuery({ pathname, searchParams }: URL, known: readonly string[]): void {
  const unknown = [...searchParams.keys()].find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const takes = known.length === 0 ? 'no query' : known.map((name) => `"${name}"`).join(', ');
  throw badRequest(`${pathname} takes ${takes}, and not "${unknown}"`);
}

function match(path: string, parts: readonly string[]): string[] | undefined {
  const wanted = path.split('/').slice(1);
  if (wanted.length !== parts.length) return undefined;
  const params: string[] = [];
  for (const [i, part] of parts.entries()) {
    if (wanted[i] === '*') params.push(part);
    else if (wanted[i] !== part) return undefined;
  }
  return params;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest('its path is not well encoded');
  }
}

/** A name is looked up as a file: only what can be one is. */
function serviceOf({ params: [name = ''] }: Call): string {
  if (name.length <= 128 && /^[a-z0-9]+(?:[._/-][a-z0-9]+)*$/.test(name)) return name;
  throw badRequest('the path names no service');
}

function health({ context: { version, started, state }, response }: Call): void {
  sendJson(response, 200, { status: state(), pid: process.pid, version, started: started.toISOString() });
}

async function bringIn(call: Call, service: string | undefined): Promise<void> {
  const body = await readJson(call.request);
  const { openRequested } = await import('./open-requested.ts');
  await using opened = await openRequested(body, call.context.version);
  await inSteps(call, (onStep) => {
    // What is begun is brought to its end, also where the caller goes.
    const options = { ...opened.options, onStep, signal: call.context.signal };
    const { node } = call.context;
    return service === undefined ? node.install(options) : node.upgrade({ ...options, service });
  });
}

async function rollBack(call: Call): Promise<void> {
  const { to } = await readJson(call.request, ['to']);
  if (to !== undefined && !(Number.isSafeInteger(to) && Number(to) > 0)) throw badRequest('"to" is no generation');
  await inSteps(call, (onStep) =>
    call.context.node.rollback({ service: serviceOf(call), onStep, ...(to === undefined ? {} : { to: Number(to) }) }),
  );
}

async function start(call: Call): Promise<void> {
  await readJson(call.request, []);
  await inSteps(call, (onStep) => call.context.node.start({ service: serviceOf(call), onStep }));
}

async function stop(call: Call): Promise<void> {
  await readJson(call.request, []);
  const service = serviceOf(call);
  await call.context.node.stop({ service });
  sendJson(call.response, 200, { service });
}

async function setTargets(call: Call): Promise<void> {
  const { readTargets } = await import('./install-request.ts');
  const attach = readTargets(await readJson(call.request));
  await inSteps(call, (onStep) => call.context.node.setTargets({ service: serviceOf(call), attach, onStep }));
}

/** The result as JSON; or as lines, each step as it is done and then the result, for callers that accept `application/x-ndjson`. */
async function inSteps(call: Call, action: (onStep: (step: object) => void) => Promise<object>): Promise<void> {
  const { request, response } = call;
  if (!(request.headers.accept ?? '').includes('application/x-ndjson')) {
    sendJson(response, 200, await action(() => undefined));
    return;
  }
  const write = beginLines(response);
  const result = await action((step) => void write({ step }));
  await write({ result });
  response.end();
}

async function uninstall(call: Call): Promise<void> {
  await readJson(call.request, []);
  const service = serviceOf(call);
  await call.context.node.uninstall({ service });
  sendJson(call.response, 200, { service });
}

async function restore({ context, request, response }: Call, service: string | undefined): Promise<void> {
  await readJson(request, []);
  const results = await context.node.restore({
    signal: context.signal,
    ...(service === undefined ? {} : { service }),
  });
  sendJson(
    response,
    200,
    results.map(({ error, ...result }) => ({ ...result, ...(error ? { error: describeError(error) } : {}) })),
  );
}

async function collectGarbage({ context, request, response }: Call): Promise<void> {
  await readJson(request, []);
  sendJson(response, 200, { removed: await context.node.garbageCollect({ signal: context.signal }) });
}

async function dumpMap(call: Call): Promise<void> {
  const { context, response, url, params } = call;
  const limit = Number(url.searchParams.get('limit') ?? 1000);
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1_000_000)
    throw badRequest('"limit" is from 1 to 1,000,000');
  const entries = await context.node.dumpMap(serviceOf(call), params[1] ?? '', limit);
  sendJson(response, 200, { entries: entries ?? null });
}

async function events(call: Call): Promise<void> {
  const { sendEvents } = await import('./events.ts');
  const { context, response, url, signal } = call;
  await sendEvents({
    node: context.node,
    service: serviceOf(call),
    streams: url.searchParams.getAll('stream'),
    response,
    signal,
  });
}

async function desired({ context, response }: Call): Promise<void> {
  const found = await context.desired();
  if (found) sendJson(response, 200, found);
  else
    sendJson(response, 404, { error: { code: 'ERR_SHIM_DESIRED', message: 'nothing was applied on this node yet' } });
}

async function apply(call: Call): Promise<void> {
  const body = await readJson(call.request);
  await inReports(call, (options) => call.context.apply(body, options));
}

async function reconcile(call: Call): Promise<void> {
  await readJson(call.request, []);
  await inReports(call, (options) => call.context.reconcile({ ...options, now: true }));
}

async function inReports(call: Call, action: (options: ApplyOptions) => Promise<ReconcileReport>): Promise<void> {
  const { request, response } = call;
  const dryRun = isDryRun(call);
  if (!(request.headers.accept ?? '').includes('application/x-ndjson')) {
    sendJson(response, 200, await action({ dryRun }));
    return;
  }
  const write = beginLines(response);
  const result = await action({ dryRun, onReport: (report) => void write({ report }) });
  await write({ result });
  response.end();
}

function isDryRun({ url }: Call): boolean {
  const [value = 'false', ...more] = url.searchParams.getAll('dryRun');
  if (more.length > 0 || !['true', 'false'].includes(value)) throw badRequest('"dryRun" is true or false');
  return value === 'true';
}

async function metrics({ context, request, response }: Call): Promise<void> {
  const { type, text } = await context.metrics(request.headers.accept);
  response.writeHead(200, { 'content-type': type }).end(text);
}
