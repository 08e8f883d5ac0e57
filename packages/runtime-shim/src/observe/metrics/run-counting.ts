/** Milliseconds after which nobody seems to want it any more: more than twice what scrapers wait at most. */
const IDLE_MS = 300_000;

/** Lets the kernel count runs and time of programs for as long as somebody asks for the numbers: counting costs each run some nanoseconds. */
export class RunCounting implements AsyncDisposable {
  readonly #open: () => Promise<AsyncDisposable>;
  readonly #idleMs: number;
  #held: Promise<AsyncDisposable | undefined> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param open - begins to count, until what it gives is disposed of. @param idleMs - default 300,000. */
  constructor(open: () => Promise<AsyncDisposable>, idleMs: number = IDLE_MS) {
    this.#open = open;
    this.#idleMs = idleMs;
  }

  /** Somebody asks. Where the kernel may not be told to count, the numbers stand still. */
  async want(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this[Symbol.asyncDispose](), this.#idleMs).unref();
    this.#held ??= this.#open().catch(() => undefined);
    await this.#held;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    const held = this.#held;
    this.#held = undefined;
    await (await held)?.[Symbol.asyncDispose]();
  }
}
