/** One challenge of a `WWW-Authenticate` header (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** Lower-case, e.g. `bearer`. */
  scheme: string;
  /** Names in lower case. */
  params: Record<string, string>;
}

/** Headers are read up to this length. */
const MAX_LENGTH = 16 * 1024;

/** Parses all challenges of all header lines; what cannot be read is left out. */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const lines = header === undefined ? [] : typeof header === 'string' ? [header] : header;
  return lines.flatMap((line) => parseLine(line.slice(0, MAX_LENGTH)));
}

const SEPARATORS = /[\s,]*/y;
const SCHEME = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
/** Credentials without names, as `Negotiate` has them; they end at a comma or at the end. */
const TOKEN68 = / +[A-Za-z0-9._~+/-]+=*\s*(?=,|$)/y;
/** Unquoted values are read more broadly than the RFC allows: registries leave the quotes out of URLs. */
const PARAM = /[\s,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y;

function parseLine(line: string): Challenge[] {
  const challenges: Challenge[] = [];
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = position;
    const match = pattern.exec(line) ?? undefined;
    if (match) position = pattern.lastIndex;
    return match;
  };
  while (position < line.length) {
    take(SEPARATORS);
    const scheme = take(SCHEME)?.[0];
    if (scheme === undefined) {
      position += 1;
      continue;
    }
    const params: Record<string, string> = {};
    if (!take(TOKEN68)) {
      for (let match = take(PARAM); match; match = take(PARAM)) {
        params[(match[1] ?? '').toLowerCase()] = match[3] ?? (match[2] ?? '').replace(/\\(.)/g, '$1');
      }
    }
    challenges.push({ scheme: scheme.toLowerCase(), params });
  }
  return challenges;
}
