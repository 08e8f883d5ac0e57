import type { OciError } from '../errors.ts';
import type { HttpResponse } from './http-client.ts';

/** What the parts of a repository's implementation share. */
export interface RepositoryApi {
  /** Name in the API. */
  path: string;
  /** Name for people. */
  name: string;
  scope(actions: string): string;
  error(response: HttpResponse, operation: string): Promise<OciError>;
}

/** One value of a header. */
export function singleHeader(response: HttpResponse, name: string): string | undefined {
  return [response.headers[name]].flat()[0];
}

/** The media type of a response, without parameters; empty where it names none. */
export function mediaTypeOf(response: HttpResponse): string {
  return (singleHeader(response, 'content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}
