import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePinName, namesIn } from './pins.ts';

/**
 * Which services are being changed, in the state folder: a mark that is found under the node's lock is that of a command that was killed. It
 * need not outlast a power cut, after which no pins are left either.
 */
export class ChangeMarks {
  readonly #folder: string;

  constructor(stateDir: string) {
    this.#folder = join(stateDir, 'changing');
  }

  /** A disk that is full keeps nobody from changing a service: then the next change of the same one puts right what is left. */
  set(service: string): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      writeFileSync(this.#path(service), '', { mode: 0o600 });
    } catch {
      // As above.
    }
  }

  clear(service: string): void {
    rmSync(this.#path(service), { force: true });
  }

  /** Names of the services that have a mark, sorted. */
  all(): string[] {
    return namesIn(this.#folder)
      .map((name) => name.replaceAll('@', '/').replaceAll('%', '.'))
      .sort();
  }

  #path(service: string): string {
    return join(this.#folder, encodePinName(service));
  }
}
