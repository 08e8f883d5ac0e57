import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { makeFolder } from '../node/durable-folder.ts';
import { dirname, join } from 'node:path';
import { ShimError, stateError } from '../shim-error.ts';
import { type DesiredState, MAX_DESIRED_SIZE } from './desired-schema.ts';

/** Name in the state folder. */
export const DESIRED_FILE = 'desired.json';

/** The desired state that was applied on a node; read again only where the file is another one. */
export class DesiredFile {
  readonly path: string;
  #known: { stamp: string; desired: DesiredState } | undefined;

  constructor(stateDir: string) {
    this.path = join(stateDir, DESIRED_FILE);
  }

  /**
   * @returns `undefined` where nothing was applied.
   * @throws {ShimError} `ERR_SHIM_DESIRED` where it is damaged: it is never guessed.
   */
  async read(): Promise<DesiredState | undefined> {
    let bytes: Uint8Array;
    try {
      const { ino, size, mtimeMs } = await stat(this.path);
      const stamp = `${ino} ${size} ${mtimeMs}`;
      if (this.#known?.stamp === stamp) return this.#known.desired;
      if (size > MAX_DESIRED_SIZE * 4) throw damaged(this.path, `it has ${size} bytes`);
      bytes = await readFile(this.path);
      const { checkDesired } = await import('./parse-desired.ts');
      const desired = checkDesired(bytes, this.path);
      this.#known = { stamp, desired };
      return desired;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      if (error instanceof ShimError) throw damaged(this.path, error.message, error);
      throw stateError(error, `reading ${this.path}`);
    }
  }

  /** Writes it: whole or not at all. */
  async write(desired: DesiredState): Promise<void> {
    const temporary = `${this.path}.${process.pid}.new`;
    try {
      await makeFolder(dirname(this.path));
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(`${JSON.stringify(desired, undefined, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.path);
      const folder = await open(dirname(this.path), 'r');
      await folder.sync().finally(() => folder.close());
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw stateError(error, `writing ${this.path}`);
    }
  }
}

function damaged(path: string, why: string, cause?: unknown): ShimError {
  return new ShimError('ERR_SHIM_DESIRED', `the desired state ${path} is damaged: ${why}`, {
    hint: 'Apply it again: bpfship apply node.yaml; what runs goes on until then.',
    cause,
  });
}
