import type { Kernel } from '../kernel/kernel.ts';
import { ShimError } from '../shim-error.ts';
import { ensureBpffs } from './bpffs.ts';
import type { BringUpContext } from './bring-up.ts';
import { leaveNoFolders, messageOf } from './change-errors.ts';
import { ChangeMarks } from './change-marks.ts';
import { withNodeLock } from './node-lock.ts';
import type { NodeFolders } from './node-options.ts';
import { requireOwnPins, takePins } from './pins-owner.ts';
import { recover } from './recover.ts';
import type { StateFiles } from './state-files.ts';
import { currentGeneration, type ServiceState } from './state-schema.ts';

/** What changes of a node work with. */
export interface NodeChangesOptions {
  kernel: Kernel;
  folders: NodeFolders;
  states: StateFiles;
  contextOf: (service: string) => BringUpContext;
}

/** A service that a killed command left half changed. */
export interface InterruptedChange {
  service: string;
  /** Whether it is installed; what an install left of one that is not was taken away. */
  installed: boolean;
  /** What was done, a line each; nothing where all was well. */
  done: string[];
  /** Why it could not be put right. */
  error?: Error;
}

/** Changes of a node: one at a time. What a killed one left is put right by the next, whatever it is about, and by {@link endInterrupted}. */
export class NodeChanges {
  readonly #options: NodeChangesOptions;
  readonly #marks: ChangeMarks;

  constructor(options: NodeChangesOptions) {
    this.#options = options;
    this.#marks = new ChangeMarks(options.folders.stateDir);
  }

  /** Does something that touches no pins while nobody else changes the node. */
  exclusively<T>(signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
    return this.#locked(signal === undefined ? {} : { signal }, action);
  }

  /** Does something with a service's pins. */
  ofService<T>(service: string, signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
    const { bpffsDir, stateDir } = this.#options.folders;
    return this.exclusively(signal, async () => {
      requireOwnPins(bpffsDir, stateDir);
      await this.#putRight(undefined);
      return this.#marked(service, action);
    });
  }

  /** Changes a service, after what an interrupted command may have left was put right. */
  change<T extends { warnings: string[] }>(
    service: string,
    signal: AbortSignal | undefined,
    action: (context: BringUpContext, state: ServiceState | undefined) => Promise<T>,
  ): Promise<T> {
    const { folders, states, contextOf } = this.#options;
    return this.exclusively(signal, async () => {
      const others = await this.#putRight(service);
      const state = await states.read(service);
      ensureBpffs(folders.bpffsDir, folders.stateDir);
      takePins(folders.bpffsDir, folders.stateDir);
      const context = contextOf(service);
      return this.#marked(service, async () => {
        try {
          const recovered = await this.#recover(service, state);
          const result = await action(context, state);
          return { ...result, warnings: [...others.flatMap(describe), ...recovered, ...result.warnings] };
        } catch (error) {
          leaveNoFolders(folders, state ? undefined : context.pins);
          throw error;
        }
      });
    });
  }

  /** Puts right what killed commands left; nothing while another process is at work, which has a mark too. */
  async endInterrupted(): Promise<InterruptedChange[]> {
    if (this.#marks.all().length === 0) return [];
    try {
      return await this.#locked({ waitMs: 0 }, () => this.#putRight(undefined));
    } catch (error) {
      if (error instanceof ShimError && error.code === 'ERR_SHIM_LOCKED') return [];
      throw error;
    }
  }

  #locked<T>(options: { waitMs?: number; signal?: AbortSignal }, action: () => Promise<T>): Promise<T> {
    const { lockWaitMs, stateDir } = this.#options.folders;
    const waiting = lockWaitMs === undefined ? {} : { waitMs: lockWaitMs };
    return withNodeLock(this.#options.kernel, stateDir, action, { ...waiting, ...options });
  }

  /** The mark stays where it fails: what could not be undone is put right later. */
  async #marked<T>(service: string, action: () => Promise<T>): Promise<T> {
    this.#marks.set(service);
    const result = await action();
    this.#marks.clear(service);
    return result;
  }

  /** @param except - the service that is changed next, which is put right then. */
  async #putRight(except: string | undefined): Promise<InterruptedChange[]> {
    const { folders, states } = this.#options;
    const changes: InterruptedChange[] = [];
    for (const service of this.#marks.all()) {
      if (service === except) continue;
      let installed = true;
      try {
        requireOwnPins(folders.bpffsDir, folders.stateDir);
        const state = await states.read(service);
        installed = state !== undefined;
        const done = await this.#recover(service, state);
        if (!installed) leaveNoFolders(folders, undefined);
        this.#marks.clear(service);
        changes.push({ service, installed, done });
      } catch (error) {
        // It keeps its mark, and holds up no other service.
        changes.push({
          service,
          installed,
          done: [],
          error: error instanceof Error ? error : new Error(String(error)),
        });
      }
    }
    return changes;
  }

  #recover(service: string, state: ServiceState | undefined): Promise<string[]> {
    const { kernel, contextOf } = this.#options;
    return recover(kernel, contextOf(service).pins, state && currentGeneration(state), state?.stopped);
  }
}

function describe({ service, done, error }: InterruptedChange): string[] {
  const failed = error === undefined ? [] : [`an interrupted change could not be put right: ${messageOf(error)}`];
  return [...done, ...failed].map((line) => `${service}: ${line}`);
}
