/**
 * One soak in a process of its own. Arguments: name of the kind, upgrades, events a second. Prints {@link SoakFindings} as JSON, what goes
 * on to stderr.
 */
import { SOAK_KINDS } from './kinds.ts';
import { soak } from './soak.ts';

const [name, upgrades, rate] = process.argv.slice(2);
const kind = SOAK_KINDS.find((candidate) => candidate.name === name);
if (!kind) throw new Error(`there is no kind "${name}"`);
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort());
const findings = await soak(kind, {
  upgrades: Number(upgrades),
  rate: Number(rate),
  signal: interrupt.signal,
  say: (line) => console.error(line),
});
console.log(JSON.stringify({ ...findings, callTimes: Object.fromEntries(findings.callTimes) }));
