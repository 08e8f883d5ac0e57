import { readFileSync } from 'node:fs';

/** What one kernel did with one program, or (`program: null`) with an object as a whole. One line of the driver's output. */
export interface Truth {
  /** File name of the object. */
  object: string;
  program: string | null;
  section: string;
  loaded: boolean;
  /** How far libbpf came; `crash`: it was killed. */
  stage: 'open' | 'load' | 'done' | 'crash';
  /** Positive errno; 0 where it was loaded. */
  errno: number;
  /** Milliseconds of processor time. */
  cpuMs?: number;
  /** End of libbpf's messages, with the verifier's log. */
  log?: string;
}

/** The driver's lines, without the first, which names its libbpf. */
export function readTruth(path: string): Truth[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Truth).filter(({ object }) => object !== undefined);
}
