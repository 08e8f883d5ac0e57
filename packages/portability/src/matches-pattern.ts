/**
 * Whether a name matches a pattern with `*` and `?`, as libbpf's glob_match. Takes at most the product of both lengths in steps, whatever
 * the pattern is.
 */
export function matchesPattern(name: string, pattern: string): boolean {
  let at = 0;
  let from = 0;
  /** Where the last `*` stands, and where in the name it is taken to end. */
  let star = -1;
  let starEnd = 0;
  while (at < name.length) {
    const wanted = pattern[from];
    if (wanted === '*') {
      star = from;
      starEnd = at;
      from += 1;
    } else if (wanted !== undefined && (wanted === '?' || wanted === name[at])) {
      at += 1;
      from += 1;
    } else if (star >= 0) {
      starEnd += 1;
      at = starEnd;
      from = star + 1;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(from));
}
