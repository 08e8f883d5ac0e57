import { access, readdir } from 'node:fs/promises';
import type { Kernel } from '../kernel/kernel.ts';

const PLACES = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];
/** Groups of tracepoints that are read; a kernel has some 150. */
const MAX_GROUPS = 2048;

/** Whom to ask where tracefs is mounted nowhere. Default: nobody. */
type Mounter = Pick<Kernel, 'tracefs'> | undefined;

/** Where tracefs is mounted and readable, or can be read through the kernel worker. */
async function findTracefs(kernel: Mounter): Promise<string | undefined> {
  for (const path of PLACES) if (await isThere(`${path}/events/sched`)) return path;
  return kernel?.tracefs();
}

/** Which of some tracepoints (`group/name`) there are; `undefined` where tracefs cannot be read. */
export async function findTracepoints(
  wanted: readonly string[],
  kernel?: Mounter,
): Promise<ReadonlySet<string> | undefined> {
  const tracefs = await findTracefs(kernel);
  if (tracefs === undefined) return undefined;
  const safe = wanted.filter((name) => /^\w+\/\w+$/.test(name));
  const there = await Promise.all(safe.map((name) => isThere(`${tracefs}/events/${name}`)));
  return new Set(safe.filter((_name, i) => there[i]));
}

/** All tracepoints, sorted, each ended by a line feed; `undefined` where tracefs cannot be read. */
export async function listTracepoints(kernel?: Mounter): Promise<string | undefined> {
  const tracefs = await findTracefs(kernel);
  if (tracefs === undefined) return undefined;
  const groups = (await readdir(`${tracefs}/events`, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .slice(0, MAX_GROUPS);
  const names = await Promise.all(
    groups.map(async ({ name: group }) => {
      const events = await readdir(`${tracefs}/events/${group}`, { withFileTypes: true }).catch(() => []);
      return events.filter((entry) => entry.isDirectory()).map(({ name }) => `${group}/${name}`);
    }),
  );
  return names
    .flat()
    .filter((name) => /^\w+\/\w+$/.test(name))
    .sort()
    .map((name) => `${name}\n`)
    .join('');
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
