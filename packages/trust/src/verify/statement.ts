import { TrustError } from '../trust-error.ts';
import { parseStrictJson } from './strict-json.ts';

/** Payload type of in-toto statements in DSSE envelopes (in-toto spec/v1/envelope.md). */
export const PAYLOAD_TYPE_STATEMENT = 'application/vnd.in-toto+json';
/** The statement type that is written. */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
/** Statement types that are read; `cosign attest` still writes v0.1. */
const STATEMENT_TYPES: readonly unknown[] = [STATEMENT_TYPE, 'https://in-toto.io/Statement/v0.1'];
/** Subjects of one statement (sigstore-go's bound). */
const MAX_SUBJECTS = 1024;
/** A digest that may be asked for (image-spec descriptor.md, "Digests"). */
const DIGEST = /^(sha256|sha512):([a-f0-9]{64}|[a-f0-9]{128})$/;
/** Annotations of one subject. */
const MAX_ANNOTATIONS = 256;

/** An in-toto statement, as far as it is used here. */
export interface Statement {
  readonly type: string;
  readonly predicateType: string;
  readonly subjects: readonly StatementSubject[];
}

/** What a statement is about. */
export interface StatementSubject {
  readonly name?: string;
  /** Hex digests by algorithm. */
  readonly digest: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Reads an in-toto statement (in-toto spec/v1/statement.md). Unknown members are allowed, as that specification asks.
 *
 * @throws {TrustError} `ERR_TRUST_STATEMENT_INVALID`.
 */
export function parseStatement(payload: Uint8Array): Statement {
  let value: unknown;
  try {
    value = parseStrictJson(payload);
  } catch (cause) {
    throw invalid(`is not JSON: ${(cause as Error).message.slice(0, 128)}`, cause);
  }
  if (!isObject(value)) throw invalid('is not a JSON object');
  const { _type, predicateType, subject, predicate } = value;
  if (typeof _type !== 'string' || !STATEMENT_TYPES.includes(_type)) throw invalid('has an unknown type');
  if (typeof predicateType !== 'string' || predicateType === '' || predicateType.length > 512) {
    throw invalid('has no predicate type');
  }
  if (!Array.isArray(subject) || subject.length === 0 || subject.length > MAX_SUBJECTS) {
    throw invalid(`has no subject, or more than ${MAX_SUBJECTS}`);
  }
  if (predicate !== undefined && !isObject(predicate)) throw invalid('has a predicate that is not an object');
  return { type: _type, predicateType, subjects: subject.map(readSubject) };
}

function readSubject(value: unknown): StatementSubject {
  if (!isObject(value)) throw invalid('has a subject that is not an object');
  const { name, digest, annotations = {} } = value;
  if (name !== undefined && (typeof name !== 'string' || name.length > 1024))
    throw invalid('has a subject with a bad name');
  if (!isTexts(digest) || Object.keys(digest).length === 0) throw invalid('has a subject without a digest');
  // In-toto allows any JSON value here; a signature's annotations are texts (cosign sign -a).
  const texts = isTexts(annotations) ? annotations : undefined;
  if (!texts || Object.keys(texts).length > MAX_ANNOTATIONS) throw invalid('has a subject with bad annotations');
  return { ...(name === undefined ? {} : { name }), digest, annotations: texts };
}

/**
 * The subject that is the artifact: its one digest is the artifact's. Further digests of a subject cannot be checked here, so such a
 * subject does not count.
 *
 * @throws {TrustError} `ERR_TRUST_SUBJECT_MISMATCH`.
 */
export function findSubject({ subjects }: Statement, digest: string): StatementSubject {
  const [, algorithm, hex] = DIGEST.exec(digest) ?? [];
  const found = subjects.find((subject) => {
    const [only, ...more] = Object.entries(subject.digest);
    return hex !== undefined && more.length === 0 && only?.[0] === algorithm && only?.[1] === hex;
  });
  if (found) return found;
  const [name, other] = Object.entries(subjects[0]?.digest ?? {})[0] ?? ['', ''];
  const more = subjects.length > 1 ? ` and ${subjects.length - 1} more` : '';
  const stated = JSON.stringify(`${name}:${other}`).slice(0, 160);
  throw new TrustError('ERR_TRUST_SUBJECT_MISMATCH', `the statement is about ${stated}${more}, not about ${digest}`);
}

function isTexts(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((text) => typeof text === 'string');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(why: string, cause?: unknown): TrustError {
  return new TrustError('ERR_TRUST_STATEMENT_INVALID', `the signed statement ${why}`, { cause });
}
