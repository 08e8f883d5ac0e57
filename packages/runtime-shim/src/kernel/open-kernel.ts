import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { helperNumber } from '@bpfship/bpf-object';
import { startWorker } from '../executable/start-worker.ts';
import type { Kernel, LoadedObject, ProbeQuestion } from './kernel.ts';
import { KernelError } from './kernel-error.ts';
import { explainRejection } from './verifier-log/explain-rejection.ts';
import type { Answer, CallMethod, NumberedQuestion, Request } from './protocol.ts';
import { dispatcherBtf } from '../xdp-dispatcher/dispatcher-btf.ts';

/** Options of {@link openKernel}. */
export interface OpenKernelOptions {
  /** The libbpf.so to use. Default: `BPFSHIP_LIBBPF`, else bpfship’s own, else the system’s where it is new enough. */
  libbpfPath?: string;
}

interface Waiting {
  resolve(this: void, result: unknown): void;
  reject(this: void, error: Error): void;
}

/** Starts the worker that speaks to the kernel; a process should have one. Nothing is asked of the kernel before the first call. */
export function openKernel(options: OpenKernelOptions = {}): Kernel {
  const worker = new KernelWorker(options.libbpfPath ?? process.env['BPFSHIP_LIBBPF']);
  const call = <T>(method: CallMethod, ...args: unknown[]): Promise<T> => worker.call(method, args) as Promise<T>;
  return {
    library: () => call('library'),
    probe: (questions, btfIds) => call('probe', questions.map(withNumber), btfIds),
    probedFeatures: () => call('probedFeatures'),
    interfaces: () => call('interfaces'),
    tracefs: () => call('tracefs'),
    load: (load) =>
      call<LoadedObject>('load', load, load.components === undefined ? undefined : dispatcherBtf()).catch(
        (error: unknown) => {
          throw withReason(error, load.bytes);
        },
      ),
    pinObject: (object, pins) => call('pinObject', object, pins),
    attach: (object, program, attach) => call('attach', object, program, attach),
    tryAttach: (object, program) => call('tryAttach', object, program),
    updateLink: (pin, object, program) => call('updateLink', pin, object, program),
    updateLinkToPin: (linkPin, programPin) => call('updateLinkToPin', linkPin, programPin),
    relinkStructOps: (mapPin, linkPin) => call('relinkStructOps', mapPin, linkPin),
    copyPin: (from, to) => call('copyPin', from, to),
    lockFile: (path) => call('lockFile', path),
    unlockFile: (lock) => call('unlockFile', lock),
    removeLink: (pin) => call('removeLink', pin),
    xdpOccupant: (interfaceName, folder) => call('xdpOccupant', interfaceName, folder),
    xdpSharingProblem: () => call('xdpSharingProblem', dispatcherBtf()),
    changeXdpDispatcher: (change) => call('changeXdpDispatcher', { ...change, btf: dispatcherBtf() }),
    leaveXdpDispatchers: (leave) => call('leaveXdpDispatchers', { ...leave, btf: dispatcherBtf() }),
    cleanXdpDispatchers: (folders) => call('cleanXdpDispatchers', folders),
    close: (object) => call('close', object),
    programInstructions: (object, program) => call('programInstructions', object, program),
    usePinned: (object, program, pin) => call('usePinned', object, program, pin),
    makeSelector: (pin) => call('makeSelector', pin),
    readSelector: (pin) => call('readSelector', pin),
    writeSelector: (pin, slot) => call('writeSelector', pin, slot),
    loadStubs: (selectorPin, stubs) => call('loadStubs', selectorPin, stubs),
    fillSlotById: (pin, slot, id) => call('fillSlotById', pin, slot, id),
    fillSlot: (slotsPin, slot, programPin) => call('fillSlot', slotsPin, slot, programPin),
    clearSlot: (slotsPin, slot) => call('clearSlot', slotsPin, slot),
    readSlots: (slotsPin) => call('readSlots', slotsPin),
    settle: () => call('settle'),
    trim: () => call('trim'),
    readBtf: () => call('readBtf'),
    inspectPin: (path) => call('inspectPin', path),
    ringPosition: (pin) => call('ringPosition', pin),
    lookUpEntry: (pin, key) => call('lookUpEntry', pin, key),
    readEntries: (read) => call('readEntries', read),
    writeEntries: (write) => call('writeEntries', write),
    programStats: (pin) => call('programStats', pin),
    openStats: () => call('openStats'),
    closeStats: (stats) => call('closeStats', stats),
    inspectPins: (paths) => call('inspectPins', paths),
    dumpMap: (path, limit) => call('dumpMap', path, limit),
    [Symbol.asyncDispose]: () => worker.end(),
  };
}

/** A verifier's log says in many lines what was wrong; the object's own line info says where. */
function withReason(error: unknown, object: Uint8Array): unknown {
  if (!(error instanceof KernelError) || error.code !== 'ERR_KERNEL_LOAD_REJECTED' || !error.log) return error;
  const { code, message, errno, log, hint } = error;
  const { reason, details } = explainRejection(log, object);
  return new KernelError(code, `${message}: ${reason}`, {
    ...(errno === undefined ? {} : { errno }),
    log,
    details,
    hint,
  });
}

function withNumber(question: ProbeQuestion): NumberedQuestion {
  const number = question.kind === 'helper' ? helperNumber(question.helper) : undefined;
  return number === undefined ? question : { ...question, number };
}

/** The worker thread, and who waits for which of its answers. It keeps the process alive only while somebody waits. */
class KernelWorker {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #failure: KernelError | undefined;

  constructor(libbpfPath: string | undefined) {
    const file = { from: import.meta.url, built: '../../dist/kernel/worker.js' };
    this.#worker = startWorker(file, { workerData: { libbpfPath } });
    this.#worker.on('message', (answer: Answer) => this.#take(answer));
    this.#worker.on('error', (error) => {
      this.#fail(`the kernel worker failed: ${error instanceof Error ? error.message : String(error)}`);
    });
    this.#worker.on('exit', (code) => this.#fail(`the kernel worker ended (${code})`));
    this.#worker.unref();
  }

  call(method: CallMethod, args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#post({ id, kind: 'call', method, args });
    });
  }

  /** Lets the worker close what it holds. Calls that have no answer yet are answered first. */
  async end(): Promise<void> {
    if (this.#failure) return;
    const ended = once(this.#worker, 'exit');
    this.#post({ kind: 'end' });
    this.#failure = new KernelError('ERR_KERNEL_WORKER', 'the kernel worker was closed', { hint: 'Open another one.' });
    await ended;
  }

  #post(request: Request): void {
    this.#worker.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
    this.#worker.postMessage(request);
  }

  #take(answer: Answer): void {
    const call = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    this.#rest();
    if (answer.kind === 'error')
      call?.reject(new KernelError(answer.code ?? 'ERR_KERNEL_WORKER', answer.message, answer.details));
    else call?.resolve(answer.result);
  }

  #rest(): void {
    if (!this.#failure && this.#waiting.size === 0) this.#worker.unref();
  }

  #fail(message: string): void {
    this.#failure ??= new KernelError('ERR_KERNEL_WORKER', message, {
      hint: 'This is a fault of bpfship; please report it.',
    });
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}
