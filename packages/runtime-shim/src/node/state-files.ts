import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { statSync } from 'node:fs';
import { DocumentError, parseDocument } from '@bpfship/media-types';
import { ShimError, stateError } from '../shim-error.ts';
import { makeFolder, syncFolder } from './durable-folder.ts';
import { encodePinName } from './pins.ts';
import { type ServiceState, ServiceStateSchema } from './state-schema.ts';

/** State of one service is read up to this size. */
const MAX_STATE_SIZE: number = 4 * 1024 * 1024;

/** Times of file systems are as coarse as this, in milliseconds. */
const RACY_MS = 2_000;

/** What could be read of the node's state, and what could not. */
export interface ReadStates {
  states: ServiceState[];
  damaged: { service: string; error: ShimError }[];
}

/** The node's state on disk: one file for each service, replaced in one step. */
export class StateFiles {
  readonly #folder: string;
  /** What was read, for as long as the file is the same: it is replaced and never changed. */
  readonly #known = new Map<string, { stamp: string; state: ServiceState }>();
  #list: { stamp: string; states: ServiceState[] } | undefined;

  constructor(stateDir: string) {
    this.#folder = join(stateDir, 'services');
  }

  /** A service's state; `undefined` where it is not installed. @throws {ShimError} `ERR_SHIM_STATE_CORRUPT`: it is never guessed. */
  async read(service: string): Promise<ServiceState | undefined> {
    const path = this.path(service);
    let bytes: Uint8Array;
    let stamp: string;
    try {
      const { ino, size, mtimeNs } = statSync(path, { bigint: true });
      stamp = `${ino} ${size} ${mtimeNs}`;
      const known = this.#known.get(service);
      if (known?.stamp === stamp) return known.state;
      bytes = await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw stateError(error, `reading ${path}`);
    }
    try {
      const state = parseDocument(bytes, {
        name: 'service state',
        schema: ServiceStateSchema,
        maxSize: MAX_STATE_SIZE,
      });
      if (state.name !== service)
        throw new DocumentError('ERR_DOCUMENT_INVALID', 'service state', `it is the state of ${state.name}`);
      this.#known.set(service, { stamp, state });
      return state;
    } catch (cause) {
      throw new ShimError('ERR_SHIM_STATE_CORRUPT', `the state file ${path} is damaged: ${(cause as Error).message}`, {
        hint: `Restore ${path} from a backup, or move it away and install the service again; its pins stay until then.`,
        cause,
      });
    }
  }

  /** A service's state. @throws {ShimError} `ERR_SHIM_NOT_INSTALLED`, `ERR_SHIM_STATE_CORRUPT`. */
  async require(service: string): Promise<ServiceState> {
    const state = await this.read(service);
    if (state) return state;
    const names = await this.names();
    throw new ShimError('ERR_SHIM_NOT_INSTALLED', `${service} is not installed on this node`, {
      hint:
        names.length > 0
          ? `Installed: ${names.join(', ')}`
          : 'Nothing is installed; "bpfship install REFERENCE" installs a service.',
    });
  }

  /** Writes a service's state: whole or not at all. */
  async write(state: ServiceState): Promise<void> {
    const path = this.path(state.name);
    const temporary = `${path}.new`;
    try {
      await makeFolder(this.#folder);
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(`${JSON.stringify(state, undefined, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      for (const folder of [this.#folder, dirname(this.#folder)]) await syncFolder(folder);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw stateError(error, `writing ${path}`);
    }
  }

  /** Forgets a service, for good when this returns: what is thrown away after it must not be named by a state that a power cut brings back. */
  async remove(service: string): Promise<void> {
    const path = this.path(service);
    try {
      await rm(path, { force: true });
      await syncFolder(this.#folder);
    } catch (error) {
      throw stateError(error, `removing ${path}`);
    }
  }

  /** Names of all installed services, sorted. */
  async names(): Promise<string[]> {
    const files = await readdir(this.#folder).catch((error: NodeJS.ErrnoException): string[] => {
      if (error.code === 'ENOENT') return [];
      // "Nothing is installed" would be a lie to a user who may not look.
      throw stateError(error, `reading ${this.#folder}`);
    });
    return files
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length).replaceAll('@', '/').replaceAll('%', '.'))
      .sort();
  }

  /**
   * The states that can be read, for who looks often: every change replaces a file, which the folder's time of change tells, so that one look at the
   * folder is enough. A file that somebody damages in its place is seen by {@link read} and {@link all}.
   */
  async unchanged(): Promise<ReadStates> {
    const stamp = this.#folderStamp();
    if (stamp !== undefined && this.#list?.stamp === stamp) return { states: this.#list.states, damaged: [] };
    const read = await this.readable();
    this.#list = stamp === undefined || read.damaged.length > 0 ? undefined : { stamp, states: read.states };
    return read;
  }

  /** The states that can be read, and why the others cannot: one damaged file must not hold up other services. */
  async readable(): Promise<ReadStates> {
    const states: ServiceState[] = [];
    const damaged: ReadStates['damaged'] = [];
    for (const service of await this.names()) {
      try {
        const state = await this.read(service);
        if (state) states.push(state);
      } catch (error) {
        if (!(error instanceof ShimError)) throw error;
        damaged.push({ service, error });
      }
    }
    return { states, damaged };
  }

  /** Absent where the folder was changed so short ago that its time may not tell the next change. */
  #folderStamp(): string | undefined {
    try {
      const { ino, mtimeNs, mtimeMs } = statSync(this.#folder, { bigint: true });
      return Math.abs(Date.now() - Number(mtimeMs)) < RACY_MS ? undefined : `${ino} ${mtimeNs}`;
    } catch {
      return undefined;
    }
  }

  /** Every service's state. @throws {ShimError} as {@link read}. */
  async all(): Promise<ServiceState[]> {
    const states = await Promise.all((await this.names()).map((name) => this.read(name)));
    return states.filter((state) => state !== undefined);
  }

  /** The file of a service. */
  path(service: string): string {
    return join(this.#folder, `${encodePinName(service)}.json`);
  }
}
