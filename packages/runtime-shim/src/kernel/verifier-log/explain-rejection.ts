import { findPlace, type Place } from './find-place.ts';
import { type ReadLog, readLog } from './read-log.ts';

/** Why the verifier refused a program, for people. */
export interface Rejection {
  /** Its last words, in one line. */
  reason: string;
  /** Program, source line, instruction and registers, a line each. */
  details: string;
}

const MAX_LINE = 300;
/** Registers that are shown. */
const MAX_REGISTERS = 4;

/**
 * The lines of a verifier's log that matter: its last words, the source line and the instruction that they are about, and what it knew of the
 * registers in them.
 *
 * @param object - what was loaded; its BTF.ext names source lines.
 */
export function explainRejection(log: string, object: Uint8Array): Rejection {
  const read = readLog(log);
  const place = placeOf(read, object);
  const reason = read.reasons.at(-1) ?? 'the verifier did not say why';
  const { last } = read;
  const lines = [
    ...(read.reasons.length > 0 ? read.reasons : [reason]),
    ...describePlace(place),
    ...(last ? [`instruction ${last.index}: ${last.text}`] : []),
    ...describeRegisters(read),
  ];
  const omitted = read.lines - read.reasons.length - (last ? 1 : 0);
  if (omitted > 0) lines.push(`(${omitted} ${omitted === 1 ? 'line' : 'lines'} of the verifier’s log left out)`);
  const where = place.file === undefined ? '' : ` (${lastPart(place.file)}:${place.line})`;
  return {
    reason: `${place.program === undefined ? '' : `program "${place.program}": `}${short(reason)}${where}`,
    details: lines.map((line) => `  ${short(line)}`).join('\n'),
  };
}

/** What the object says of the place; where it says nothing, what the log itself names. */
function placeOf(read: ReadLog, object: Uint8Array): Place {
  const { source } = read;
  const named = source
    ? { text: source.text, ...(source.line === undefined ? {} : { file: source.file, line: source.line }) }
    : {};
  try {
    const found = findPlace(object, read);
    return found.line === undefined ? { ...named, ...found } : found;
  } catch {
    // An object that only the loader can read has been told apart by nobody.
    return named;
  }
}

function describePlace({ program, function: inner, file, line, text }: Place): string[] {
  const where = [
    ...(file === undefined ? [] : [`${file}:${line}`]),
    ...(program === undefined ? [] : [`in program ${program}${inner === undefined ? '' : `, function ${inner}`}`]),
  ];
  return [...(where.length > 0 ? [`at ${where.join(', ')}`] : []), ...(text === undefined ? [] : [`source: ${text}`])];
}

/** Those that the refused instruction or the verifier's words name, else none. */
function describeRegisters({ reasons, last, registers }: ReadLog): string[] {
  const words = `${reasons.join(' ')} ${last?.text ?? ''}`;
  const named = [...words.matchAll(/\b[rRw](\d{1,2})\b/g)].map(([, number]) => `R${number}`);
  const known = [...new Set(named)].filter((name) => registers.has(name)).slice(0, MAX_REGISTERS);
  return known.length === 0 ? [] : [`registers: ${known.map((name) => `${name}=${registers.get(name)}`).join(' ')}`];
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function short(text: string): string {
  return text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)}…` : text;
}
