import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** What a request is about. */
export type FaultTarget = 'blob' | 'manifest' | 'upload' | 'tags' | 'referrers' | 'token' | 'other';

/** Which requests a fault meets. */
export interface FaultMatch {
  /** Default: every kind. */
  on?: FaultTarget | readonly FaultTarget[];
  /** HTTP methods in capitals. Default: all. */
  methods?: readonly string[];
  /** Text that the address contains. Default: any. */
  path?: string;
  /** So many matching requests are spared at first. Default 0. */
  skip?: number;
  /** Then so many are met, and none after. Default: all. */
  first?: number;
  /** Of those, each is met with this probability, by the seed. Default 1. */
  probability?: number;
}

/** What goes wrong. */
export type FaultKind =
  /** The answer waits. */
  | { kind: 'latency'; milliseconds: number }
  /** Nothing is done, and this status is answered. `retryAfter` in seconds. */
  | { kind: 'status'; status: number; retryAfter?: number }
  /** The connection is cut after so many bytes of the answer's body. Default: half of it. */
  | { kind: 'cut-response'; after?: number }
  /** The connection is cut after so many bytes of the request's body have been read. Default 0. */
  | { kind: 'cut-request'; after?: number }
  /** Everything is done, and the connection is cut before the answer. */
  | { kind: 'lost-answer' }
  /** One bit of the answer's body is another one. */
  | { kind: 'corrupt' }
  /** Two neighbouring bytes of the answer's body change places. */
  | { kind: 'swap' }
  /** `Docker-Content-Digest` names another content. */
  | { kind: 'false-digest' }
  /** `Content-Length` differs by so many bytes from what follows. Default 1: the body ends early. */
  | { kind: 'wrong-length'; by?: number }
  /** 307, to the same address for ever, or to the same path of another server. */
  | { kind: 'redirect'; to?: string }
  /** The answer's body comes slowly. */
  | { kind: 'slow'; bytesPerSecond: number };

/** One fault. */
export type FaultRule = FaultKind & FaultMatch;

/** Faults that are injected. The same requests in the same order with the same seed meet the same ones. */
export interface FaultOptions {
  /** Default 1. */
  seed?: number;
  rules: readonly FaultRule[];
}

/** A fault that meets a request. */
export interface Met {
  rule: FaultRule;
  /** From 0 to below 1, decided by the seed: where in a body it happens. */
  draw: number;
}

/** Decides which requests meet which faults. */
export class FaultPlan {
  readonly #rules: readonly FaultRule[];
  readonly #seed: number;
  /** Matching requests so far, for each rule. */
  readonly #counts: number[];

  constructor({ seed = 1, rules }: FaultOptions) {
    this.#seed = seed;
    this.#rules = rules;
    this.#counts = rules.map(() => 0);
  }

  /** Faults of a request, in the order of the rules. Counts it. */
  meet(request: Pick<IncomingMessage, 'method' | 'url'>): Met[] {
    return this.#rules.flatMap((rule, index) => {
      if (!matches(rule, request)) return [];
      const count = this.#counts[index] ?? 0;
      this.#counts[index] = count + 1;
      const { skip = 0, first = Infinity, probability = 1 } = rule;
      if (count < skip || count >= skip + first) return [];
      if (draw(this.#seed, `${index} ${count} whether`) >= probability) return [];
      return [{ rule, draw: draw(this.#seed, `${index} ${count} where`) }];
    });
  }
}

function matches(
  { on, methods, path }: FaultMatch,
  { method = 'GET', url = '' }: Pick<IncomingMessage, 'method' | 'url'>,
): boolean {
  if (methods && !methods.includes(method)) return false;
  if (path !== undefined && !url.includes(path)) return false;
  return on === undefined || (Array.isArray(on) ? on : [on]).includes(targetOf(url));
}

function targetOf(url: string): FaultTarget {
  const [path = ''] = url.split('?', 1);
  if (path === '/token') return 'token';
  if (path.endsWith('/tags/list')) return 'tags';
  const [, kind] = /\/(blobs\/uploads|blobs|manifests|referrers)\/[^/]*$/.exec(path) ?? [];
  if (kind === 'blobs/uploads') return 'upload';
  if (kind === 'blobs') return 'blob';
  if (kind === 'manifests') return 'manifest';
  return kind === 'referrers' ? 'referrers' : 'other';
}

/** A number from 0 to below 1 that depends on nothing but what is given. */
function draw(seed: number, what: string): number {
  return hash('sha256', `${seed} ${what}`, 'buffer').readUIntBE(0, 6) / 2 ** 48;
}
