import { OciError } from '../errors.ts';
import type { HttpResponse } from './http-client.ts';

/** Pages of one list that are followed. */
const MAX_PAGES = 1_000;
/** Entries of one list. */
const MAX_ENTRIES = 100_000;

/** One page of a list. */
export interface Page<T> {
  entries: T[];
  next: URL | undefined;
}

/**
 * Follows a list page by page, and ends where the registry does.
 *
 * @throws {OciError} `ERR_OCI_LIMIT` for a list without end.
 */
export async function* followPages<T>(
  first: string,
  fetchPage: (to: string | URL) => Promise<Page<T>>,
  registry: string,
): AsyncGenerator<T> {
  const visited = new Set<string>();
  let count = 0;
  let to: string | URL | undefined = first;
  while (to !== undefined) {
    visited.add(String(to));
    const page: Page<T> = await fetchPage(to);
    count += page.entries.length;
    if (count > MAX_ENTRIES || visited.size > MAX_PAGES) {
      throw new OciError('ERR_OCI_LIMIT', `${registry} sends a list without end`, { registry });
    }
    yield* page.entries;
    // Some registries end a list with a link to a page that they gave before.
    to = page.next && visited.has(page.next.href) ? undefined : page.next;
  }
}

/**
 * The URL of the next page (RFC 8288). Only the registry's own origin is followed, so that a list cannot send us elsewhere.
 *
 * @throws {OciError} `ERR_OCI_INVALID_RESPONSE`.
 */
export function nextPage(response: HttpResponse, registry: URL): URL | undefined {
  for (const line of [response.headers['link'] ?? []].flat()) {
    const target = /<([^<>]{1,4096})>\s*;[^,]*rel="?next"?/i.exec(line.slice(0, 8192))?.[1];
    if (target === undefined) continue;
    const next = URL.canParse(target, response.url.href) ? new URL(target, response.url) : undefined;
    if (next?.origin === registry.origin) return next;
    throw new OciError(
      'ERR_OCI_INVALID_RESPONSE',
      `${registry.host} continues a list ${next ? `at another host: ${next.host}` : 'at something that is not a URL'}`,
      { registry: registry.host },
    );
  }
  return undefined;
}
