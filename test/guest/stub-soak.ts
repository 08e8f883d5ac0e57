import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kernel, openKernel } from '../../packages/runtime-shim/dist/index.js';
import { readByVersion, readSeen } from '../support/load/numbered.ts';
import { startCalls } from '../support/load/start-load.ts';

// Runs inside a qemu guest: switches stubs at functions of the kernel to and fro under load, by the calls that an upgrade makes. A line of
// JSON for each kind of hook. Arguments: switches, mark of the calls.
const [switches = 0, mark = 0] = process.argv.slice(2).map(Number);
const PINS = '/sys/fs/bpf';

/** Loads both programs, which share their maps, and puts a stub with the first one at the function. */
async function attachStub(kernel: Kernel, how: 'kprobe' | 'fentry'): Promise<{ slots: string; selector: string }> {
  const maps = { numbers: `${PINS}/${how}-numbers`, by_version: `${PINS}/${how}-by_version` };
  for (const slot of [0, 1]) {
    const { id } = await kernel.load({
      name: how,
      bytes: readFileSync(`/work/${how}-${slot}.o`),
      ...(slot === 0 ? {} : { reuseMaps: maps }),
    });
    await kernel.pinObject(id, { maps: slot === 0 ? maps : {}, programs: { numbered: `${PINS}/${how}-${slot}` } });
    await kernel.close(id);
  }
  const [selector, slots] = [`${PINS}/${how}-selector`, `${PINS}/${how}-slots`];
  await kernel.makeSelector(selector);
  const { id } = await kernel.loadStubs(selector, [
    {
      name: 'numbered',
      section: `${how}/__x64_sys_getpgid`,
      result: how === 'kprobe' ? 1 : 0,
      contextBytes: 0,
      functionIp: false,
      programPin: `${PINS}/${how}-stub`,
      slotsPin: slots,
    },
  ]);
  await kernel.fillSlot(slots, 0, `${PINS}/${how}-0`);
  await kernel.attach(id, 'numbered', { linkPin: `${PINS}/${how}-link` });
  await kernel.close(id);
  return { slots, selector };
}

async function soak(kernel: Kernel, how: 'kprobe' | 'fentry'): Promise<object> {
  const { slots, selector } = await attachStub(kernel, how);
  const numbers = `${PINS}/${how}-numbers`;
  const load = startCalls('/work/calls', mark, 0);
  await sleep(100);
  const before = await load.pause();
  load.resume();
  const writes: number[] = [];
  const begin = performance.now();
  for (let i = 1; i <= switches; i++) {
    const slot = i % 2;
    await kernel.fillSlot(slots, slot, `${PINS}/${how}-${slot}`);
    const start = performance.now();
    await kernel.writeSelector(selector, slot);
    writes.push(performance.now() - start);
    await kernel.settle();
    await kernel.clearSlot(slots, 1 - slot);
  }
  const seconds = (performance.now() - begin) / 1000;
  const made = await load.pause();
  for (let i = 0; i < 250 && (await readSeen(kernel, numbers)).last < made; i++) await sleep(20);
  const seen = await readSeen(kernel, numbers);
  await load[Symbol.asyncDispose]();
  await kernel.removeLink(`${PINS}/${how}-link`);
  writes.sort((a, b) => a - b);
  return {
    how,
    release: release(),
    switches,
    seconds,
    /** In all, and while it was switched. */
    made,
    meanwhile: made - before,
    ...seen,
    byVersion: await readByVersion(kernel, `${PINS}/${how}-by_version`),
    medianWrite: writes[writes.length >> 1],
  };
}

execFileSync('mount', ['-t', 'bpf', 'bpf', PINS]);
const kernel = openKernel();
for (const how of ['kprobe', 'fentry'] as const) {
  try {
    process.stdout.write(`soak-result:${JSON.stringify(await soak(kernel, how))}\n`);
  } catch (error) {
    process.stdout.write(`soak-result:${JSON.stringify({ how, error: String(error) })}\n`);
  }
}
await kernel[Symbol.asyncDispose]();
