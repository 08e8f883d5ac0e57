import { type BpfObject, type BpfProgram, readBpfObject } from '@bpfship/bpf-object';
import type { ReadLog } from './read-log.ts';

/** Where in the sources of an object the verifier stood. */
export interface Place {
  program?: string;
  /** The function, where it is not the program itself. */
  function?: string;
  file?: string;
  line?: number;
  /** The source line. */
  text?: string;
}

/** Characters of a name or source line that are read. */
const MAX_TEXT = 4096;
/** Share of the logged instructions that a program must have; relocation changes some. */
const ENOUGH = 0.6;

/**
 * The program whose instructions a log shows, and the source line (BTF.ext) of the one that was refused. The loader gives all programs of
 * an object one log, and does not say of which it is.
 */
export function findPlace(bytes: Uint8Array, log: ReadLog): Place {
  const object = readBpfObject(bytes);
  const programs = object.programs.filter(({ autoload }) => autoload);
  const program = programs.length === 1 ? programs[0] : likeliest(object, programs, log);
  if (!program) return {};
  const index = log.last?.index ?? instructionIn(log.reasons);
  return { program: program.name, ...(index === undefined ? {} : sourceOf(object, program, index)) };
}

function likeliest(
  object: BpfObject,
  programs: readonly BpfProgram[],
  { instructions, last, source }: ReadLog,
): BpfProgram | undefined {
  let best: { program: BpfProgram; rank: number } | undefined;
  for (const program of programs) {
    const codes = program.functions.flatMap((each) => each.instructions.map(({ code }) => code));
    const same = instructions.filter(({ index, code }) => codes[index] === code).length;
    const share = instructions.length === 0 ? 0 : same / instructions.length;
    if (share < ENOUGH) continue;
    // Short programs are alike but for their constants: then the source line tells.
    const text = last === undefined ? undefined : sourceOf(object, program, last.index).text;
    const rank = share + (text !== undefined && text === source?.text.trim() ? 1 : 0);
    if (rank > (best?.rank ?? 0)) best = { program, rank };
  }
  return best?.program;
}

/** Before it looks at instructions one by one, the verifier names them in its words. */
function instructionIn(reasons: readonly string[]): number | undefined {
  const [, index] = /\binsn (\d+)\b/.exec(reasons.at(-1) ?? '') ?? [];
  return index === undefined ? undefined : Number(index);
}

/** Functions follow the program in the order in which the loader appends them (libbpf, bpf_object__reloc_code). */
function sourceOf({ btf, btfExt }: BpfObject, program: BpfProgram, index: number): Omit<Place, 'program'> {
  let first = 0;
  for (const each of program.functions) {
    const end = first + each.instructions.length;
    if (index >= end) {
      first = end;
      continue;
    }
    const offset = each.offset + (index - first) * 8;
    const line = btfExt?.lines
      .filter((info) => info.section === each.section && info.line > 0)
      .filter((info) => info.offset >= each.offset && info.offset <= offset)
      .reduce<LineAt | undefined>((last, info) => (last && last.offset > info.offset ? last : info), undefined);
    const inside = each.name === program.name ? {} : { function: each.name };
    if (!btf || !line) return inside;
    const [file, text] = [btf.text(line.fileNameOffset, MAX_TEXT), btf.text(line.lineOffset, MAX_TEXT).trim()];
    return { ...inside, file, line: line.line, ...(text === '' ? {} : { text }) };
  }
  return {};
}

type LineAt = NonNullable<BpfObject['btfExt']>['lines'][number];
