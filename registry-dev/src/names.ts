import { RegistryProblem } from './registry-problem.ts';

/** Grammar of the distribution specification ("Pull"), checked before any path is made from a name. */
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/** Whether the text is a repository name. No component is `_uploads` and the like, since components begin with a letter or digit. */
export function isRepository(text: string): boolean {
  return text.length <= 255 && REPOSITORY.test(text);
}

/** Whether the text is a tag. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** Whether the text is a digest that this registry can verify. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** A digest that was checked. @throws {RegistryProblem} `DIGEST_INVALID`. */
export function requireDigest(text: string): string {
  if (!isDigest(text)) throw new RegistryProblem('DIGEST_INVALID', 'not a sha256 or sha512 digest');
  return text;
}
