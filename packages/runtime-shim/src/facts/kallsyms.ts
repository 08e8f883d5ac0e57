import { matchesPattern, type NameList } from '@bpfship/portability';
import { readBounded } from './read-bounded.ts';

/** Bytes of /proc/kallsyms that are read; a kernel with all symbols and many modules has 20 MB. */
const MAX_SIZE: number = 128 * 1024 * 1024;
/** Bytes of a name (KSYM_NAME_LEN, include/linux/kallsyms.h) and a module's. */
const MAX_LINE = 512 + 64;
const NEW_LINE = 10;
const TAB = 9;
const SPACE = 32;
/** Kinds of symbols; a name may be of both. */
const FUNCTION = 1;
const VARIABLE = 2;
/** Names that are searched for one by one. */
const FEW_QUESTIONS = 16;
/** What link time optimisation puts behind the names of functions. */
const LTO_TAIL = '.llvm.';

/** The names in /proc/kallsyms. The addresses, which need a privilege, are not used. */
export interface Kallsyms {
  functions: NameList;
  variables: NameList;
  /** All of them: each once, sorted, each ended by a line feed. */
  list(): { functions: string; variables: string };
}

/** Reads the kernel's symbols; `undefined` where it shows none. */
export async function readKallsyms(path = '/proc/kallsyms'): Promise<Kallsyms | undefined> {
  const text = await readBounded(path, MAX_SIZE);
  return text === undefined || text.length === 0 ? undefined : openKallsyms(text);
}

/** A line is `address type name`, and `\t[module]` where it is of one. Lines that are not are passed over. */
export function openKallsyms(text: Buffer): Kallsyms {
  let indexed: ReadonlyMap<string, number> | undefined;
  const index = (): ReadonlyMap<string, number> => (indexed ??= indexNames(text));
  return {
    functions: openNames(text, index, FUNCTION),
    variables: openNames(text, index, VARIABLE),
    list: () => listNames(text),
  };
}

/** `t`, `T`, `w` and `W`: text, and weak symbols, which are text where they are not `v` or `V` (nm). */
function kindOf(type: number): number {
  const letter = type | 0x20;
  return letter === 0x74 || letter === 0x77 ? FUNCTION : VARIABLE;
}

/** For few names, searching the bytes is faster than taking all lines apart. */
function openNames(text: Buffer, index: () => ReadonlyMap<string, number>, kind: number): NameList {
  let asked = 0;
  const has = (name: string): boolean =>
    asked++ < FEW_QUESTIONS ? find(text, name, kind, true) : ((index().get(name) ?? 0) & kind) !== 0;
  return {
    has,
    // Few kernels have names with such tails; for the others, one search answers for all names.
    begins: (head) => (!head.endsWith(LTO_TAIL) || text.includes(LTO_TAIL)) && find(text, head, kind, false),
    matches(pattern) {
      if (!/[*?]/.test(pattern)) return has(pattern);
      for (const [name, kinds] of index()) if ((kinds & kind) !== 0 && matchesPattern(name, pattern)) return true;
      return false;
    },
  };
}

function find(text: Buffer, name: string, kind: number, whole: boolean): boolean {
  if (!/^[\x21-\x7e]+$/.test(name)) return false;
  const needle = Buffer.from(` ${name}`, 'latin1');
  for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
    const next = text[at + needle.length];
    const ends = next === NEW_LINE || next === TAB || next === undefined;
    if ((!whole || ends) && text[at - 2] === SPACE && kindOf(text[at - 1] ?? 0) === kind) return true;
  }
  return false;
}

function indexNames(text: Buffer): ReadonlyMap<string, number> {
  const index = new Map<string, number>();
  for (const { type, name } of takeApart(text)) index.set(name, (index.get(name) ?? 0) | kindOf(type));
  return index;
}

/** Type letter and name of every line that has them. */
function takeApart(text: Buffer): { type: number; name: string }[] {
  const parts: { type: number; name: string }[] = [];
  for (const line of text.toString('latin1').split('\n')) {
    const space = line.indexOf(' ');
    if (space <= 0 || line.charCodeAt(space + 2) !== SPACE || line.length > space + 3 + MAX_LINE) continue;
    const tab = line.indexOf('\t', space);
    const name = tab < 0 ? line.slice(space + 3) : line.slice(space + 3, tab);
    if (name !== '') parts.push({ type: line.charCodeAt(space + 1), name });
  }
  return parts;
}

function listNames(text: Buffer): { functions: string; variables: string } {
  const functions: string[] = [];
  const variables: string[] = [];
  for (const { type, name } of takeApart(text)) (kindOf(type) === FUNCTION ? functions : variables).push(name);
  return { functions: joinNames(functions), variables: joinNames(variables) };
}

/** What is no name that C or an assembler could make is left out: nobody can ask for it. */
function joinNames(names: string[]): string {
  const sorted = names.sort();
  const text = sorted.filter((name, i) => name !== sorted[i - 1]).join('\n');
  const clean = /[^\n\x21-\x7e]/.test(text)
    ? text
        .split('\n')
        .filter((name) => /^[\x21-\x7e]+$/.test(name))
        .join('\n')
    : text;
  return clean === '' ? '' : `${clean}\n`;
}
