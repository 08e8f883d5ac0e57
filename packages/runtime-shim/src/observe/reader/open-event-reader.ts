import { once } from 'node:events';
import { closeSync, writeSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { startWorker } from '../../executable/start-worker.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { BufferFacts, EventBlock } from './event-block.ts';
import type { ReaderAnswer, ReaderRequest } from './protocol.ts';

/** Blocks that may be on their way to a listener that is busy. */
const BLOCKS_AHEAD = 8;

/** Hears what a buffer has. */
export interface BufferListener {
  onBlock(block: EventBlock): void;
  /** Reading has ended, not by {@link OpenEvents.close}. */
  onError(error: KernelError): void;
}

/** A buffer that is being read. */
export interface OpenEvents {
  readonly facts: BufferFacts;
  /**
   * Ends the reading. Blocks that are on their way still come before it resolves.
   *
   * @param options.toTheEnd - with what is in the buffer now. Default: that waits for the next reader.
   */
  close(options?: { toTheEnd?: boolean }): Promise<void>;
}

/** Reads event buffers in a thread of its own, which it starts with the first one. */
export interface EventReader extends AsyncDisposable {
  /** Reads a pinned ring buffer or perf event array. A buffer should have one reader: two share the events between them. @throws {KernelError}. */
  open(pin: string, listener: BufferListener): Promise<OpenEvents>;
}

/** Makes a reader. @param options.libbpfPath - the libbpf.so to use. Default: `BPFSHIP_LIBBPF`, else the system's. */
export function openEventReader(options: { libbpfPath?: string } = {}): EventReader {
  return new WorkerReader(options.libbpfPath ?? process.env['BPFSHIP_LIBBPF']);
}

interface Opening {
  listener: BufferListener;
  opened: PromiseWithResolvers<BufferFacts>;
  closed: PromiseWithResolvers<void>;
  isOpen: boolean;
  /** Blocks since the worker was told that it may send more. */
  taken: number;
}

class WorkerReader implements EventReader {
  readonly #libbpfPath: string | undefined;
  readonly #buffers = new Map<number, Opening>();
  #worker: Worker | undefined;
  #wakeFd: number | undefined;
  #nextId = 1;

  constructor(libbpfPath: string | undefined) {
    this.#libbpfPath = libbpfPath;
  }

  async open(pin: string, listener: BufferListener): Promise<OpenEvents> {
    const id = this.#nextId++;
    const opening: Opening = {
      listener,
      opened: Promise.withResolvers(),
      closed: Promise.withResolvers(),
      isOpen: false,
      taken: 0,
    };
    this.#buffers.set(id, opening);
    this.#send({ kind: 'open', id, pin });
    try {
      const facts = await opening.opened.promise;
      opening.isOpen = true;
      this.#send({ kind: 'more', id, blocks: BLOCKS_AHEAD });
      return {
        facts,
        close: async ({ toTheEnd = false } = {}) => {
          if (!this.#buffers.has(id)) return;
          this.#send({ kind: 'close', id, toTheEnd });
          await opening.closed.promise;
        },
      };
    } catch (error) {
      this.#forget(id);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const ended = once(worker, 'exit');
    this.#send({ kind: 'end' });
    this.#worker = undefined;
    await ended;
    this.#end('the event reader was closed');
  }

  /** The thread keeps the process alive only while it reads something. */
  #start(): Worker {
    const file = { from: import.meta.url, built: '../../../dist/observe/reader/event-worker.js' };
    const worker = startWorker(file, { workerData: { libbpfPath: this.#libbpfPath } });
    worker.on('message', (answer: ReaderAnswer) => this.#take(answer));
    worker.on('error', (error) => {
      this.#end(`the event reader failed: ${error instanceof Error ? error.message : String(error)}`);
    });
    worker.on('exit', (code) => this.#end(`the event reader ended (${code})`));
    return worker;
  }

  #send(request: ReaderRequest): void {
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
    worker.postMessage(request);
    // Before it is known, the worker does not wait yet.
    if (this.#wakeFd !== undefined) writeSync(this.#wakeFd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  }

  #take(answer: ReaderAnswer): void {
    if (answer.kind === 'ready') {
      this.#wakeFd = answer.wakeFd;
      return;
    }
    const buffer = this.#buffers.get(answer.id);
    switch (answer.kind) {
      case 'opened':
        buffer?.opened.resolve(answer.facts);
        break;
      case 'block':
        if (!buffer) break;
        buffer.listener.onBlock(answer.block);
        buffer.taken += 1;
        if (buffer.taken < BLOCKS_AHEAD / 2) break;
        this.#send({ kind: 'more', id: answer.id, blocks: buffer.taken });
        buffer.taken = 0;
        break;
      case 'closed':
        this.#forget(answer.id);
        buffer?.closed.resolve();
        break;
      case 'error': {
        const error = new KernelError(answer.code ?? 'ERR_KERNEL_WORKER', answer.message, answer.details);
        this.#forget(answer.id);
        if (buffer?.isOpen) buffer.listener.onError(error);
        else buffer?.opened.reject(error);
        break;
      }
    }
  }

  #forget(id: number): void {
    this.#buffers.delete(id);
    if (this.#buffers.size === 0) this.#worker?.unref();
  }

  #end(message: string): void {
    this.#worker = undefined;
    if (this.#wakeFd !== undefined) closeSync(this.#wakeFd);
    this.#wakeFd = undefined;
    const error = new KernelError('ERR_KERNEL_WORKER', message, { hint: 'Open it again.' });
    for (const { opened, closed, listener, isOpen } of this.#buffers.values()) {
      closed.resolve();
      if (isOpen) listener.onError(error);
      else opened.reject(error);
    }
    this.#buffers.clear();
  }
}
