import { EventHub, type StreamStatistics } from './event-hub.ts';
import type { EventFeed } from './event-feed.ts';

/** A hub that its users share. */
export interface OpenHub extends AsyncDisposable {
  readonly hub: EventHub;
}

interface Entry {
  opening: Promise<EventHub>;
  hub?: EventHub;
  users: number;
}

/** One hub for each service in this process, for as long as somebody uses it. */
export class SharedHubs implements AsyncDisposable {
  readonly #openFeed: (service: string) => Promise<EventFeed>;
  readonly #entries = new Map<string, Entry>();

  constructor(openFeed: (service: string) => Promise<EventFeed>) {
    this.#openFeed = openFeed;
  }

  /** Opens a service's hub, or joins those who have. A hub that has ended is not joined. */
  async open(service: string): Promise<OpenHub> {
    let entry = this.#entries.get(service);
    if (entry && (await isOver(entry))) entry = undefined;
    if (!entry) {
      entry = { opening: this.#openFeed(service).then((feed) => new EventHub(feed)), users: 0 };
      this.#entries.set(service, entry);
    }
    const own = entry;
    own.users += 1;
    try {
      const hub = await own.opening;
      own.hub = hub;
      let left = false;
      return {
        hub,
        [Symbol.asyncDispose]: async () => {
          if (left) return;
          left = true;
          await this.#leave(service, own);
        },
      };
    } catch (error) {
      await this.#leave(service, own);
      throw error;
    }
  }

  /** Joins those who use a service's hub; undefined where nobody does. */
  async join(service: string): Promise<OpenHub | undefined> {
    const entry = this.#entries.get(service);
    return entry && !(await isOver(entry)) ? this.open(service) : undefined;
  }

  /** What has come of a service's streams; empty where nobody in this process reads them. */
  statistics(service: string): StreamStatistics[] {
    return this.#entries.get(service)?.hub?.statistics() ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map(close));
  }

  async #leave(service: string, entry: Entry): Promise<void> {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (this.#entries.get(service) === entry) this.#entries.delete(service);
    await close(entry);
  }
}

async function isOver({ opening }: Entry): Promise<boolean> {
  return opening.then(
    (hub) => hub.hasEnded,
    () => true,
  );
}

async function close({ opening }: Entry): Promise<void> {
  const hub = await opening.catch(() => undefined);
  await hub?.[Symbol.asyncDispose]();
}
