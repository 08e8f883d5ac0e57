import type { Header } from 'tar-stream';

/** What a ustar header holds without an extension, in bytes (POSIX.1-2001, ustar). */
const MAX_NAME = 100;

/**
 * The path of an archive entry: a plain file name.
 *
 * @throws {Error} for what no variant layer may hold (spec/artifact.md, "Layers"): folders, links, devices, extended headers, and any path.
 */
export function checkEntry({ name, type, pax }: Header & { pax?: unknown }): string {
  const shown = JSON.stringify(name.slice(0, 128));
  if (type !== 'file') throw new Error(`the entry ${shown} is a ${type ?? 'nothing known'}, not a file`);
  if (pax !== undefined && pax !== null) throw new Error(`the entry ${shown} has an extended header`);
  if (name.length > MAX_NAME || !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) {
    throw new Error(`the path ${shown} is no plain file name`);
  }
  return name;
}
