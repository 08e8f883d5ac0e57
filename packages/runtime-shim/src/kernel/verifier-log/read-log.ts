/** An instruction in the log: its number in the program, its first byte, and what the verifier says that it does. */
export interface LoggedInstruction {
  index: number;
  code: number;
  text: string;
}

/** What a verifier's log says of why it refused. */
export interface ReadLog {
  /** Instructions in the order in which they were looked at, bounded. */
  instructions: LoggedInstruction[];
  /** The instruction that was looked at last. */
  last?: LoggedInstruction;
  /** The verifier's last words, after that instruction. */
  reasons: string[];
  /** What it knew of registers then: `R1` → `ctx()`. */
  registers: Map<string, string>;
  /** The source line that it named last, with its file where it says it (since Linux 6.8). */
  source?: { text: string; file?: string; line?: number };
  /** Lines of the log. */
  lines: number;
}

/** Instructions that are kept to tell which program they are of. */
const MAX_INSTRUCTIONS = 4096;
const MAX_REASONS = 6;
/** `12: (85) call bpf_map_lookup_elem#1   ; R0=…`; after a jump the new state may follow on the line. */
const INSTRUCTION = /^(\d+): \(([0-9a-f]{2})\) (.*?)(?:\s+; (.*)|\s(?:\d+): ((?:frame\d+: )?R\d.*))?$/;
const SOURCE = /^; ?(.*?)(?: @ (\S+):(\d+))?$/;
/** A whole state: it replaces what was known. */
const STATE = /^(?:\d+: |from \d+ to \d+(?: \([^)]*\))?: |(?:\d+: )?frame\d+: )(?=.*R\d+)/;
const REGISTER = /\b(R\d+)(?:_[a-zA-Z]+)?=([^\s(]*(?:\((?:[^()]|\([^()]*\))*\))?)/g;
/** Lines about the verifier's own work. */
const NOISE =
  /^(?:processed \d+ insns|verification time|stack depth|max_states|-- (?:BEGIN|END) |func#\d+ @|arg#\d+ |caller:|callee:|returning from callee:|to caller at|mark_precise|last_idx|regs=|parent |propagating|live regs|safe$|\d+: safe|combining|Validating |Func#\d+|\s*\d+: [.0-9]+ \()/;

/** Reads the log of a refused program. The log is the kernel's, but holds text of the program. */
export function readLog(log: string): ReadLog {
  const read: ReadLog = { instructions: [], reasons: [], registers: new Map(), lines: 0 };
  let start = 0;
  while (start < log.length) {
    const newline = log.indexOf('\n', start);
    const end = newline < 0 ? log.length : newline;
    const line = log.slice(start, Math.min(end, start + 2048)).trimEnd();
    start = end + 1;
    if (line === '') continue;
    read.lines++;
    takeLine(read, line);
  }
  return read;
}

function takeLine(read: ReadLog, line: string): void {
  const instruction = INSTRUCTION.exec(line);
  if (instruction) {
    const [, index, code = '', text = '', changed, state] = instruction;
    read.last = { index: Number(index), code: Number.parseInt(code, 16), text: text.trim() };
    read.reasons = [];
    if (read.instructions.length < MAX_INSTRUCTIONS) read.instructions.push(read.last);
    if (state !== undefined) read.registers.clear();
    learn(read.registers, changed ?? state ?? '');
    return;
  }
  if (line.startsWith(';')) {
    const [, text = '', file, number] = SOURCE.exec(line) ?? [];
    // Instructions that the compiler made up have line 0.
    if (text !== '' && number !== '0') {
      read.source = { text, ...(file === undefined ? {} : { file, line: Number(number) }) };
    }
    return;
  }
  if (NOISE.test(line)) return;
  if (STATE.test(line)) {
    read.registers.clear();
    learn(read.registers, line);
    return;
  }
  if (/^\s*(?:R\d+|fp-\d+)(?:_[a-zA-Z]+)?=/.test(line)) {
    learn(read.registers, line);
    return;
  }
  read.reasons.push(line);
  if (read.reasons.length > MAX_REASONS) read.reasons.shift();
}

function learn(registers: Map<string, string>, text: string): void {
  for (const [, name = '', value = ''] of text.matchAll(REGISTER)) registers.set(name, value);
}
