/**
 * Reads the events of a service until its input ends, in a process of its own. Arguments: state folder, folder for pins, service, mode.
 * Prints a line when it reads, and {@link ReadReport} as JSON when it has ended.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EventBatch, EventJson, openNode } from '@bpfship/runtime-shim';

/** What is done with each event: nothing but counting, reading its number, decoding all of it, or a line of JSON. */
export type ReadMode = 'count' | 'field' | 'decode' | 'json';

/** What a process has read. */
export interface ReadReport {
  events: number;
  /** Sum of the numbers in the events, where the mode reads them. */
  sum: number;
  /** Events that the kernel said were lost, and that the process itself was too slow for. */
  lost: number;
  /** Times that the ring buffer was found full. */
  full: number;
  /** Milliseconds of CPU, of all threads, while it read; and of the clock. */
  cpu: number;
  elapsed: number;
}

const [stateDir = '', bpffsDir = '', service = '', mode = 'count'] = process.argv.slice(2);
const json = new EventJson({ service });

await using node = await openNode({ stateDir, bpffsDir });
await using opened = await node.openEvents(service);
const stop = new AbortController();
const report: ReadReport = { events: 0, sum: 0, lost: 0, full: 0, cpu: 0, elapsed: 0 };
const reading = (async () => {
  for await (const batch of opened.hub.subscribe({ signal: stop.signal })) take(batch);
})();
// What it costs to start is not asked.
await sleep(500);
const [cpu, begin] = [process.cpuUsage(), performance.now()];
process.stdout.write('reading\n');
process.stdin.resume();
await once(process.stdin, 'end');
const used = process.cpuUsage(cpu);
report.cpu = (used.user + used.system) / 1000;
report.elapsed = performance.now() - begin;
// What is on its way still counts.
await sleep(500);
stop.abort();
await reading;
process.stdout.write(`${JSON.stringify(report)}\n`);

function take(batch: EventBatch): void {
  report.events += batch.count;
  report.lost += batch.lost;
  report.full += Number(batch.full);
  if (mode === 'json') {
    writeFileSync('/dev/null', json.lines(batch));
    return;
  }
  if (mode === 'count') return;
  for (let index = 0; index < batch.count; index++) {
    const number = mode === 'field' ? batch.value(index, 0) : batch.decode(index)['number'];
    report.sum += Number(number);
  }
}
