import { watch } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kernel } from '../../kernel/kernel.ts';
import { encodePinName } from '../../node/pins.ts';
import { ShimError } from '../../shim-error.ts';
import type { EventReader } from '../reader/open-event-reader.ts';
import { type Announcement, EventServer } from '../socket/event-server.ts';
import { connectToReader, type DecodersOf } from '../socket/socket-feed.ts';
import type { EventFeed, FeedListener, StreamFacts } from './event-feed.ts';
import { openLocalFeed, type StreamSource, type LocalFeed } from './local-feed.ts';

/** Milliseconds that the one who is about to become the reader is waited for. */
const ROLE_WAIT_MS = 10_000;
const ROLE_INTERVAL_MS = 25;

/** The streams of one generation. */
export interface GenerationStreams {
  generation: number;
  sources: StreamSource[];
}

/** What a service's feed needs of its node. */
export interface ServiceFeedContext {
  service: string;
  kernel: Kernel;
  reader: EventReader;
  /** Folder of locks and sockets, made with mode 0700 where it is missing. */
  folder: string;
  /** The file that is replaced when another generation runs, or removed when the service is uninstalled. */
  stateFile: string;
  /** The streams of a generation; of the current one by default. */
  streamsOf(generation?: number): Promise<GenerationStreams>;
}

/**
 * The events of a service, for this process. A buffer has one reader on the node: the first process reads, the others get what it reads
 * through its socket, and one of them takes its place when it ends. After an upgrade, the types of the new generation count.
 *
 * @throws {ShimError} `ERR_SHIM_NO_EVENTS`, `ERR_SHIM_PINS_MISSING`, `ERR_SHIM_LOCKED`; {KernelError}.
 */
export async function openServiceFeed(context: ServiceFeedContext): Promise<ServiceFeed> {
  await mkdir(context.folder, { recursive: true, mode: 0o700 });
  const feed = new ServiceFeed(context);
  await feed.open();
  return feed;
}

/**
 * The events of a service that somebody else reads; undefined where nobody does. It ends with its reader.
 *
 * @throws as {@link openServiceFeed}.
 */
export function joinServiceFeed(context: ServiceFeedContext): Promise<EventFeed | undefined> {
  return connectToReader(socketPath(context), decodersOf(context));
}

function socketPath({ folder, service }: ServiceFeedContext): string {
  return `${join(folder, encodePinName(service))}.sock`;
}

function decodersOf(context: ServiceFeedContext): DecodersOf {
  return async (generation) => {
    const { sources } = await context.streamsOf(generation);
    return new Map(sources.map(({ name, decoder }) => [name, decoder]));
  };
}

/** The reader's place: it is held by a lock of the kernel, which ends with its process. */
interface Role {
  lock: number;
  server: EventServer;
  local: LocalFeed;
  generation: number;
}

export class ServiceFeed implements EventFeed {
  readonly #context: ServiceFeedContext;
  readonly #path: string;
  readonly #stop = new AbortController();
  #inner: EventFeed | undefined;
  #role: Role | undefined;
  #listener: FeedListener | undefined;
  /** Changes of the feed follow one another. */
  #changing: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(context: ServiceFeedContext) {
    this.#context = context;
    this.#path = join(context.folder, encodePinName(context.service));
  }

  get streams(): readonly StreamFacts[] {
    return this.#inner?.streams ?? [];
  }

  /** Whether this process reads the buffers, and not another one. */
  get isReader(): boolean {
    return this.#role !== undefined;
  }

  /** Takes the reader's place, or connects to who has it. */
  async open(): Promise<void> {
    const deadline = performance.now() + ROLE_WAIT_MS;
    for (;;) {
      this.#stop.signal.throwIfAborted();
      if ((await this.#takeRole()) || (await this.#connect())) return;
      if (performance.now() > deadline) throw noReader(this.#context.service, `${this.#path}.lock`);
      await sleep(ROLE_INTERVAL_MS);
    }
  }

  start(listener: FeedListener): void {
    this.#listener = listener;
    this.#follow();
    this.#startInner();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#changing;
    await (this.#closing ??= this.#close());
  }

  async #takeRole(): Promise<boolean> {
    const { kernel, reader } = this.#context;
    const lock = await kernel.lockFile(`${this.#path}.lock`);
    if (lock === undefined) return false;
    try {
      const { generation, sources } = await this.#context.streamsOf();
      const local = await openLocalFeed(reader, sources);
      const server = await EventServer.listen(socketPath(this.#context), announcementOf(generation, local, sources));
      this.#role = { lock, server, local, generation };
      this.#inner = local;
      return true;
    } catch (error) {
      await kernel.unlockFile(lock);
      throw error;
    }
  }

  async #connect(): Promise<boolean> {
    this.#inner = await connectToReader(socketPath(this.#context), decodersOf(this.#context));
    return this.#inner !== undefined;
  }

  #startInner(): void {
    this.#inner?.start({
      onBlock: (block) => {
        this.#listener?.onBlock(block);
        this.#role?.server.onBlock(block);
      },
      onLoss: (stream, events) => this.#listener?.onLoss(stream, events),
      onEnd: (error) => this.#onInnerEnd(error),
    });
  }

  /** The reader has gone: somebody takes its place. */
  #onInnerEnd(error: Error | undefined): void {
    if (this.#stop.signal.aborted) return;
    if (error || this.#role) this.#end(error);
    else
      this.#change(async () => {
        await this.open();
        this.#startInner();
      });
  }

  /** Nothing more will come. Those who got the events from here look for another reader, or find that the service is gone. */
  #end(error: Error | undefined): void {
    this.#stop.abort();
    this.#listener?.onEnd(error);
    this.#closing ??= this.#close();
  }

  /** Hears when the state file changes. */
  #follow(): void {
    const { stateFile } = this.#context;
    const { signal } = this.#stop;
    const watcher = watch(dirname(stateFile), { persistent: false, signal }, (_, name) => {
      if (name === basename(stateFile)) this.#change(() => this.#update());
    });
    // The folder itself was removed: then the service is gone too, and nothing more will come.
    watcher.on('error', () => undefined);
  }

  async #update(): Promise<void> {
    const role = this.#role;
    if (!role) return;
    const { generation, sources } = await this.#context.streamsOf();
    if (generation === role.generation) return;
    await role.local.update(sources);
    role.generation = generation;
    role.server.announce(announcementOf(generation, role.local, sources));
  }

  #change(action: () => Promise<void>): void {
    this.#changing = this.#changing.then(action).catch((error: unknown) => {
      if (this.#stop.signal.aborted) return;
      this.#end(isUninstalled(error) ? undefined : (error as Error));
    });
  }

  async #close(): Promise<void> {
    const role = this.#role;
    this.#role = undefined;
    await this.#inner?.[Symbol.asyncDispose]();
    if (!role) return;
    // The lock is given back before the receivers hear of the end: one of them shall find it free.
    const closing = role.server[Symbol.asyncDispose]();
    await this.#context.kernel.unlockFile(role.lock);
    await closing;
  }
}

function announcementOf(generation: number, { streams }: LocalFeed, sources: readonly StreamSource[]): Announcement {
  return { generation, streams, decoders: sources.map(({ decoder }) => decoder) };
}

function isUninstalled(error: unknown): boolean {
  return error instanceof ShimError && error.code === 'ERR_SHIM_NOT_INSTALLED';
}

function noReader(service: string, lock: string): ShimError {
  return new ShimError('ERR_SHIM_LOCKED', `another process reads the events of ${service}, and does not share them`, {
    hint: `Which one it is: fuser ${lock}`,
  });
}
