/** Nesting that is read; a bundle has 5 levels, a provenance statement about 10. */
const MAX_DEPTH = 64;

/**
 * Parses JSON in UTF-8 so that no two readers can understand it differently: no byte order mark, no invalid UTF-8, no member twice, no
 * `__proto__`, bounded nesting. (`JSON.parse` alone lets the last of equal members win, Go’s parsers sometimes the first.)
 *
 * @throws {SyntaxError} that says what is wrong.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError('it is not UTF-8', { cause });
  }
  checkMembers(text);
  return JSON.parse(text);
}

/** Walks over the text's structure. Text that is no JSON passes or fails here; `JSON.parse` refuses it anyway. */
function checkMembers(text: string): void {
  /** The names in each open object; `undefined` for an open array. */
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
        open.push(new Set());
        break;
      case '[':
        open.push(undefined);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case '"': {
        const end = endOfString(text, at);
        if (isFollowedByColon(text, end)) addName(open.at(-1), text.slice(at, end));
        at = end - 1;
        break;
      }
      default:
    }
    if (open.length > MAX_DEPTH) throw new SyntaxError(`it is nested deeper than ${MAX_DEPTH} levels`);
  }
}

/** Index after the closing quote. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  throw new SyntaxError('a text in it has no end');
}

function isFollowedByColon(text: string, from: number): boolean {
  let at = from;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  return text[at] === ':';
}

function addName(names: Set<string> | undefined, literal: string): void {
  // The names are compared unescaped: "\u0073ig" is "sig".
  const name = JSON.parse(literal) as string;
  if (name === '__proto__') throw new SyntaxError('it has a member __proto__');
  if (names?.has(name)) throw new SyntaxError(`it has the member ${JSON.stringify(name).slice(0, 64)} twice`);
  names?.add(name);
}
