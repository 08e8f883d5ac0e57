import { existsSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bpf } from '../kernel/native/bpf.ts';
import { MAX_COMPONENTS, pinNames } from './protocol.ts';

/** Pins the components of a dispatcher, all or none. @param components - descriptors of each one's program and link. */
export function pinComponents(
  bpf: Bpf,
  pins: string,
  components: readonly { programFd: number; linkFd: number }[],
): void {
  try {
    mkdirSync(pins, { mode: 0o700 });
    for (const [slot, { programFd, linkFd }] of components.entries()) {
      const { program, link } = pinNames(slot);
      bpf.pin(linkFd, join(pins, link));
      bpf.pin(programFd, join(pins, program));
    }
  } catch (error) {
    unpinComponents(pins);
    throw error;
  }
}

/** Removes the pins of a dispatcher's components, and nothing else; the folder goes where nothing is left in it. @returns whether there was one. */
export function unpinComponents(pins: string): boolean {
  if (!existsSync(pins)) return false;
  for (let slot = 0; slot < MAX_COMPONENTS; slot++) {
    for (const name of Object.values(pinNames(slot))) rmSync(join(pins, name), { force: true });
  }
  try {
    rmdirSync(pins);
  } catch {
    // Somebody keeps something of his own there.
  }
  return true;
}
