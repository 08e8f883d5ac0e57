import { execFileSync } from 'node:child_process';

/** What libbpf did for one relocation, in words that ours can be put into too. */
export interface Decision {
  /** Ids of candidates that matched and that did not, in order: `+12 -40`. */
  candidates: string;
  /** `value A -> B`, `poison`, `error`, with ` size A -> B` where a load changed. */
  action: string;
}

const LINE = /^libbpf: prog '([^']+)': relo #(\d+): (.*)$/;

/** Runs the driver over pairs of object and target, and reads libbpf's log: for each pair, `program#relocation` → decision. */
export function libbpfDecisions(
  driver: string,
  pairs: readonly (readonly [string, string])[],
): Map<string, Decision>[] {
  const log = execFileSync(driver, pairs.flat(), { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  return log
    .split(/^=== \d+\n/m)
    .slice(1)
    .map(readLog);
}

function readLog(log: string): Map<string, Decision> {
  const decisions = new Map<string, Decision>();
  for (const line of log.split('\n')) {
    const found = LINE.exec(line);
    if (found === null) continue;
    const [, program = '', number = '', text = ''] = found;
    const key = `${program}#${number}`;
    const decision = decisions.get(key) ?? { candidates: '', action: '' };
    decisions.set(key, decision);
    readLine(decision, text);
  }
  return decisions;
}

function readLine(decision: Decision, text: string): void {
  const candidate = /^(non-matching|matching) candidate #\d+ <\w+> \[(\d+)\]/.exec(text);
  if (candidate !== null) {
    decision.candidates = `${decision.candidates} ${candidate[1] === 'matching' ? '+' : '-'}${candidate[2]}`.trim();
    return;
  }
  const patched = /^patched insn #\d+ \((ALU\/ALU64|LDX\/ST\/STX|LDIMM64)\) (?:imm64|imm|off) (\d+) -> (\d+)/.exec(
    text,
  );
  const size = /^patched insn #\d+ \(LDX\/ST\/STX\) mem_sz (\d+) -> (\d+)/.exec(text);
  const unexpected = /value: got \d+, exp (\d+) -> (\d+)/.exec(text);
  if (patched !== null) decision.action = `value -> ${patched[3]}`;
  else if (size !== null) decision.action += ` size ${size[1]} -> ${size[2]}`;
  // The value is reckoned, but the instruction holds another original one: only crafted objects come here.
  else if (unexpected !== null) decision.action = `value -> ${unexpected[2]}`;
  else if (text.startsWith('substituting insn')) decision.action = 'poison';
  // The offset was patched before libbpf looked at the size.
  else if (/(unexpected|invalid new) mem size/.test(text)) decision.action = 'error';
  else if (/failed: -?\d+$|failed to relocate|doesn't support anonymous|ambiguity|error matching|too big/.test(text)) {
    decision.action ||= 'error';
  }
}
