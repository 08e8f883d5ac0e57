import { dockerCredentials, type RemoteOptions, type SharedConnections, shareConnections } from '@bpfship/oras-client';
import type { InstallOptions, InstallResult } from '../node/node-options.ts';
import type { InstalledService, NodeSurvey } from '../node/installed.ts';
import type { ShimNode } from '../node/shim-node.ts';
import { Backoff } from './backoff.ts';
import type { DesiredService, DesiredState } from './desired-schema.ts';
import { isInWindow } from './maintenance-window.ts';
import { isStopped, type Plan, planOf } from './plan.ts';
import type { ReconcileOptions, ReconcileReport, ServiceReport } from './report.ts';
import { describeError } from './reported-error.ts';
import { SourceMemories } from './source-memory.ts';
import { type Offer, Sources } from './sources.ts';

/** What a reconciler works with. */
export interface ReconcilerOptions {
  node: ShimNode;
  stateDir: string;
  /** How registries are spoken to; the desired state's own settings come on top. */
  remote?: RemoteOptions;
  /** Default: the wall clock. Windows are looked up by it; everything that waits goes by a clock that does not jump. */
  clock?: () => Date;
}

/** What the same package would meet again: it waits until its source offers another one, or somebody applies or reloads. */
const FINAL: ReadonlySet<string> = new Set(['ERR_SHIM_UNHEALTHY', 'ERR_SHIM_DENIED', 'ERR_SHIM_MAP_INCOMPATIBLE']);
/** Registries that are asked at once. */
const CONCURRENCY = 8;

/** Brings a node to its desired state, service by service; one that fails is tried again later and holds up no other. */
export class Reconciler {
  readonly #node: ShimNode;
  readonly #memories: SourceMemories;
  readonly #remote: RemoteOptions;
  readonly #clock: () => Date;
  readonly #backoff = new Backoff();
  /** Packages that a service was not brought to for a reason that waiting does not change. */
  readonly #refused = new Map<string, { digest: string; why: string }>();
  /** What the patterns of a service matched when it was last brought there. */
  readonly #patterns = new Map<string, string>();

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
    if (!options.dryRun) await this.#endInterrupted(report);
    const survey = await this.#node.survey();
    for (const { service, error } of survey.damaged) {
      report({ service, action: 'restore', outcome: 'failed', reason: error.message, error: describeError(error) });
    }
    const repaired = await this.#repair(survey, options, report);
    const services = repaired.size === 0 ? survey.installed : await this.#node.installed();
    const installed = new Map(services.map((service) => [service.name, service]));
    await using connections = shareConnections(connectionOptions(desired));
    await using sources = new Sources(this.#memories, this.#remoteOf(desired, connections));
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
      } else report(await this.#change({ ...look, desired, service, installed: installed.get(service.name), options }));
    }
    await this.#prune(desired, installed, options, report);
    return {
      services: reports,
      settled: reports.every(({ outcome }) => ['unchanged', 'done', 'planned'].includes(outcome)),
    };
  }

  #remoteOf({ registries = {} }: DesiredState, connections: SharedConnections): RemoteOptions {
    const { plainHttp, configFile } = registries;
    return {
      credentials: dockerCredentials({ readOnce: true, ...(configFile === undefined ? {} : { configFile }) }),
      ...this.#remote,
      connections,
      ...(plainHttp === undefined ? {} : { plainHttp }),
    };
  }

  /** What killed commands left in the kernel. */
  async #endInterrupted(report: (report: ServiceReport) => void): Promise<void> {
    for (const { service, done, error } of await this.#node.endInterrupted()) {
      if (done.length === 0 && error === undefined) continue;
      report({
        service,
        action: 'restore',
        outcome: error === undefined ? 'done' : 'failed',
        reason: error === undefined ? 'a command was interrupted' : error.message,
        ...(error === undefined ? {} : { error: describeError(error) }),
        ...(done.length > 0 ? { warnings: done } : {}),
      });
    }
  }

  /** What somebody detached by hand, or a start of the machine, comes first: it needs no registry. */
  async #repair(
    { incomplete, changedPatterns }: NodeSurvey,
    options: ReconcileOptions,
    report: (report: ServiceReport) => void,
  ): Promise<Set<string>> {
    const told = await this.#followPatterns(changedPatterns, options, report);
    for (const name of incomplete) {
      if (told.has(name)) continue;
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

  /** Interfaces and cgroups that came or went, for targets that are patterns. */
  async #followPatterns(
    changed: NodeSurvey['changedPatterns'],
    options: ReconcileOptions,
    report: (report: ServiceReport) => void,
  ): Promise<Set<string>> {
    const told = new Set<string>();
    for (const { service, targets } of changed) {
      options.signal?.throwIfAborted();
      if (this.#patterns.get(service) === targets || !this.#isDue(`attach ${service}`, options)) continue;
      told.add(service);
      const base = { service, action: 'attach', reason: 'what its patterns match has changed' } as const;
      if (options.dryRun) {
        report({ ...base, outcome: 'planned' });
        continue;
      }
      try {
        const { warnings } = await this.#node.setTargets({
          service,
          ...(options.signal ? { signal: options.signal } : {}),
        });
        // Programs may have no use for what is there: it is not looked at again before it changes.
        this.#patterns.set(service, targets);
        this.#backoff.succeeded(`attach ${service}`);
        report({ ...base, outcome: 'done', ...(warnings.length > 0 ? { warnings } : {}) });
      } catch (error) {
        options.signal?.throwIfAborted();
        this.#backoff.failed(`attach ${service}`);
        report({ ...base, outcome: 'failed', reason: messageOf(error), error: describeError(error) });
      }
    }
    return told;
  }

  async #look({ desired, service, installed, sources, options }: Look): Promise<{ report: ServiceReport } | Plan> {
    const { name } = service;
    const unchanged: ServiceReport = { service: name, action: 'none', outcome: 'unchanged' };
    if (!this.#isDue(name, options))
      return { report: { ...unchanged, outcome: 'waiting', reason: 'it failed before; it is tried again later' } };
    try {
      const held = installed !== undefined && (service.hold === true || isStopped(service, installed));
      const offer =
        held || options.localOnly ? undefined : await sources.offer(desired, service, installed, options.signal);
      // What is missing is installed by a look that asks registries.
      if (installed === undefined && offer === undefined) return { report: unchanged };
      if (offer?.digest !== undefined && offer.digest === this.#refused.get(name)?.digest && !options.now)
        return { report: { ...unchanged, outcome: 'waiting', reason: `not again: ${this.#refused.get(name)?.why}` } };
      const plan = planOf(service, installed, offer, (one) => sources.same(one));
      if (plan !== undefined && service.health !== false && hasFailed(plan, installed)) {
        return { report: { ...unchanged, outcome: 'waiting', reason: FAILED } };
      }
      if (plan !== undefined) return plan;
      return { report: held ? { ...unchanged, reason: installed.stopped ? 'stopped' : 'held' } : unchanged };
    } catch (error) {
      options.signal?.throwIfAborted();
      this.#backoff.failed(name);
      return { report: { ...unchanged, outcome: 'failed', reason: messageOf(error), error: describeError(error) } };
    }
  }

  async #change({ desired, service, installed, options, ...plan }: Plan & ChangeOptions): Promise<ServiceReport> {
    const { name } = service;
    const { action } = plan;
    const base = {
      service: name,
      action,
      ...(installed === undefined ? {} : { from: { version: installed.version, digest: installed.digest } }),
      ...('offer' in plan ? { to: describeOffer(plan.offer) } : {}),
    };
    const windows = service.maintenanceWindows ?? desired.maintenanceWindows ?? [];
    if (installed !== undefined && !isInWindow(windows, this.#clock()))
      return { ...base, outcome: 'waiting', reason: 'outside of its maintenance windows' };
    if (options.dryRun) return { ...base, outcome: 'planned' };
    try {
      const result = await this.#carryOut(plan, { desired, service, options });
      this.#refused.delete(name);
      this.#backoff.succeeded(name);
      return {
        ...base,
        outcome: 'done',
        ...(result === undefined ? {} : { to: { ...base.to, version: result.version, digest: result.digest } }),
        ...(result !== undefined && result.warnings.length > 0 ? { warnings: result.warnings } : {}),
      };
    } catch (error) {
      options.signal?.throwIfAborted();
      this.#backoff.failed(name);
      const described = describeError(error);
      if ('offer' in plan && plan.offer.digest !== undefined && FINAL.has(described.code))
        this.#refused.set(name, { digest: plan.offer.digest, why: described.message });
      return { ...base, outcome: 'failed', reason: described.message, error: described };
    }
  }

  async #carryOut(plan: Plan, options: CarryOut): Promise<InstallResult | undefined> {
    const { name: service, attach } = options.service;
    const { signal } = options.options;
    const change = { service, ...(signal === undefined ? {} : { signal }) };
    switch (plan.action) {
      case 'stop':
        await this.#node.stop(change);
        return undefined;
      case 'start':
        return this.#node.start(change);
      case 'attach':
        return this.#node.setTargets({ ...change, ...(attach === undefined ? {} : { attach }) });
      case 'install':
        return this.#node.install(installOptions(plan.offer, options));
      default:
        return this.#node.upgrade({ ...installOptions(plan.offer, options), service });
    }
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

const FAILED = 'what its source offers failed its health gate here; another version is waited for';

interface Look {
  desired: DesiredState;
  service: DesiredService;
  installed: InstalledService | undefined;
  sources: Sources;
  options: ReconcileOptions;
}

interface CarryOut {
  desired: DesiredState;
  service: DesiredService;
  options: ReconcileOptions;
}

interface ChangeOptions extends CarryOut {
  installed: InstalledService | undefined;
}

function installOptions(offer: Offer, { desired, service, options }: CarryOut): InstallOptions {
  const { name, attach, parameters, variant, allowNew, discardMaps, health } = service;
  const policy = service.allowUnsigned ? undefined : (service.policy ?? desired.policy);
  return {
    service: name,
    target: offer.repository,
    reference: offer.reference,
    location: offer.location,
    ...(policy === undefined ? { allowUnsigned: true } : { policy }),
    ...(attach === undefined ? {} : { attach }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(variant === undefined ? {} : { variant }),
    ...(allowNew === undefined ? {} : { allowNew }),
    ...(discardMaps === undefined ? {} : { discardMaps }),
    ...(health === undefined ? {} : { health }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
}

/** Whether the package was here before, and failed its health gate: it would do so again and again. */
function hasFailed(plan: Plan, installed: InstalledService | undefined): boolean {
  const digest = plan.action === 'upgrade' ? plan.offer.digest : undefined;
  return digest !== undefined && installed?.digest !== digest && installed?.failed.includes(digest) === true;
}

function describeOffer({ location, reference, digest }: Offer): NonNullable<ServiceReport['to']> {
  return {
    reference: `${location}${digest === undefined ? ':' : '@'}${reference}`,
    ...(digest === undefined ? {} : { digest }),
  };
}

function connectionOptions({ registries = {} }: DesiredState): Pick<RemoteOptions, 'ca'> {
  return registries.ca === undefined ? {} : { ca: registries.ca };
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
