import { OciError, type OciErrorCode, type OciErrorDetails } from '../errors.ts';
import { printable } from '../printable.ts';
import type { Authorizer } from './authorizer.ts';
import type { HttpResponse } from './http-client.ts';

/** Error answers are read up to this size. */
const MAX_ERROR_BODY = 64 * 1024;

/** A registry's own words. */
export interface RegistryProblem {
  code: string;
  message: string;
}

/** What was asked, of whom. */
export interface ErrorContext {
  registry: string;
  repository?: string;
  operation: string;
  authorizer?: Authorizer;
}

/** Turns an answer that is not the wanted one into a typed error, with the registry's own code and message. */
export async function registryError(response: HttpResponse, context: ErrorContext): Promise<OciError> {
  const { registry, repository, operation, authorizer } = context;
  const { status } = response;
  const own = conceal(await readProblem(response), authorizer);
  const where = repository === undefined ? registry : `${registry}/${repository}`;
  const requestId = requestIdOf(response);
  const said = own ? `: ${own.code}${own.message ? ` (${own.message})` : ''}` : '';
  const answer = `HTTP ${status}${said}${requestId === undefined ? '' : `; request ${requestId}`}`;
  const code = codeOf(status);
  const hint = hintOf(response, own, context);
  const details: OciErrorDetails = {
    registry,
    operation,
    status,
    ...(repository === undefined ? {} : { repository }),
    ...(own ? { registryCode: own.code, registryMessage: own.message } : {}),
    ...(requestId === undefined ? {} : { requestId }),
    ...(hint === undefined ? {} : { hint }),
  };
  if (code === 'ERR_OCI_UNAUTHORIZED' || code === 'ERR_OCI_FORBIDDEN') {
    const source = (await authorizer?.source()) ?? 'none';
    return new OciError(code, `${where} refused ${operation} (${answer}); credentials: ${source}`, details);
  }
  if (code === 'ERR_OCI_NOT_FOUND') {
    return new OciError(code, `${where} has no ${operation.replace(/^\S+ /, '')} (${answer})`, details);
  }
  return new OciError(code, `${where} failed at ${operation} (${answer})`, details);
}

/** Some registries say what is wrong only in the detail. */
function detailOf(detail: unknown): string | undefined {
  return typeof detail === 'string' ? printable(detail).slice(0, 256) : undefined;
}

/** The first error of `{"errors":[{code,message}]}` (distribution-spec, "Error Codes"). */
export async function readProblem(response: HttpResponse): Promise<RegistryProblem | undefined> {
  try {
    const text = Buffer.from(await response.bytes(MAX_ERROR_BODY)).toString('utf8');
    const body = JSON.parse(text) as { errors?: { code?: unknown; message?: unknown; detail?: unknown }[] } | null;
    const first = body?.errors?.[0];
    if (typeof first?.code !== 'string') return undefined;
    return {
      code: printable(first.code).slice(0, 128),
      message: [typeof first.message === 'string' ? printable(first.message) : '', detailOf(first.detail)]
        .filter(Boolean)
        .join(': '),
    };
  } catch {
    return undefined;
  }
}

function codeOf(status: number): OciErrorCode {
  if (status === 401) return 'ERR_OCI_UNAUTHORIZED';
  if (status === 403) return 'ERR_OCI_FORBIDDEN';
  if (status === 404) return 'ERR_OCI_NOT_FOUND';
  if (status === 405 || status === 501) return 'ERR_OCI_UNSUPPORTED';
  return status < 400 ? 'ERR_OCI_INVALID_RESPONSE' : 'ERR_OCI_REGISTRY';
}

/** Names under which registries and clouds number their requests. */
const REQUEST_ID_HEADERS = [
  'x-request-id',
  'x-amzn-requestid',
  'x-ms-correlation-request-id',
  'x-ms-request-id',
  'x-github-request-id',
  'x-jfrog-request-id',
  'x-correlation-id',
];

function requestIdOf({ headers }: HttpResponse): string | undefined {
  const name = REQUEST_ID_HEADERS.find((candidate) => typeof headers[candidate] === 'string');
  return name === undefined ? undefined : printable(String(headers[name])).slice(0, 128) || undefined;
}

function hintOf(
  response: HttpResponse,
  own: RegistryProblem | undefined,
  { registry, operation }: ErrorContext,
): string | undefined {
  const { status } = response;
  const manifest = operation.startsWith('PUT manifest');
  if (status === 401)
    return `Log in with "bpfship login ${registry}". A repository that does not exist may be answered like this too.`;
  if (status === 403) return 'The credentials lack the right, or the repository must be made first.';
  if (own?.code === 'NAME_UNKNOWN')
    return 'Check the repository’s name. Some registries (ECR) want a repository to be made before the first push.';
  if (status === 429) return rateLimitHint(response);
  if (status === 413) return 'The registry, or a proxy before it, limits the size of an upload.';
  if (operation.startsWith('DELETE ') && (status === 405 || own?.code === 'UNSUPPORTED'))
    return 'Deletion is turned off in this registry, or not offered; ask its operator, or use its own page.';
  if (manifest && (own?.code === 'MANIFEST_INVALID' || own?.code === 'UNSUPPORTED' || status === 405))
    return 'This registry may accept container images only; it needs support for OCI 1.1 artifacts.';
  if (status === 405 || status === 501) return 'The registry, or a proxy before it, does not offer this operation.';
  return undefined;
}

/** Docker Hub tells how much is left of what. */
function rateLimitHint({ headers }: HttpResponse): string {
  const [limit, left] = [headers['ratelimit-limit'], headers['ratelimit-remaining']];
  const numbers =
    typeof limit === 'string' && typeof left === 'string'
      ? ` (limit ${printable(limit)}, left ${printable(left)})`
      : '';
  return `The registry limits how often it is asked${numbers}: wait, or log in for a higher limit.`;
}

/** A registry that says back what it was sent must not bring secrets into a log. */
function conceal(own: RegistryProblem | undefined, authorizer: Authorizer | undefined): RegistryProblem | undefined {
  if (!own || !authorizer) return own;
  return { code: authorizer.conceal(own.code), message: authorizer.conceal(own.message) };
}
