import { canonicalJson } from '@bpfship/media-types';
import type { RemoteOptions } from '@bpfship/oras-client';
import type { InstallOptions, InstallResult } from '../node/node-options.ts';
import type { InstalledService, ShimNode } from '../node/shim-node.ts';
import { Backoff } from './backoff.ts';
import type { DesiredService, DesiredState } from './desired-schema.ts';
import { isInWindow } from './maintenance-window.ts';
import { describeError, type ReportedError } from './reported-error.ts';
import { SourceMemories } from './source-memory.ts';
import { type Offer, Sources } from './sources.ts';

/** What is done with a service. */
export type ReconcileAction = 'none' | 'restore' | 'install' | 'upgrade' | 'uninstall' | 'start' | 'stop';

/** What came of one service. */
export interface ServiceReport {
  service: string;
  action: ReconcileAction;
  /** `unchanged`: it is as it should be. `planned`: a dry run would do it. `waiting`: not now, and `reason` says why. */
  outcome: 'unchanged' | 'planned' | 'done' | 'waiting' | 'failed';
  /** One line for people. */
  reason?: string;
  /** Version and digest before, and after or wanted. */
  from?: { version: string; digest: string };
  to?: { version?: string; digest?: string; reference?: string };
  error?: ReportedError;
  warnings?: string[];
}

/** What came of a reconciliation, a service each. */
export interface ReconcileReport {
  services: ServiceReport[];
  /** Whether anything failed or waits. */
  settled: boolean;
}

/** How to reconcile. */
export interface ReconcileOptions {
  /** Says what would be done, and does nothing. Default false. */
  dryRun?: boolean;
  /** Looks only at the kernel, and asks no registry. Default false. */
  localOnly?: boolean;
  /** Tries what failed before at once. Default false. */
  now?: boolean;
  signal?: AbortSignal;
  /** Hears of each service as soon as it is done with. */
  onReport?: (report: ServiceReport) => void;
}

/** What a reconciler works with. */
export interface ReconcilerOptions {
  node: ShimNode;
  stateDir: string;
  /** How registries are spoken to; the desired state's own settings come on top. */
  remote?: RemoteOptions;
  /** Default: the wall clock. Windows are looked up by it; everything that waits goes by a clock that does not jump. */
  clock?: () => Date;
}

/** Registries that are asked at once. */
const CONCURRENCY = 8;

/** Brings a node to its desired state, service by service; one that fails is tried again later and holds up no other. */
export class Reconciler {
  readonly #node: ShimNode;
  readonly #memories: SourceMemories;
  readonly #remote: RemoteOptions;
  readonly #clock: () => Date;
  readonly #backoff = new Backoff();

  constructor({ node, stateDir, remote = {}, clock = () => new Date() }: ReconcilerOptions) {
    this.#node = node;
    this.#memories = new SourceMemories(stateDir);
    this.#remote = remote;
    this.#clock = clock;
  }

  /** Milliseconds until something that failed is due again; `undefined` where nothing is. */
  nextRetryMs(): number | undefined {
    return this.#backoff.nextMs();
  }

  /** Looks at every service, and changes what is not as it should be. Fails only as a whole: where the node's state cannot be read. */
  async reconcile(desired: DesiredState, options: ReconcileOptions = {}): Promise<ReconcileReport> {
    const reports: ServiceReport[] = [];
    const report = (one: ServiceReport): void => {
      reports.push(one);
      options.onReport?.(one);
    };
    const remote = await this.#remoteOf(desired);
    const repaired = await this.#repair(options, report);
    const installed = new Map((await this.#node.installed()).map((service) => [service.name, service]));
    await using sources = new Sources(this.#memories, remote);
    const looks = await inParallel(desired.services, (service) =>
      this.#look({ desired, service, installed: installed.get(service.name), sources, options }),
    );
    for (const [i, look] of looks.entries()) {
      options.signal?.throwIfAborted();
      const service = desired.services[i];
      if (service === undefined) continue;
      if ('report' in look) {
        // A repair that was just told says more than that there was nothing else to do.
        if (look.report.action !== 'none' || !repaired.has(service.name)) report(look.report);
      } else report(await this.#change({ desired, service, ...look, options }));
    }
    await this.#prune(desired, installed, options, report);
    return {
      services: reports,
      settled: reports.every(({ outcome }) => ['unchanged', 'done', 'planned'].includes(outcome)),
    };
  }

  async #remoteOf({ registries = {} }: DesiredState): Promise<RemoteOptions> {
    const { plainHttp, ca, configFile } = registries;
    return {
      ...this.#remote,
      ...(plainHttp === undefined ? {} : { plainHttp }),
      ...(ca === undefined ? {} : { ca }),
      ...(configFile === undefined ? {} : { credentials: await credentialsOf(configFile) }),
    };
  }

  /** What somebody detached by hand, or a start of the machine, comes first: it needs no registry. */
  async #repair(options: ReconcileOptions, report: (report: ServiceReport) => void): Promise<Set<string>> {
    const told = new Set<string>();
    for (const name of await this.#node.incomplete()) {
      options.signal?.throwIfAborted();
      if (!this.#isDue(`restore ${name}`, options)) continue;
      told.add(name);
      if (options.dryRun) {
        report({
          service: name,
          action: 'restore',
          outcome: 'planned',
          reason: 'not all of its programs are attached',
        });
        continue;
      }
      const [result] = await this.#node.restore({
        service: name,
        ...(options.signal ? { signal: options.signal } : {}),
      });
      if (result === undefined || result.outcome === 'running' || result.outcome === 'stopped') continue;
      const { error, warnings, outcome } = result;
      if (error === undefined) this.#backoff.succeeded(`restore ${name}`);
      else this.#backoff.failed(`restore ${name}`);
      report({
        service: name,
        action: 'restore',
        outcome: error === undefined ? 'done' : 'failed',
        reason: error === undefined ? outcome : error.message,
        ...(error === undefined ? {} : { error: describeError(error) }),
        ...(warnings.length > 0 ? { warnings } : {}),
      });
    }
    return told;
  }

  async #look({ desired, service, installed, sources, options }: Look): Promise<{ report: ServiceReport } | Change> {
    const { name } = service;
    const unchanged: ServiceReport = { service: name, action: 'none', outcome: 'unchanged' };
    const settings = installed !== undefined && differsInSettings(service, installed);
    if (!this.#isDue(name, options))
      return { report: { ...unchanged, outcome: 'waiting', reason: 'it failed before; it is tried again later' } };
    if (options.localOnly && !settings) return { report: unchanged };
    try {
      const held = service.hold === true && installed !== undefined;
      const offer =
        held || options.localOnly ? undefined : await sources.offer(desired, service, installed, options.signal);
      if (offer !== undefined) return { offer, installed };
      if (installed !== undefined && settings) return { offer: sources.same(installed), installed };
      return { report: held ? { ...unchanged, reason: 'held' } : unchanged };
    } catch (error) {
      options.signal?.throwIfAborted();
      this.#backoff.failed(name);
      return { report: { ...unchanged, outcome: 'failed', reason: messageOf(error), error: describeError(error) } };
    }
  }

  async #change({ desired, service, offer, installed, options }: Change & ChangeOptions): Promise<ServiceReport> {
    const { name } = service;
    const action = installed === undefined ? 'install' : 'upgrade';
    const base = {
      service: name,
      action,
      ...(installed === undefined ? {} : { from: { version: installed.version, digest: installed.digest } }),
      to: {
        reference: `${offer.location}${offer.digest ? '@' : ':'}${offer.reference}`,
        ...(offer.digest ? { digest: offer.digest } : {}),
      },
    } as const;
    const windows = service.maintenanceWindows ?? desired.maintenanceWindows ?? [];
    if (installed !== undefined && !isInWindow(windows, this.#clock()))
      return { ...base, outcome: 'waiting', reason: 'outside of its maintenance windows' };
    if (options.dryRun) return { ...base, outcome: 'planned' };
    try {
      const result = await this.#bring({ desired, service, offer, installed, options });
      this.#backoff.succeeded(name);
      return {
        ...base,
        outcome: 'done',
        to: { ...base.to, version: result.version, digest: result.digest },
        ...(result.warnings.length > 0 ? { warnings: result.warnings } : {}),
      };
    } catch (error) {
      options.signal?.throwIfAborted();
      this.#backoff.failed(name);
      return { ...base, outcome: 'failed', reason: messageOf(error), error: describeError(error) };
    }
  }

  async #bring({ desired, service, offer, installed, options }: Change & ChangeOptions): Promise<InstallResult> {
    const { name, attach, parameters, variant } = service;
    const policy = service.allowUnsigned ? undefined : (service.policy ?? desired.policy);
    const install: InstallOptions = {
      target: offer.repository,
      reference: offer.reference,
      location: offer.location,
      ...(policy === undefined ? { allowUnsigned: true } : { policy }),
      ...(attach === undefined ? {} : { attach }),
      ...(parameters === undefined ? {} : { parameters }),
      ...(variant === undefined ? {} : { variant }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
    if (installed !== undefined) return this.#node.upgrade({ ...install, service: name });
    return this.#node.install({ ...install, service: name });
  }

  async #prune(
    { prune, services, maintenanceWindows = [] }: DesiredState,
    installed: ReadonlyMap<string, InstalledService>,
    options: ReconcileOptions,
    report: (report: ServiceReport) => void,
  ): Promise<void> {
    if (!prune) return;
    const named = new Set(services.map(({ name }) => name));
    for (const { name, version, digest } of installed.values()) {
      if (named.has(name)) continue;
      const base = { service: name, action: 'uninstall', from: { version, digest } } as const;
      if (!isInWindow(maintenanceWindows, this.#clock()))
        report({ ...base, outcome: 'waiting', reason: 'outside of the maintenance windows' });
      else if (options.dryRun) report({ ...base, outcome: 'planned' });
      else if (this.#isDue(name, options)) report(await this.#uninstall(base, options));
    }
  }

  async #uninstall(
    base: Pick<ServiceReport, 'service' | 'action' | 'from'>,
    { signal }: ReconcileOptions,
  ): Promise<ServiceReport> {
    try {
      await this.#node.uninstall({ service: base.service, ...(signal ? { signal } : {}) });
      return { ...base, outcome: 'done' };
    } catch (error) {
      this.#backoff.failed(base.service);
      return { ...base, outcome: 'failed', reason: messageOf(error), error: describeError(error) };
    }
  }

  #isDue(key: string, { now = false }: ReconcileOptions): boolean {
    return now || this.#backoff.isDue(key);
  }
}

interface Look {
  desired: DesiredState;
  service: DesiredService;
  installed: InstalledService | undefined;
  sources: Sources;
  options: ReconcileOptions;
}

interface Change {
  offer: Offer;
  installed: InstalledService | undefined;
}

interface ChangeOptions {
  desired: DesiredState;
  service: DesiredService;
  options: ReconcileOptions;
}

/** Whether what runs was asked for otherwise. What the document does not say is left as it is. */
function differsInSettings({ attach, parameters = {}, variant }: DesiredService, installed: InstalledService): boolean {
  for (const [name, value] of Object.entries(parameters))
    if (!Object.hasOwn(installed.parameters, name) || installed.parameters[name] !== value) return true;
  if (attach !== undefined && canonicalJson(attach) !== canonicalJson(installed.attach)) return true;
  return variant !== undefined && variant !== installed.variant;
}

async function credentialsOf(configFile: string): Promise<NonNullable<RemoteOptions['credentials']>> {
  const { dockerCredentials } = await import('@bpfship/oras-client');
  return dockerCredentials({ configFile });
}

/** Keeps the order. */
async function inParallel<T, R>(items: readonly T[], action: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) {
      const item = items[i];
      if (item !== undefined) results[i] = await action(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, items.length) }, work));
  return results;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
