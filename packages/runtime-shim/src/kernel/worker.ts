import { parentPort, workerData } from 'node:worker_threads';
import { closeSync, openSync, rmSync } from 'node:fs';
import type {
  AttachOptions,
  LoadOptions,
  PinnedInfo,
  ReadEntriesOptions,
  StubOptions,
  WriteEntriesOptions,
} from './kernel.ts';
import { relinkStructOps } from './attach/attach-struct-ops.ts';
import { removeAttachment } from './attach/detach.ts';
import { copyPin, switchAttachment } from './attach/switch-attachment.ts';
import { collectGarbage } from './collect-garbage.ts';
import { HashedBtf, readHashedBtf } from './hashed-btf.ts';
import { dumpMap, inspectPin } from './inspect.ts';
import { KernelError } from './kernel-error.ts';
import { listInterfaces } from './list-interfaces.ts';
import { lookUpEntry, readEntries, writeEntries } from './map-entries.ts';
import { Bpf } from './native/bpf.ts';
import { callError } from './native/errno.ts';
import type { BtfIds } from './native/find-btf-ids.ts';
import { openNative } from './native/library.ts';
import { MessageLog } from './native/message-log.ts';
import { NativeObject } from './native-object.ts';
import { openStats, programStats } from './program-stats.ts';
import {
  changeDispatcher,
  type DispatcherChange,
  type DispatcherFolders,
} from '../xdp-dispatcher/change-dispatcher.ts';
import type { DispatcherBtf } from '../xdp-dispatcher/dispatcher-btf.ts';
import { dispatcherProblem } from '../xdp-dispatcher/load-dispatcher.ts';
import { leaveDispatchers } from '../xdp-dispatcher/leave-dispatchers.ts';
import { cleanUpAll } from '../xdp-dispatcher/leftovers.ts';
import { readOccupant } from '../xdp-dispatcher/read-dispatcher.ts';
import { probedFeatures, Prober } from './probes.ts';
import { loadStubs } from './stub/load-stubs.ts';
import {
  clearSlot,
  fillSlot,
  fillSlotById,
  makeSelector,
  readSelector,
  readSlots,
  settle,
  writeSelector,
} from './stub/stub-maps.ts';
import { ringPosition } from './ring-position.ts';
import type { Answer, CallMethod, NumberedQuestion, Request } from './protocol.ts';

const { libbpfPath } = workerData as { libbpfPath: string | undefined };
const objects = new Map<number, NativeObject>();
const locks = new Set<number>();
const stats = new Set<number>();
let nextObject = 1;
let opened: Bpf | undefined;
let prober: Prober | undefined;
let sharingProblem: { answer: string | undefined } | undefined;
/** What libbpf says of the call under way; only bpfship’s own build hands it over. */
let messages: MessageLog | undefined;

/** libbpf is opened with the first call, so that its absence is an answer and not a dead worker. */
function bpf(): Bpf {
  if (opened) return opened;
  const native = openNative(libbpfPath);
  if (native.own) messages = new MessageLog(native.own);
  return (opened = new Bpf(native));
}

const methods: Record<CallMethod, (...args: never[]) => unknown> = {
  library() {
    const { version, path, origin } = bpf().native;
    return { version, path, origin };
  },
  probedFeatures,
  probe(questions: NumberedQuestion[], btfIds: BtfIds = {}) {
    const known = (prober ??= new Prober(bpf()));
    bpf().learnBtfIds(btfIds);
    return known.answers(questions);
  },
  interfaces: () => listInterfaces(bpf().native),
  tracefs: () => bpf().tracefs(),
  load(options: LoadOptions, dispatcher?: DispatcherBtf) {
    const id = nextObject++;
    objects.set(id, NativeObject.load(bpf(), options, dispatcher));
    return objectOf(id).describe(id);
  },
  pinObject(id: number, pins: { maps: Record<string, string>; programs: Record<string, string> }) {
    const done: string[] = [];
    const pin = (fd: number, path: string): void => {
      bpf().pin(fd, path);
      done.push(path);
    };
    try {
      for (const [name, path] of Object.entries(pins.maps)) pin(objectOf(id).mapFd(name), path);
      for (const [name, path] of Object.entries(pins.programs)) pin(objectOf(id).programFd(name), path);
    } catch (error) {
      for (const path of done) rmSync(path, { force: true });
      throw error;
    }
  },
  attach: (id: number, program: string, options: AttachOptions) => objectOf(id).attach(program, options),
  tryAttach: (id: number, program: string) => objectOf(id).tryAttach(program),
  updateLink: (pin: string, id: number, program: string) => objectOf(id).takeLink(program, pin),
  updateLinkToPin: (linkPin: string, programPin: string) =>
    bpf().withPinned(programPin, (fd) => switchAttachment(bpf(), linkPin, fd)),
  relinkStructOps: (mapPin: string, linkPin: string) => relinkStructOps(bpf(), mapPin, linkPin),
  copyPin: (from: string, to: string) => copyPin(bpf(), from, to),
  lockFile(path: string) {
    const fd = openLock(path);
    // LOCK_EX | LOCK_NB
    if (bpf().native.flock(fd, 2 | 4) === 0) {
      locks.add(fd);
      return fd;
    }
    closeSync(fd);
    return undefined;
  },
  unlockFile(fd: number) {
    if (locks.delete(fd)) closeSync(fd);
  },
  removeLink: (pin: string) => removeAttachment(bpf(), pin),
  xdpOccupant: (interfaceName: string, folder: string) =>
    readOccupant(bpf(), bpf().native.ifNameToIndex(interfaceName), folder),
  xdpSharingProblem(dispatcher: DispatcherBtf) {
    return (sharingProblem ??= { answer: dispatcherProblem(bpf(), dispatcher) }).answer;
  },
  leaveXdpDispatchers: (leave: Parameters<typeof leaveDispatchers>[1]) => leaveDispatchers(bpf(), leave),
  cleanXdpDispatchers: (folders: DispatcherFolders) => cleanUpAll(bpf(), folders),
  changeXdpDispatcher: (change: DispatcherChange) => changeDispatcher(bpf(), change),
  close(id: number) {
    objectOf(id).close();
    objects.delete(id);
  },
  programInstructions: (id: number, program: string) => objectOf(id).programInstructions(program),
  usePinned: (id: number, program: string, pin: string) => objectOf(id).usePinned(program, pin),
  makeSelector: (pin: string) => makeSelector(bpf(), pin),
  readSelector: (pin: string) => readSelector(bpf(), pin),
  writeSelector: (pin: string, slot: number) => writeSelector(bpf(), pin, slot),
  loadStubs(selectorPin: string, stubs: readonly StubOptions[]) {
    const id = nextObject++;
    objects.set(id, loadStubs(bpf(), selectorPin, stubs));
    return objectOf(id).describe(id);
  },
  fillSlotById: (pin: string, slot: number, id: number) => fillSlotById(bpf(), pin, slot, id),
  fillSlot: (pin: string, slot: number, programPin: string) => fillSlot(bpf(), pin, slot, programPin),
  clearSlot: (pin: string, slot: number) => clearSlot(bpf(), pin, slot),
  readSlots: (pin: string) => readSlots(bpf(), pin),
  settle: () => settle(bpf()),
  trim() {
    opened?.forgetKernelBtf();
    collectGarbage();
  },
  readBtf: readHashedBtf,
  inspectPin: (path: string) => inspectPin(bpf(), path),
  ringPosition: (pin: string) => ringPosition(bpf(), pin),
  lookUpEntry: (pin: string, key: Uint8Array) => lookUpEntry(bpf(), pin, key),
  readEntries: (options: ReadEntriesOptions) => readEntries(bpf(), options),
  writeEntries: (options: WriteEntriesOptions) => writeEntries(bpf(), options),
  programStats: (pin: string) => programStats(bpf(), pin),
  openStats() {
    const fd = openStats(bpf());
    stats.add(fd);
    return fd;
  },
  closeStats(fd: number) {
    if (stats.delete(fd)) bpf().native.close(fd);
  },
  inspectPins: (paths: string[]) => paths.map((path) => tryInspectPin(path)),
  dumpMap: (path: string, limit: number) => dumpMap(bpf(), path, limit),
};

function tryInspectPin(path: string): PinnedInfo | undefined {
  try {
    return inspectPin(bpf(), path);
  } catch {
    return undefined;
  }
}

function openLock(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    const { errno = 0 } = error as NodeJS.ErrnoException;
    throw callError('ERR_KERNEL_CALL', `opening ${path}`, errno);
  }
}

function objectOf(id: number): NativeObject {
  const object = objects.get(id);
  if (!object) throw new KernelError('ERR_KERNEL_WORKER', `there is no loaded object ${id}`);
  return object;
}

function send(answer: Answer, moved: ArrayBuffer[] = []): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a message port, not a window
  parentPort?.postMessage(answer, moved);
}

function sendResult(id: number, result: unknown): void {
  // Megabytes are moved to the caller, not copied.
  const moved = result instanceof HashedBtf ? [result.bytes.buffer] : [];
  send({ id, kind: 'result', result }, moved);
}

function sendError(id: number, error: unknown): void {
  if (!(error instanceof KernelError)) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    send({ id, kind: 'error', code: undefined, message, details: {} });
    return;
  }
  const { code, message, errno, log, hint } = error;
  const details = error.details ?? messages?.summary();
  const known = Object.entries({ errno, log, details }).filter(([, value]) => value !== undefined);
  send({ id, kind: 'error', code, message, details: { ...Object.fromEntries(known), hint } });
}

/** Gives everything back: descriptors are the process's, they do not end with this thread. */
function end(): void {
  for (const object of objects.values()) object.close();
  for (const fd of locks) closeSync(fd);
  for (const fd of stats) bpf().native.close(fd);
  messages?.[Symbol.dispose]();
  opened?.close();
  parentPort?.close();
}

parentPort?.on('message', (request: Request) => {
  try {
    messages?.take();
    switch (request.kind) {
      case 'call':
        sendResult(request.id, methods[request.method](...(request.args as never[])));
        break;
      case 'end':
        end();
        break;
    }
  } catch (error) {
    sendError(request.kind === 'end' ? 0 : request.id, error);
  }
});
