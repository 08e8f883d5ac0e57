import { join } from 'node:path';
import type { OciLayoutStore } from '@bpfship/oras-client';
import type { Kernel } from '../kernel/kernel.ts';
import { EventHub } from '../observe/events/event-hub.ts';
import {
  type GenerationStreams,
  joinServiceFeed,
  openServiceFeed,
  type ServiceFeedContext,
} from '../observe/events/service-feed.ts';
import type { ServiceEvent } from '../observe/events/service-event.ts';
import { type OpenHub, SharedHubs } from '../observe/events/shared-hubs.ts';
import { streamSources } from '../observe/events/stream-sources.ts';
import { hasEntries, type MapEntry } from '../observe/maps/map-contents.ts';
import { findMap, readMaps, type ReadMapsOptions, type ServiceMap } from '../observe/maps/read-maps.ts';
import type { MetricFamily } from '../observe/metrics/metric-family.ts';
import {
  type MeasuredProgram,
  type MeasuredService,
  measurePrograms,
  serviceMetrics,
} from '../observe/metrics/service-metrics.ts';
import { ShimError } from '../shim-error.ts';
import type { EventReader } from '../observe/reader/open-event-reader.ts';
import type { ServicePins } from './pins.ts';
import type { StateFiles } from './state-files.ts';
import { currentGeneration } from './state-schema.ts';
import { readStoredObject, readStoredPackage } from './stored-package.ts';

/** What reading works with. */
export interface NodeReadingOptions {
  kernel: Kernel;
  store: OciLayoutStore;
  states: StateFiles;
  /** The reading's own from now on. */
  reader: EventReader;
  stateDir: string;
  pins: (service: string) => ServicePins;
}

/** Reads installed services: their events, maps and metrics. It changes nothing. */
export class NodeReading implements AsyncDisposable {
  readonly #from: NodeReadingOptions;
  readonly #hubs = new SharedHubs((service) => openServiceFeed(this.#feedContext(service)));

  constructor(options: NodeReadingOptions) {
    this.#from = options;
  }

  /** The events of a service, for any number of subscribers in this process. Who opens it disposes of it. */
  openEvents(service: string): Promise<OpenHub> {
    return this.#hubs.open(service);
  }

  /** The same, where somebody reads them already: in this process, or in another one. Undefined where nobody does. */
  async joinEvents(service: string): Promise<OpenHub | undefined> {
    const shared = await this.#hubs.join(service);
    if (shared) return shared;
    const feed = await joinServiceFeed(this.#feedContext(service));
    if (!feed) return undefined;
    const hub = new EventHub(feed);
    return { hub, [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose]() };
  }

  /** The service's events, decoded by BTF, until the signal aborts. */
  async *events(service: string, { signal }: { signal: AbortSignal }): AsyncGenerator<ServiceEvent> {
    const opened = await this.openEvents(service);
    try {
      yield* opened.hub.subscribe({ signal }).events();
    } finally {
      await opened[Symbol.asyncDispose]();
    }
  }

  /** What is in the service's maps, decoded by BTF. @throws {ShimError} `ERR_SHIM_NO_MAP`, `ERR_SHIM_PINS_MISSING`. */
  async maps(service: string, options: ReadMapsOptions = {}): Promise<ServiceMap[]> {
    return readMaps(this.#from.kernel, (await this.#installed(service)).installed, options);
  }

  /** Entries of one map as {@link maps} has them; `undefined` for maps that have no entries to list, such as ring buffers. */
  async dumpMap(service: string, map: string, limit: number): Promise<MapEntry[] | undefined> {
    const { installed } = await this.#installed(service);
    if (!hasEntries(findMap(installed, map))) return undefined;
    const [read] = await readMaps(this.#from.kernel, installed, { map, limit });
    return read?.entries;
  }

  /** Metrics of installed services: what they are, their programs, their event streams, and the maps that they declare. */
  async metrics(options: { service?: string } = {}): Promise<MetricFamily[]> {
    const families: MetricFamily[] = [];
    for (const service of await this.#measured(options))
      families.push(...(await serviceMetrics(this.#from.kernel, service)));
    return families;
  }

  /** What the kernel counts of the programs of installed services. */
  async programStatistics(options: { service?: string } = {}): Promise<MeasuredProgram[]> {
    const programs: MeasuredProgram[] = [];
    for (const service of await this.#measured(options))
      programs.push(...(await measurePrograms(this.#from.kernel, service)));
    return programs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hubs[Symbol.asyncDispose]();
    await this.#from.reader[Symbol.asyncDispose]();
  }

  #feedContext(service: string): ServiceFeedContext {
    return {
      service,
      kernel: this.#from.kernel,
      reader: this.#from.reader,
      folder: join(this.#from.stateDir, 'events'),
      stateFile: this.#from.states.path(service),
      streamsOf: (generation) => this.#streamsOf(service, generation),
    };
  }

  /** One service, or all: then one whose state or package is damaged does not hide the others. */
  async #measured({ service }: { service?: string }): Promise<MeasuredService[]> {
    if (service !== undefined) return [await this.#installed(service)];
    const services: MeasuredService[] = [];
    for (const name of await this.#from.states.names()) {
      try {
        services.push(await this.#installed(name));
      } catch (error) {
        if (!(error instanceof ShimError && error.code === 'ERR_SHIM_STATE_CORRUPT')) throw error;
      }
    }
    return services;
  }

  async #streamsOf(service: string, id?: number): Promise<GenerationStreams> {
    const { installed, generation } = await this.#installed(service, id);
    return { generation: generation.id, sources: streamSources(installed) };
  }

  /** A generation of a service, the current one by default or where it is not kept any more. */
  async #installed(service: string, id?: number): Promise<MeasuredService> {
    const state = await this.#from.states.require(service);
    const generation = state.generations.find((each) => each.id === id) ?? currentGeneration(state);
    const { manifest, index, variant } = await readStoredPackage(this.#from.store, generation);
    const object = await readStoredObject(this.#from.store, manifest, variant);
    return {
      installed: { pins: this.#from.pins(service), index, variant, object },
      generation,
      streams: this.#hubs.statistics(service),
    };
  }
}
