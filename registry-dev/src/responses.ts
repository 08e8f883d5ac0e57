import type { ServerResponse } from 'node:http';

/** Sends JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  mediaType = 'application/json',
): void {
  const body = JSON.stringify(value);
  response.writeHead(status, { 'content-type': mediaType, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** 201 for what was pushed. */
export function sendCreated(response: ServerResponse, location: string, digest: string): void {
  response.writeHead(201, { location, 'docker-content-digest': digest, 'content-length': 0 }).end();
}

/** The state of an upload (distribution-spec, "Pushing a blob in chunks"). @param size - bytes that it has. */
export function sendUpload(
  response: ServerResponse,
  repository: string,
  { id, size }: { id: string; size: number },
  status: number,
): void {
  response
    .writeHead(status, {
      location: uploadPath(repository, id),
      range: uploadRange(size),
      'docker-upload-uuid': id,
      'content-length': 0,
    })
    .end();
}

/** Where an upload goes on. */
export function uploadPath(repository: string, id: string): string {
  return `/v2/${repository}/blobs/uploads/${id}`;
}

/** What an upload has, as its `Range` header says it; the specification has no form for nothing. */
export function uploadRange(size: number): string {
  return `0-${Math.max(size - 1, 0)}`;
}

/** One page of a list in lexical order (distribution-spec, "Listing Tags"): `n` names after `last`. */
export function sendPage(
  response: ServerResponse,
  url: URL,
  { member, names, extra = {} }: { member: string; names: string[]; extra?: Record<string, string> },
): void {
  const last = url.searchParams.get('last');
  const count = url.searchParams.get('n');
  const after = last === null ? names : names.filter((name) => name > last);
  const page = count === null || !/^\d+$/.test(count) ? after : after.slice(0, Number(count));
  if (page.length > 0 && page.length < after.length) {
    const next = new URLSearchParams({ n: String(count), last: page.at(-1) ?? '' });
    response.setHeader('link', `<${url.pathname}?${next.toString()}>; rel="next"`);
  }
  sendJson(response, 200, { ...extra, [member]: page });
}
