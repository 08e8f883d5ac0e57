import type { EvidenceResult } from '@bpfship/media-types';
import { unknown, unmet } from '../answer.ts';
import { inOrder, summarise } from '../judge.ts';
import type { Finding, ProgramVerdict, Verdict } from '../verdict.ts';
import type { OpenedEvidence, Told } from './open-evidence.ts';

/**
 * Refusals that rest on the object and the kernel's BTF alone, which evidence of this very kernel therefore outweighs. All others were
 * answered by this node (probes, hooks, modules, files, rights) and may differ between nodes with one kernel.
 */
const OUTWEIGHED: ReadonlySet<string> = new Set(['relocation-poison', 'map-shape', 'map-inner-missing']);

/** Codes by which evidence of a program's load speaks. */
const LOAD_DOUBTS: ReadonlySet<string> = new Set(['load-failed', 'load-failed-elsewhere', 'evidence-conflict']);

/** Characters of a verifier's line that a reason quotes. */
const MAX_QUOTE = 200;

/**
 * Lets evidence decide (spec/evidence.md, "Weight"): on exactly this kernel a failure refuses and a success takes doubts away; a failure elsewhere
 * that no requirement foresaw makes a verdict uncertain. Where the platform does not fit, nothing changes.
 */
export function weighEvidence(verdict: Verdict, evidence: OpenedEvidence): Verdict {
  if (verdict.programs.length === 0) return verdict;
  const { variant, layer } = verdict;
  const programs = verdict.programs.map((program) => weighProgram(program, verdict, evidence));
  const own = programs.flatMap(({ findings }) => findings);
  // What all of them come to together counts only where it is not explained by one of them.
  const together = own.some(({ code }) => LOAD_DOUBTS.has(code))
    ? []
    : doubtsOf(evidence.object(variant, layer), 'the variant', 'load');
  const findings = inOrder(new Set([...together, ...own]));
  return { ...verdict, ...summarise(findings), findings, programs };
}

function weighProgram(program: ProgramVerdict, { variant, layer }: Verdict, evidence: OpenedEvidence): ProgramVerdict {
  const { name } = program;
  const loads = evidence.loads(variant, layer, name);
  const attaches = evidence.attaches(variant, layer, name);
  const kept = program.findings.filter(
    (finding) => !isSettled(finding, 'load', loads) && !isSettled(finding, 'attach', attaches),
  );
  const findings = inOrder([
    ...doubtsOf(loads, `program ${name}`, 'load'),
    ...doubtsOf(attaches, `program ${name}`, 'attach'),
    ...kept,
  ]);
  return { name, ...summarise(findings), findings };
}

/** Whether success on this very kernel takes a finding away. */
function isSettled({ affects, outcome, code }: Finding, stage: Finding['affects'], { here }: Told): boolean {
  return here === 'ok' && affects === stage && (outcome === 'unknown' || OUTWEIGHED.has(code));
}

function doubtsOf({ here, failure, elsewhere }: Told, what: string, affects: 'load' | 'attach'): Finding[] {
  const did = affects === 'load' ? 'load' : 'attach';
  if (here === 'failed' && failure) {
    const reason = `${what} did not ${did} on this very kernel, by the package’s evidence${quote(failure)}`;
    return [{ ...unmet(`${did}-failed`, reason), affects }];
  }
  if (here === 'conflict') {
    const reason = `the package’s evidence contradicts itself: ${what} is said to ${did} on this very kernel, and not to`;
    return [{ ...unknown('evidence-conflict', reason), affects }];
  }
  if (here === undefined && elsewhere && affects === 'load') {
    const reason = `${what} did not load on Linux ${elsewhere.release}, where every requirement was met${quote(elsewhere.failure)}`;
    return [unknown('load-failed-elsewhere', reason)];
  }
  return [];
}

function quote({ errno, log }: EvidenceResult): string {
  const words = [
    errno,
    log
      ?.findLast((text) => text.trim() !== '')
      ?.trim()
      .slice(0, MAX_QUOTE),
  ];
  const said = words.filter((word) => word !== undefined).join(': ');
  return said === '' ? '' : ` (${said})`;
}
