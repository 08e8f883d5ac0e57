import { matchesPattern, type NameList } from '@bpfship/portability';
import { readBounded } from './read-bounded.ts';

/** Bytes of /proc/kallsyms that are read; a kernel with all symbols and many modules has 20 MB. */
const MAX_SIZE: number = 128 * 1024 * 1024;
/** Bytes of a name (KSYM_NAME_LEN, include/linux/kallsyms.h) and a module's. */
const MAX_LINE = 512 + 64;
const NEW_LINE = 10;
const TAB = 9;
const SPACE = 32;

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
  return {
    functions: openNames(text, isFunctionType),
    variables: openNames(text, (type) => !isFunctionType(type)),
    list: () => listNames(text),
  };
}

/** `t`, `T`, `w` and `W`: text, and weak symbols, which are text where they are not `v` or `V` (nm). */
function isFunctionType(type: number): boolean {
  const letter = type | 0x20;
  return letter === 0x74 || letter === 0x77;
}

/** Few names are looked for: searching the bytes is faster than taking all lines apart. */
function openNames(text: Buffer, wanted: (type: number) => boolean): NameList {
  const find = (name: string, whole: boolean): boolean => {
    if (!/^[\x21-\x7e]+$/.test(name)) return false;
    const needle = Buffer.from(` ${name}`, 'latin1');
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
      const next = text[at + needle.length];
      const ends = next === NEW_LINE || next === TAB || next === undefined;
      if ((!whole || ends) && text[at - 2] === SPACE && wanted(text[at - 1] ?? 0)) return true;
    }
    return false;
  };
  return {
    has: (name) => find(name, true),
    begins: (head) => find(head, false),
    matches(pattern) {
      if (!/[*?]/.test(pattern)) return find(pattern, true);
      for (const { type, name } of takeApart(text)) if (wanted(type) && matchesPattern(name, pattern)) return true;
      return false;
    },
  };
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
  for (const { type, name } of takeApart(text)) (isFunctionType(type) ? functions : variables).push(name);
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
