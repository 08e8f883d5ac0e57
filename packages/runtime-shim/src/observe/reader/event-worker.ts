import { parentPort, workerData } from 'node:worker_threads';
import { readSync } from 'node:fs';
import { KernelError } from '../../kernel/kernel-error.ts';
import { Bpf } from '../../kernel/native/bpf.ts';
import { callError } from '../../kernel/native/errno.ts';
import { openNative } from '../../kernel/native/library.ts';
import { mapTypeName } from '../../kernel/native/map-types.ts';
import { ClockDifferences } from './clock-differences.ts';
import { type EventBuffer, eventCount } from './event-block.ts';
import { Pace } from './pace.ts';
import { openPerfArray } from './perf-array.ts';
import { bindPerfBuffers } from './perf-buffers.ts';
import type { ReaderAnswer, ReaderRequest } from './protocol.ts';
import { openRingBuffer } from './ring-buffer.ts';
import { openSystemCalls } from './system-calls.ts';

// Reads event buffers in a thread of its own: loading a program, or waiting for RCU, must not make a buffer overflow.

/** Milliseconds that one wait lasts at most: programs may send without waking anybody (BPF_RB_NO_WAKEUP). */
const MAX_WAIT_MS = 250;

interface Source {
  fd: number;
  buffer: EventBuffer;
  pace: Pace;
  /** Blocks that may still be sent. */
  credit: number;
}

const { libbpfPath } = workerData as { libbpfPath: string | undefined };
const calls = openSystemCalls();
const clocks = new ClockDifferences(calls);
const wakeFd = calls.eventDescriptor();
const sources = new Map<number, Source>();
let bpf: Bpf | undefined;
/** Whether the next look is planned already. */
let planned = false;
let timer: NodeJS.Timeout | undefined;

function openBuffer(pin: string): { fd: number; buffer: EventBuffer } {
  bpf ??= new Bpf(openNative(libbpfPath));
  const fd = bpf.open(pin);
  if (fd < 0) throw callError('ERR_KERNEL_NOT_FOUND', `opening ${pin}`, fd);
  try {
    const type = mapTypeName(bpf.info(fd).readUInt32LE(0));
    if (type === 'ringbuf') return { fd, buffer: openRingBuffer(bpf, calls, fd) };
    if (type === 'perf_event_array')
      return { fd, buffer: openPerfArray(bpf, bindPerfBuffers(bpf.native), fd, calls.pageSize) };
    throw new KernelError('ERR_KERNEL_CALL', `${pin} is a ${type}, which carries no events`);
  } catch (error) {
    bpf.native.close(fd);
    throw error;
  }
}

function close(id: number): void {
  const source = sources.get(id);
  if (!source) return;
  sources.delete(id);
  source.buffer[Symbol.dispose]();
  bpf?.native.close(source.fd);
}

/** Takes what is in the buffers, then plans the next look: at once, after a while, or when the kernel says that there is something. */
function look(): void {
  planned = false;
  clearTimeout(timer);
  const open = [...sources].filter(([, { credit }]) => credit > 0);
  if (open.length === 0) return;
  for (const [id, source] of open) takeAll(id, source);
  const waits = [...sources.values()].filter(({ credit }) => credit > 0).map(({ pace }) => pace.milliseconds);
  if (waits.length === 0) return;
  const shortest = Math.min(...waits);
  // Events come fast: gathering them for a moment is cheaper for us, and for the programs, which then wake nobody.
  if (shortest === 0) plan();
  else if (Number.isFinite(shortest)) timer = setTimeout(look, shortest);
  else {
    waitForEvents();
    plan();
  }
}

function takeAll(id: number, source: Source): void {
  let bytes = 0;
  let events = 0;
  // One turn for each ring, and another only where a block could not hold all: what comes while we read makes the next block a large one.
  for (let turns = source.buffer.fds.length; turns > 0 && source.credit > 0; turns--) {
    const block = source.buffer.take();
    if (block === undefined) break;
    if (block.backlog > 0) turns += 1;
    bytes += block.bytes.byteLength;
    events += eventCount(block);
    if (eventCount(block) > 0 || block.lost > 0 || block.full) {
      source.credit -= 1;
      send({ kind: 'block', id, block: { ...block, clocks: clocks.now() } }, [block.bytes, block.places.buffer]);
    }
    // A program that floods its buffer must not keep the others waiting.
    if (bytes >= source.buffer.facts.size) break;
  }
  source.pace.learn({ at: performance.now(), bytes, events });
}

/** What is in a buffer now, whoever has asked for how many blocks. */
function readToTheEnd(id: number): void {
  const source = sources.get(id);
  if (!source) return;
  source.credit = Infinity;
  takeAll(id, source);
}

function waitForEvents(): void {
  const watched = [...sources.values()].filter(({ credit }) => credit > 0);
  const ready = calls.waitReadable([wakeFd, ...watched.flatMap(({ buffer }) => buffer.fds)], MAX_WAIT_MS);
  if (ready[0]) readSync(wakeFd, Buffer.alloc(8));
  let at = 1;
  for (const { buffer, pace } of watched) {
    const { length } = buffer.fds;
    pace.announced(ready.slice(at, at + length).some(Boolean));
    at += length;
  }
}

function plan(): void {
  if (planned) return;
  planned = true;
  setImmediate(look);
}

function send(answer: ReaderAnswer, moved: ArrayBuffer[] = []): void {
  parentPort?.postMessage(answer, moved);
}

function sendError(id: number, error: unknown): void {
  if (!(error instanceof KernelError)) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    send({ kind: 'error', id, code: undefined, message, details: {} });
    return;
  }
  const { code, message, errno, hint } = error;
  send({ kind: 'error', id, code, message, details: { ...(errno === undefined ? {} : { errno }), hint } });
}

parentPort?.on('message', (request: ReaderRequest) => {
  switch (request.kind) {
    case 'open':
      try {
        const opened = openBuffer(request.pin);
        sources.set(request.id, { ...opened, pace: new Pace(opened.buffer.facts.size), credit: 0 });
        send({ kind: 'opened', id: request.id, facts: opened.buffer.facts });
      } catch (error) {
        sendError(request.id, error);
      }
      break;
    case 'more': {
      const source = sources.get(request.id);
      if (!source) return;
      source.credit += request.blocks;
      // Otherwise the next look is planned already, and not sooner because of this.
      if (source.credit > request.blocks) return;
      break;
    }
    case 'close':
      if (request.toTheEnd) readToTheEnd(request.id);
      close(request.id);
      send({ kind: 'closed', id: request.id });
      break;
    case 'end':
      for (const id of sources.keys()) close(id);
      bpf?.close();
      parentPort?.close();
      return;
  }
  plan();
});
send({ kind: 'ready', wakeFd });
