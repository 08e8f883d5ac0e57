import { type FSWatcher, watch } from 'node:fs';
import { join, resolve } from 'node:path';
import { DESIRED_FILE, DesiredFile } from '../desired/desired-file.ts';
import { type DesiredState, intervalMs } from '../desired/desired-schema.ts';
import { Reconciler } from '../desired/reconcile.ts';
import type { ReconcileOptions, ReconcileReport, ServiceReport } from '../desired/report.ts';
import { describeError } from '../desired/reported-error.ts';
import type { ShimNode } from '../node/shim-node.ts';
import { RunCounting } from '../observe/metrics/run-counting.ts';
import { openNode, type OpenNodeOptions } from '../open-node.ts';
import type { ApiContext, ApplyOptions } from './api/routes.ts';
import { type Listening, serveMetrics, serveSocket } from './api/server.ts';
import type { Log } from './log.ts';
import { becomeOnlyOne, type OnlyOne } from './only-one.ts';
import { ServiceManager } from './service-manager.ts';
import { openSystem, type System } from './system.ts';
import { trimMemory } from './trim-memory.ts';
import { warmUp } from './warm-up.ts';

/** How a daemon runs. */
export interface DaemonOptions extends OpenNodeOptions {
  /** Default `<stateDir>/shim.sock`. */
  socket?: string;
  /** Users that may use the socket, beside root and the daemon's own. */
  uids?: readonly number[];
  /** A group whose members may. */
  gid?: number;
  /** Port of the loopback interface for `/metrics`. Default: none. */
  metricsPort?: number;
  /** Version of the package. */
  version: string;
  log: Log;
  env?: NodeJS.ProcessEnv;
}

/** Another command may hold the node for as long as its kernel takes. */
const LOCK_WAIT_MS = 600_000;
/** Looks for interfaces that came or went; one call that returns at once. */
const INTERFACES_MS = 1_000;
/** Looks whether somebody detached something; one question for all services. */
const DRIFT_MS = 30_000;
/** After so long without work, memory is given back. */
const IDLE_MS = 3_000;
/** Changes that come together are one. */
const SETTLE_MS = 250;

/** Keeps a node at its desired state and serves its socket. What runs in the kernel depends on it in nothing. */
export class ShimDaemon implements AsyncDisposable {
  readonly #options: DaemonOptions;
  readonly #log: Log;
  readonly #stateDir: string;
  readonly #system: System;
  readonly #manager: ServiceManager;
  readonly #stop = new AbortController();
  readonly #desired: DesiredFile;
  readonly #started = new Date();
  readonly #listening: Listening[] = [];
  readonly #counting = new RunCounting(() => this.#node.countRuns());
  #node!: ShimNode;
  #reconciler!: Reconciler;
  #only: OnlyOne | undefined;
  #watcher: FSWatcher | undefined;
  #interfaces = -1;
  #timers = new Set<NodeJS.Timeout>();
  #next: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #trimmed = false;
  /** Whether something was changed since garbage was collected. */
  #changed = false;
  #state = 'starting';
  #report: ReconcileReport | undefined;
  /** Reconciliations come one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #told = new Map<string, string>();

  private constructor(options: DaemonOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#stateDir = resolve(options.stateDir ?? '/var/lib/bpfship');
    this.#system = openSystem();
    this.#manager = new ServiceManager(this.#system, options.env ?? {});
    this.#desired = new DesiredFile(this.#stateDir);
  }

  /**
   * Starts: takes the lock, serves the socket, brings back what is missing, then reconciles.
   *
   * @throws {ShimError} `ERR_SHIM_DAEMON_RUNS`, `ERR_SHIM_DAEMON`, and where the state folder cannot be used.
   */
  static async start(options: DaemonOptions): Promise<ShimDaemon> {
    const daemon = new ShimDaemon(options);
    try {
      await daemon.#begin();
      return daemon;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The path of the socket. */
  get socket(): string {
    return this.#options.socket ?? join(this.#stateDir, 'shim.sock');
  }

  /** Reads the desired state again, and reconciles at once. */
  async reload(): Promise<void> {
    this.#manager.reloading();
    this.#log('info', 'reloading');
    await this.#run({ now: true });
    this.#manager.ready(this.#state);
  }

  /** Ends: what is begun is brought to its end or undone; nothing is detached. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#manager.stopping();
    this.#state = 'stopping';
    this.#stop.abort();
    this.#watcher?.close();
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#next);
    clearTimeout(this.#soon);
    clearTimeout(this.#idle);
    for (const one of this.#listening.splice(0)) await one[Symbol.asyncDispose]();
    await this.#turn.catch(() => undefined);
    // The lock on the node's files is given back by what holds it; then the worker ends.
    await this.#counting[Symbol.asyncDispose]();
    await (this.#node as ShimNode | undefined)?.[Symbol.asyncDispose]();
    this.#only?.[Symbol.dispose]();
  }

  async #begin(): Promise<void> {
    const { log, uids = [], gid, metricsPort, version } = this.#options;
    this.#node = await openNode({ lockWaitMs: LOCK_WAIT_MS, ...this.#options, stateDir: this.#stateDir });
    this.#only = becomeOnlyOne(this.#system, this.#stateDir);
    this.#reconciler = new Reconciler({
      node: this.#node,
      stateDir: this.#stateDir,
      remote: {
        userAgent: `bpfship-shim/${version}`,
        onWarning: (text) => log('warning', 'a registry warns', { text }),
      },
    });
    const context = this.#context();
    this.#listening.push(await serveSocket({ path: this.socket, uids, gid }, this.#system, context, log));
    if (metricsPort !== undefined)
      this.#listening.push(await serveMetrics(metricsPort, (accept) => context.metrics(accept)));
    log('info', 'bpfship-shim serves', { version, pid: process.pid, socket: this.socket, stateDir: this.#stateDir });
    this.#watch();
    this.#manager.ready('bringing services back');
    void this.#run({ now: true }).then(() => this.#recheckHealth());
    warmUp(this.#node).catch((error: unknown) => {
      log('warning', 'the kernel cannot be asked', { error: describeError(error) });
    });
  }

  /** Watches again what was being watched when an earlier daemon ended. */
  async #recheckHealth(): Promise<void> {
    try {
      const lines = await this.#node.recheckHealth({ signal: this.#stop.signal });
      for (const text of lines) this.#log('info', 'a health gate was taken up again', { text });
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#log('error', 'watching health failed', { error: describeError(error) });
    }
  }

  /** Names only: what has changed is looked up when it is looked at. */
  #watch(): void {
    this.#watcher = watch(this.#stateDir, { persistent: false }, (_event, name) => {
      if (name === DESIRED_FILE) this.#runSoon({ now: true });
    });
    this.#watcher.on('error', (error) =>
      this.#log('warning', 'the state folder cannot be watched', { error: error.message }),
    );
    this.#interfaces = this.#system.openInterfaceEvents();
    if (this.#interfaces >= 0)
      this.#every(INTERFACES_MS, () => {
        // What failed because an interface was not there need not wait.
        if (this.#system.takeInterfaceEvents(this.#interfaces)) this.#runSoon({ localOnly: true, now: true });
      });
    this.#every(DRIFT_MS, () => this.#runSoon({ localOnly: true }));
  }

  #every(milliseconds: number, action: () => void): void {
    this.#timers.add(setInterval(action, milliseconds).unref());
  }

  #runSoon(options: ReconcileOptions): void {
    if (this.#stop.signal.aborted) return;
    // Of several wishes the one that looks further counts.
    const pending = this.#soonOptions;
    this.#soonOptions = {
      localOnly: options.localOnly === true && pending?.localOnly !== false,
      now: options.now === true || pending?.now === true,
    };
    this.#soon ??= setTimeout(() => {
      const wanted = this.#soonOptions ?? options;
      this.#soon = undefined;
      this.#soonOptions = undefined;
      void this.#run(wanted);
    }, SETTLE_MS);
  }

  #soonOptions: ReconcileOptions | undefined;

  /** One reconciliation of what was applied; without anything applied, services are only kept as they are. Never fails. */
  async #run(options: ReconcileOptions): Promise<void> {
    await this.#inTurn(async () => {
      const desired = await this.#desired.read().catch((error: unknown) => {
        this.#log('error', 'the desired state cannot be read; what runs goes on', { error: describeError(error) });
        return undefined;
      });
      const nothing = desired === undefined;
      await this.#reconcile(desired ?? KEEP, nothing ? { ...options, localOnly: true } : options);
      if (!options.localOnly) this.#schedule(desired);
    }).catch((error: unknown) => {
      if (this.#stop.signal.aborted) return;
      this.#log('error', 'reconciling failed', { error: describeError(error) });
      this.#schedule(undefined);
    });
    // A look for drift makes little garbage.
    if (!options.localOnly || !this.#trimmed) this.#trimSoon();
  }

  /** Once there has been nothing to do for a while: removes content that nothing needs any more, and gives memory back. */
  #trimSoon(): void {
    if (this.#stop.signal.aborted) return;
    this.#trimmed = true;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.#tidy(), IDLE_MS).unref();
  }

  async #tidy(): Promise<void> {
    try {
      if (this.#changed) await this.#inTurn(() => this.#node.garbageCollect({ signal: this.#stop.signal }));
      this.#changed = false;
      await this.#node.trim();
      trimMemory(this.#system);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#log('warning', 'tidying up failed', { error: describeError(error) });
    }
  }

  async #reconcile(desired: DesiredState, options: ReconcileOptions): Promise<ReconcileReport> {
    const report = await this.#reconciler.reconcile(desired, {
      ...options,
      signal: this.#stop.signal,
      onReport: (one) => {
        this.#changed ||= one.outcome === 'done';
        this.#tell(one);
        options.onReport?.(one);
      },
    });
    if (!options.dryRun && !options.localOnly) this.#report = report;
    this.#state = report.settled ? 'settled' : 'unsettled';
    this.#manager.status(`${report.services.length} services, ${this.#state}`);
    return report;
  }

  /** Every change, and every failure once until it is another one. */
  #tell({ service, action, outcome, ...rest }: ServiceReport): void {
    const text = `${action} ${outcome} ${rest.error?.message ?? rest.reason ?? ''}`;
    const known = this.#told.get(service);
    this.#told.set(service, text);
    if (outcome === 'unchanged' || (outcome !== 'done' && known === text)) return;
    const level = outcome === 'failed' ? 'error' : outcome === 'done' ? 'info' : 'debug';
    this.#log(level, `${service}: ${action} ${outcome}`, { service, action, outcome, ...rest });
  }

  /** The next look: after the interval with a tenth of jitter, or earlier where something that failed is due. */
  #schedule(desired: DesiredState | undefined): void {
    clearTimeout(this.#next);
    if (this.#stop.signal.aborted) return;
    const interval = intervalMs(desired?.interval) ?? 300_000;
    const jittered = interval * (0.9 + Math.random() * 0.2);
    const wait = Math.min(jittered, this.#reconciler.nextRetryMs() ?? Number.POSITIVE_INFINITY);
    this.#next = setTimeout(() => void this.#run({}), Math.max(wait, 1_000));
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action, action);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #context(): ApiContext {
    return {
      node: this.#node,
      version: this.#options.version,
      started: this.#started,
      signal: this.#stop.signal,
      state: () => this.#state,
      worked: () => {
        this.#changed = true;
        this.#trimSoon();
      },
      apply: async (document, options) => {
        const { checkDesired } = await import('../desired/parse-desired.ts');
        const desired = checkDesired(document, 'the desired state');
        return this.#inTurn(async () => {
          if (!options.dryRun) await this.#desired.write(desired);
          return this.#reconcileFor(desired, { ...options, now: true });
        });
      },
      reconcile: (options) =>
        this.#inTurn(async () => {
          const desired = await this.#desired.read();
          return this.#reconcileFor(desired ?? KEEP, { ...options, ...(desired ? {} : { localOnly: true }) });
        }),
      desired: () => this.#desired.read(),
      lastReport: () => this.#report,
      metrics: async (accept) => {
        const { answerMetrics } = await import('./metrics.ts');
        await this.#counting.want();
        return answerMetrics({
          accept,
          node: this.#node,
          version: this.#options.version,
          started: this.#started,
          report: this.#report,
        });
      },
    };
  }

  async #reconcileFor(desired: DesiredState, options: ApplyOptions & ReconcileOptions): Promise<ReconcileReport> {
    const report = await this.#reconcile(desired, options);
    if (!options.dryRun) this.#schedule(desired);
    return report;
  }
}

/** Nothing was applied: what is installed is kept running, and nothing else. */
const KEEP: DesiredState = { schemaVersion: 1, services: [] };
