import type { Readable } from 'node:stream';
import { RegistryProblem } from './registry-problem.ts';

/** Header names in lower case with their values. */
export type ReplyHeaders = Record<string, string | number | string[]>;

/** An answer, before it is sent. */
export interface Reply {
  status: number;
  headers: ReplyHeaders;
  /** Absent: nothing follows the headers. */
  body?: Uint8Array | Readable;
}

/** An answer without a body. */
export function emptyReply(status: number, headers: ReplyHeaders = {}): Reply {
  return { status, headers: status === 204 || status === 304 ? headers : { 'content-length': 0, ...headers } };
}

/** An answer of bytes. */
export function bytesReply(status: number, headers: ReplyHeaders, body: Uint8Array): Reply {
  return { status, headers: { 'content-length': body.length, ...headers }, body };
}

/** JSON. */
export function jsonReply(status: number, value: unknown, headers: ReplyHeaders = {}): Reply {
  return bytesReply(status, { 'content-type': 'application/json', ...headers }, Buffer.from(JSON.stringify(value)));
}

/** The specification's form of errors ("Error Codes"). What nobody foresaw is 500, and its message stays here. */
export function problemReply(error: unknown): Reply {
  const problem = toProblem(error);
  const { code = 'UNKNOWN', message = 'the registry failed', detail } = problem ?? {};
  const entry = { code, message, ...(detail === undefined ? {} : { detail }) };
  return jsonReply(problem?.status ?? 500, { errors: [entry] }, problem?.headers);
}

function toProblem(error: unknown): RegistryProblem | undefined {
  if (error instanceof RegistryProblem) return error;
  if (error instanceof URIError) return new RegistryProblem('NAME_INVALID', 'the address is not well formed');
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return new RegistryProblem('NO_SPACE', 'the registry’s disk is full');
  if (code === 'ENAMETOOLONG')
    return new RegistryProblem('NAME_INVALID', 'the name is too long for the registry’s disk');
  return undefined;
}

/** 201 for what was pushed. */
export function createdReply(location: string, digest: string, headers: ReplyHeaders = {}): Reply {
  return emptyReply(201, { location, 'docker-content-digest': digest, ...headers });
}

/** The state of an upload (distribution-spec, "Pushing a blob in chunks"). @param size - bytes that it has. */
export function uploadReply(status: number, repository: string, { id, size }: { id: string; size: number }): Reply {
  return emptyReply(status, {
    location: uploadPath(repository, id),
    range: uploadRange(size),
    'docker-upload-uuid': id,
  });
}

/** Where an upload goes on. */
export function uploadPath(repository: string, id: string): string {
  return `/v2/${repository}/blobs/uploads/${id}`;
}

/** What an upload has, as its `Range` header says it; the specification has no form for nothing. */
export function uploadRange(size: number): string {
  return `0-${Math.max(size - 1, 0)}`;
}

/** What a page of a list is made of. */
export interface PageOptions {
  /** Name of the list in the JSON. */
  member: string;
  /** In lexical order. */
  names: string[];
  /** Other members. */
  extra?: Record<string, string>;
  headers?: ReplyHeaders;
  /** Begins with `last` itself, as distribution 2.8 does. */
  lastInclusive?: boolean;
}

/** One page of a list in lexical order (distribution-spec, "Listing Tags"): `n` names after `last`. */
export function pageReply(url: URL, { member, names, extra = {}, headers = {}, lastInclusive }: PageOptions): Reply {
  const last = url.searchParams.get('last');
  const count = url.searchParams.get('n');
  const after = last === null ? names : names.filter((name) => name > last || (lastInclusive && name === last));
  const page = count === null || !/^\d+$/.test(count) ? after : after.slice(0, Number(count));
  const end = page.at(-1);
  const next = end !== undefined && page.length < after.length;
  const link = next && {
    link: `<${url.pathname}?${new URLSearchParams({ n: String(count), last: end }).toString()}>; rel="next"`,
  };
  return jsonReply(200, { ...extra, [member]: page }, { ...headers, ...(link || undefined) });
}
