import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultRule, Met } from './faults.ts';
import { emptyReply, jsonReply, type Reply } from './reply.ts';

/** What has to be done with a request before it is answered. */
export interface Before {
  milliseconds: number;
  /** Bytes of the request's body after which the connection is cut. */
  cutAfter: number;
  /** Answers in place of the registry. */
  reply: Reply | undefined;
}

/** What has to be done with an answer beside sending it. */
export interface Sending {
  /** Nothing is sent, and the connection is cut. */
  lose: boolean;
  /** Bytes of the body after which the connection is cut. */
  cutAfter: number;
  /** The connection is of no use afterwards: its length was wrong. */
  close: boolean;
}

const STATUS_CODES: Record<number, string> = {
  401: 'UNAUTHORIZED',
  403: 'DENIED',
  404: 'UNKNOWN',
  429: 'TOOMANYREQUESTS',
};

/** Effects of faults on a request. */
export function before(met: readonly Met[], url: string): Before {
  const effects: Before = { milliseconds: 0, cutAfter: Infinity, reply: undefined };
  for (const { rule } of met) {
    if (rule.kind === 'latency') effects.milliseconds += rule.milliseconds;
    if (rule.kind === 'cut-request') effects.cutAfter = Math.min(effects.cutAfter, rule.after ?? 0);
    if (rule.kind === 'status') effects.reply ??= failure(rule);
    if (rule.kind === 'redirect') effects.reply ??= emptyReply(307, { location: redirectTarget(url, rule.to) });
  }
  return effects;
}

function failure({ status, retryAfter }: Extract<FaultRule, { kind: 'status' }>): Reply {
  const code = STATUS_CODES[status] ?? 'UNKNOWN';
  const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  return jsonReply(status, { errors: [{ code, message: 'an injected fault' }] }, headers);
}

/** Every hop is another address, so that no client sees a repetition. */
function redirectTarget(url: string, to: string | undefined): string {
  if (to !== undefined) return `${to.replace(/\/$/, '')}${url}`;
  const target = new URL(`http://registry.invalid${url}`);
  target.searchParams.set('hop', String(Number(target.searchParams.get('hop') ?? 0) + 1));
  return `${target.pathname}${target.search}`;
}

/** Effects of faults on an answer; changes it. */
export function distort(reply: Reply, met: readonly Met[]): Sending {
  const sending: Sending = { lose: false, cutAfter: Infinity, close: false };
  const length = Number(reply.headers['content-length'] ?? 0);
  for (const { rule, draw } of met) {
    const { kind } = rule;
    if (kind === 'lost-answer') sending.lose = true;
    if (kind === 'cut-response') sending.cutAfter = Math.min(sending.cutAfter, rule.after ?? Math.floor(length / 2));
    if (kind === 'false-digest') reply.headers['docker-content-digest'] = falseDigest(reply);
    if (kind === 'corrupt') change(reply, Math.floor(draw * length), (bytes, at) => (bytes[at] = bytes[at]! ^ 1));
    if (kind === 'swap') change(reply, 0, swapFrom);
    if (kind === 'slow') slow(reply, rule.bytesPerSecond);
    if (kind === 'wrong-length') {
      reply.headers['content-length'] = Math.max(length + (rule.by ?? 1), 0);
      sending.close = true;
    }
  }
  return sending;
}

function falseDigest({ headers }: Reply): string {
  return `sha256:${hash('sha256', `not ${String(headers['docker-content-digest'])}`, 'hex')}`;
}

/** Changes the part of a body that holds a position. */
function change(reply: Reply, position: number, edit: (bytes: Buffer, at: number) => void): void {
  const { body } = reply;
  if (body === undefined) return;
  let offset = 0;
  let done = false;
  const pass = (part: Uint8Array): Uint8Array => {
    const at = position - offset;
    offset += part.length;
    if (done || at >= part.length || part.length === 0) return part;
    done = true;
    const copy = Buffer.from(part);
    edit(copy, Math.max(at, 0));
    return copy;
  };
  if (body instanceof Uint8Array) reply.body = pass(body);
  else
    reply.body = fromParts(body, async function* () {
      for await (const part of body) yield pass(part as Uint8Array);
    });
}

/** Changes the first two neighbours that differ; where there are none, a bit. */
function swapFrom(bytes: Buffer, from: number): void {
  const at = bytes.findIndex((byte, index) => index >= from && index + 1 < bytes.length && bytes[index + 1] !== byte);
  if (at < 0) bytes[from] = bytes[from]! ^ 1;
  else [bytes[at], bytes[at + 1]] = [bytes[at + 1]!, bytes[at]!];
}

const SLICES_PER_SECOND = 20;

function slow(reply: Reply, bytesPerSecond: number): void {
  const { body } = reply;
  if (body === undefined) return;
  const step = Math.max(1, Math.floor(bytesPerSecond / SLICES_PER_SECOND));
  const pause = (step / bytesPerSecond) * 1000;
  reply.body = fromParts(body, async function* () {
    for await (const part of body instanceof Uint8Array ? [body] : body) {
      const bytes = part as Uint8Array;
      for (let at = 0; at < bytes.length; at += step) {
        yield bytes.subarray(at, at + step);
        await sleep(pause);
      }
    }
  });
}

/** A stream of other parts; where it is given up, so is the one that they came from. */
function fromParts(source: Uint8Array | Readable, parts: () => AsyncGenerator<Uint8Array>): Readable {
  const stream = Readable.from(parts(), { objectMode: false });
  if (source instanceof Readable) stream.once('close', () => source.destroy());
  return stream;
}
