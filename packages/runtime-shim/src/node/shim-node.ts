import { existsSync } from 'node:fs';
import type { OciLayoutStore, ReadOnlyTarget } from '@bpfship/oras-client';
import type { AttachTargets } from '@bpfship/portability';
import { KernelBtf } from '../facts/kernel-btf.ts';
import { warmUpKernel } from '../facts/warm-up-kernel.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { ServiceEvent } from '../observe/events/service-event.ts';
import type { OpenHub } from '../observe/events/shared-hubs.ts';
import type { MapEntry } from '../observe/maps/map-contents.ts';
import type { ReadMapsOptions, ServiceMap } from '../observe/maps/read-maps.ts';
import type { MetricFamily } from '../observe/metrics/metric-family.ts';
import type { MeasuredProgram } from '../observe/metrics/service-metrics.ts';
import { type EventReader, openEventReader } from '../observe/reader/open-event-reader.ts';
import { checkNamedPrograms } from './attach-targets.ts';
import { bringUp, type BringUpContext } from './bring-up.ts';
import { alreadyInstalled, withoutEmpty } from './change-errors.ts';
import { collectGarbage } from './collect-garbage.ts';
import { type Gate, passGate, recheckGates } from './health/pass-gate.ts';
import type {
  ChangeOptions,
  InstallOptions,
  InstallResult,
  NodeFolders,
  RollbackOptions,
  UpgradeOptions,
} from './node-options.ts';
import { describeInstalled, type InstalledService, type NodeSurvey, surveyNode } from './installed.ts';
import { type InterruptedChange, NodeChanges } from './node-changes.ts';
import { NodeReading } from './node-reading.ts';
import { type ServicePins, servicePins } from './pins.ts';
import { prefetchAfter } from './prefetch-after.ts';
import { type Prefetched, prefetchVariants } from './prefetch.ts';
import { type PreparedPackage, preparePackage } from './prepare.ts';
import { reattach, requireRunning, stopService } from './reattach.ts';
import { lookAt, putRight, restoreFailed, restoreService, type RestoredService } from './restore.ts';
import { rollBack } from './roll-back.ts';
import { describeStatus, type ServiceStatus, type ServiceSummary, summarizeAll } from './status.ts';
import { type ReadStates, StateFiles } from './state-files.ts';
import { currentGeneration, type Generation, type ServiceState } from './state-schema.ts';
import { StepTimer } from './steps.ts';
import { blobPath, readStoredPackage } from './stored-package.ts';
import { uninstallService } from './uninstall.ts';

/** A node: services as generations, in a state folder and in the kernel. One process changes it at a time. */
export class ShimNode implements AsyncDisposable {
  readonly #kernel: Kernel;
  readonly #btf: KernelBtf;
  readonly #folders: NodeFolders;
  readonly #store: OciLayoutStore;
  readonly #states: StateFiles;
  readonly #reading: NodeReading;
  readonly #changes: NodeChanges;

  constructor(kernel: Kernel, folders: NodeFolders, store: OciLayoutStore, reader: EventReader = openEventReader()) {
    this.#kernel = kernel;
    this.#btf = new KernelBtf(kernel);
    this.#folders = folders;
    this.#store = store;
    this.#states = new StateFiles(folders.stateDir);
    const contextOf = (service: string): BringUpContext => this.#context(service);
    this.#changes = new NodeChanges({ kernel, folders, states: this.#states, contextOf });
    this.#reading = new NodeReading({
      kernel,
      store,
      reader,
      states: this.#states,
      stateDir: folders.stateDir,
      pins: (service) => this.#pins(service),
    });
  }

  /**
   * Installs a service: resolve, verify, facts, select, fetch one layer, load, attach, record.
   *
   * @throws {ShimError}, {KernelError}, {TrustError}, {OciError}, {DocumentError}; the node is then as it was before.
   */
  async install(options: InstallOptions): Promise<InstallResult> {
    const timer = new StepTimer(options.onStep);
    const prepared = await preparePackage(options, this.#asking, timer);
    const { name } = prepared.index;
    checkNamedPrograms(prepared.index, options.attach);
    const result = await this.#changes.change(name, options.signal, async (context, state) => {
      if (state) throw alreadyInstalled(state);
      return bringUp(context, prepared, options, undefined, timer);
    });
    return this.#withPrefetched(await passGate(this.#gate, result, options, timer), options, timer);
  }

  /** Switches an installed service to another package. Maps keep their contents; where anything fails, the running version stays. */
  async upgrade(options: UpgradeOptions): Promise<InstallResult> {
    const { service, signal } = options;
    const timer = new StepTimer(options.onStep);
    const prepare = ({ attach: before, parameters: keptParameters }: Generation): Promise<PreparedPackage> =>
      preparePackage(
        { ...options, attach: { ...before, ...withoutEmpty(options.attach) }, keptParameters },
        this.#asking,
        timer,
      );
    const expected = currentGeneration(await this.#require(service));
    const prepared = await prepare(expected);
    checkNamedPrograms(prepared.index, options.attach);
    const result = await this.#changes.change(service, signal, async (context) => {
      const state = await this.#require(service);
      const current = currentGeneration(state);
      const attach = { ...current.attach, ...withoutEmpty(options.attach) };
      // Somebody may have changed the service meanwhile: its targets and parameters are what selection goes by.
      const agreed = current.id === expected.id ? prepared : await prepare(current);
      return bringUp(context, agreed, { ...options, attach }, state, timer);
    });
    return this.#withPrefetched(await passGate(this.#gate, result, options, timer), options, timer);
  }

  /** Goes back to a generation that the node already had, from the local store and without a network. */
  async rollback(options: RollbackOptions): Promise<InstallResult> {
    const { service, signal } = options;
    const timer = new StepTimer(options.onStep);
    await this.#require(service);
    return this.#changes.change(service, signal, async (context) =>
      rollBack(context, await this.#require(service), options, timer),
    );
  }

  /** Detaches the programs of a service. They and its maps stay in the kernel, until it is started. */
  stop({ service, signal }: { service: string; signal?: AbortSignal }): Promise<void> {
    return this.#changes.ofService(service, signal, async () =>
      stopService(this.#context(service), await this.#require(service)),
    );
  }

  /** Brings a stopped service back to its hooks, from the local store and without a network; nothing where it runs. */
  async start(options: ChangeOptions): Promise<InstallResult> {
    return this.#reattach(options, undefined);
  }

  /**
   * Changes where a running service attaches: programs come to new targets and leave others, in one transaction, and those that stay are not
   * touched. Entries that `attach` does not have stay as they are; without it, patterns are looked up again, e.g. when an interface has come.
   *
   * @throws {ShimError} `ERR_SHIM_STOPPED`, `ERR_SHIM_ATTACH_TARGET`.
   */
  async setTargets({ attach, ...options }: ChangeOptions & { attach?: AttachTargets }): Promise<InstallResult> {
    const state = await this.#require(options.service);
    requireRunning(state);
    if (attach) checkNamedPrograms((await readStoredPackage(this.#store, currentGeneration(state))).index, attach);
    return this.#reattach(options, attach);
  }

  /**
   * Watches generations again whose health gate was interrupted, as by a crash: they stay where they pass, else the ones before come back.
   *
   * @returns what was done, a line each.
   */
  async recheckHealth(options: { signal?: AbortSignal } = {}): Promise<string[]> {
    const { states } = await this.#states.readable();
    return recheckGates(this.#gate, states, options);
  }

  /** Detaches a service, removes its pins, and forgets it. */
  uninstall({ service, signal }: { service: string; signal?: AbortSignal }): Promise<void> {
    return this.#changes.ofService(service, signal, async () => {
      await this.#require(service);
      await uninstallService(this.#context(service), this.#folders, service);
    });
  }

  /**
   * Makes every service, or one, run again that is not wholly in the kernel: after a start of the machine, or where somebody detached a program. From the
   * local store and without a network; stopped services stay stopped. One that fails does not hold up the others. What killed commands left is
   * put right first.
   */
  async restore(options: { service?: string; signal?: AbortSignal } = {}): Promise<RestoredService[]> {
    const interrupted = await this.endInterrupted();
    const names = options.service === undefined ? await this.#states.names() : [options.service];
    const restored: RestoredService[] = [];
    for (const name of names) {
      options.signal?.throwIfAborted();
      restored.push(await this.#restoreOne(name, options.signal));
    }
    return putRight(restored, interrupted);
  }

  /**
   * Puts right what killed commands left in the kernel: of each service the generation that its state names is made whole, and everything else is
   * detached. Nothing while another process changes the node.
   */
  endInterrupted(): Promise<InterruptedChange[]> {
    return this.#changes.endInterrupted();
  }

  /**
   * Fetches the variants of a service's package for the other kernels that are installed on the node, which `install` and `upgrade` do too.
   *
   * @param options.target - where the package is.
   */
  async prefetch(options: { service: string; target: ReadOnlyTarget; signal?: AbortSignal }): Promise<Prefetched> {
    const { service, target, signal } = options;
    const generation = currentGeneration(await this.#require(service));
    const { manifest, index } = await readStoredPackage(this.#store, generation);
    const { stateDir, kernels } = this.#folders;
    const { attach } = generation;
    const fetched = await prefetchVariants({
      store: this.#store,
      stateDir,
      kernels,
      manifest,
      index,
      attach,
      target,
      signal,
    });
    const wanted = fetched.layers.filter((digest) => digest !== generation.layer);
    if (wanted.join() === (generation.prefetched ?? []).join()) return fetched;
    await this.#changes.exclusively(signal, async () => {
      await this.#store.sync();
      const state = await this.#require(service);
      // Somebody may have collected garbage since they were fetched.
      const prefetched = wanted.filter((digest) => existsSync(blobPath(this.#store, digest)));
      const generations = state.generations.map((one) => (one.id === generation.id ? { ...one, prefetched } : one));
      await this.#states.write({ ...state, generations });
    });
    return fetched;
  }

  /** Removes content from the local store that no generation needs. @returns the digests that were removed. */
  garbageCollect(options: { signal?: AbortSignal } = {}): Promise<string[]> {
    return this.#changes.exclusively(options.signal, async () => collectGarbage(this.#store, await this.#states.all()));
  }

  /** Asks the kernel what every install asks, so that the first one need not wait for it. @throws {KernelError} where libbpf cannot be used. */
  warmUp(): Promise<void> {
    return warmUpKernel(this.#kernel, this.#btf);
  }

  /** Gives memory back that is not used for now; for processes that live long. */
  trim(): Promise<void> {
    this.#btf.forget();
    return this.#kernel.trim();
  }

  /** All installed services, as they are in the kernel: one question to it for all. @throws {ShimError} `ERR_SHIM_STATE_CORRUPT`. */
  async list(): Promise<ServiceSummary[]> {
    return summarizeAll(this.#kernel, await this.#states.all(), (service) => this.#pins(service));
  }

  /** The same where the state of some services is damaged: of these only the error. */
  async listReadable(): Promise<{ services: ServiceSummary[]; damaged: ReadStates['damaged'] }> {
    const { states, damaged } = await this.#states.readable();
    return { services: await summarizeAll(this.#kernel, states, (service) => this.#pins(service)), damaged };
  }

  /** What is installed, from the state alone; a service whose state is damaged is left out. */
  async installed(): Promise<InstalledService[]> {
    return (await this.#states.readable()).states.map(describeInstalled);
  }

  /** What is installed, what of it is not wholly in the kernel, and whose patterns match something else: one question to the kernel for all. */
  async survey(): Promise<NodeSurvey> {
    const { states, damaged } = await this.#states.unchanged();
    return { ...(await surveyNode(this.#kernel, states, (service) => this.#pins(service))), damaged };
  }

  /** One service, as it really is in the kernel. */
  async status(service: string): Promise<ServiceStatus> {
    const state = await this.#require(service);
    const { index, variant } = await readStoredPackage(this.#store, currentGeneration(state));
    return describeStatus(this.#kernel, state, { index, variant }, this.#pins(service));
  }

  /**
   * The events of a service, for any number of subscribers in this process. A buffer has one reader on the node: the first process reads, the
   * others get what it reads. It goes on over upgrades, and ends where the service is uninstalled. Who opens it disposes of it.
   *
   * @throws {ShimError} `ERR_SHIM_NO_EVENTS`, `ERR_SHIM_PINS_MISSING`; {BpfObjectError} where a stream's type is not in the object's BTF.
   */
  openEvents(service: string): Promise<OpenHub> {
    return this.#reading.openEvents(service);
  }

  /** The same, where somebody reads them already: in this process, or in another one. Undefined where nobody does. */
  joinEvents(service: string): Promise<OpenHub | undefined> {
    return this.#reading.joinEvents(service);
  }

  /** The service's events, decoded by BTF, until the signal aborts. */
  events(service: string, options: { signal: AbortSignal }): AsyncGenerator<ServiceEvent> {
    return this.#reading.events(service, options);
  }

  /** What is in the service's maps, decoded by BTF. @throws {ShimError} `ERR_SHIM_NO_MAP`, `ERR_SHIM_PINS_MISSING`. */
  maps(service: string, options: ReadMapsOptions = {}): Promise<ServiceMap[]> {
    return this.#reading.maps(service, options);
  }

  /** Entries of one map as {@link maps} has them; `undefined` for maps that have no entries to list, such as ring buffers. */
  dumpMap(service: string, map: string, limit: number): Promise<MapEntry[] | undefined> {
    return this.#reading.dumpMap(service, map, limit);
  }

  /** Metrics of installed services: what they are, their programs, their event streams, and the maps that they declare. */
  metrics(options: { service?: string } = {}): Promise<MetricFamily[]> {
    return this.#reading.metrics(options);
  }

  /** What the kernel counts of the programs of installed services. */
  programStatistics(options: { service?: string } = {}): Promise<MeasuredProgram[]> {
    return this.#reading.programStatistics(options);
  }

  /** Lets the kernel count runs and time of programs until it is disposed of. @throws {KernelError} `ERR_KERNEL_PRIVILEGE`, `ERR_KERNEL_CALL` before Linux 5.8. */
  async countRuns(): Promise<AsyncDisposable> {
    const held = await this.#kernel.openStats();
    return { [Symbol.asyncDispose]: () => this.#kernel.closeStats(held) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reading[Symbol.asyncDispose]();
    await this.#kernel[Symbol.asyncDispose]();
  }

  async #restoreOne(service: string, signal: AbortSignal | undefined): Promise<RestoredService> {
    let state: ServiceState | undefined;
    try {
      state = await this.#require(service);
      // Most of the time there is nothing to do, and nobody needs to wait for it.
      const whole = await lookAt(this.#context(service), state);
      if (whole) return whole;
      return await this.#changes.change(service, signal, async (context) =>
        restoreService(context, await this.#require(service)),
      );
    } catch (error) {
      return restoreFailed(service, state, error);
    }
  }

  #withPrefetched(result: InstallResult, options: InstallOptions, timer: StepTimer): Promise<InstallResult> {
    const prefetch: typeof this.prefetch = (wanted) => this.prefetch(wanted);
    return prefetchAfter(result, options, { kernels: this.#folders.kernels, prefetch, timer });
  }

  async #reattach(
    { service, signal, onStep }: ChangeOptions,
    attach: AttachTargets | undefined,
  ): Promise<InstallResult> {
    const timer = new StepTimer(onStep);
    await this.#require(service);
    return this.#changes.change(service, signal, async (context) => {
      const state = await this.#require(service);
      const targets = attach && { ...currentGeneration(state).attach, ...withoutEmpty(attach) };
      return reattach(context, state, targets, timer);
    });
  }

  /** The health gates of this node's services. */
  get #gate(): Gate {
    return {
      folders: this.#folders,
      contextOf: (service) => this.#context(service),
      exclusively: (service, action) => this.#changes.ofService(service, undefined, action),
    };
  }

  get #asking(): { kernel: Kernel; btf: KernelBtf } {
    return { kernel: this.#kernel, btf: this.#btf };
  }

  #context(service: string): BringUpContext {
    return {
      ...this.#asking,
      store: this.#store,
      states: this.#states,
      folders: this.#folders,
      pins: this.#pins(service),
    };
  }

  #pins(service: string): ServicePins {
    return servicePins(this.#folders.bpffsDir, service);
  }

  #require(service: string): Promise<ServiceState> {
    return this.#states.require(service);
  }
}
