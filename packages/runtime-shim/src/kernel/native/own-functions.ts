import type { LibraryHandle } from 'koffi';
import type { Pointer } from './library.ts';

/** Version of packages/runtime-shim/native/bpfship.h that this file knows. */
const ABI = 1;

/** The functions of packages/runtime-shim/native/bpfship.h, which says what they do. Addresses are of memory that stays in place. */
export interface OwnFunctions {
  logInto(log: bigint | null): void;
  eventsOpen(events: [Pointer]): number;
  eventsAdd(events: Pointer, source: number, mapFd: number, pages: number): number;
  eventsPause(events: Pointer, source: number, paused: number): number;
  eventsRemove(events: Pointer, source: number): number;
  /** In a thread of its own, so that waiting blocks nobody. Times in milliseconds, microseconds, microseconds. */
  eventsNext(
    events: Pointer,
    block: { address: bigint; size: number },
    wait: { timeoutMs: number; gatherUs: number; budgetUs: number },
    batch: bigint,
  ): Promise<number>;
  /** What is there now, without waiting. */
  eventsTake(events: Pointer, block: { address: bigint; size: number }, budgetUs: number, batch: bigint): number;
  eventsWake(events: Pointer): number;
  eventsClose(events: Pointer): void;
  holdCall(
    path: string,
    request: Uint8Array,
    length: number,
    sendFd: number,
    reply: Uint8Array,
    size: number,
    receivedFd: [number],
  ): number;
}

type Next = (
  events: Pointer,
  block: bigint,
  size: number,
  timeoutMs: number,
  gatherUs: number,
  budgetUs: number,
  batch: bigint,
) => number;
type Asynchronous = { async(...args: [...Parameters<Next>, (error: Error | null, result: number) => void]): void };

/** Binds them where the library has them, in the version that is known here. */
export function bindOwn(library: LibraryHandle): OwnFunctions | undefined {
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the C declaration is the type; OwnFunctions says it in TypeScript
  const fn = <T>(declaration: string): T => library.func(declaration) as unknown as T;
  try {
    if (fn<() => number>('uint32_t bpfship_abi()')() !== ABI) return undefined;
  } catch {
    return undefined;
  }
  const next = fn<Next & Asynchronous>(
    'int bpfship_events_next(void *events, void *block, uint32_t size, int timeout_ms, uint32_t gather_us, uint32_t budget_us, void *batch)',
  );
  return {
    logInto: fn('void bpfship_log_into(void *log)'),
    eventsOpen: fn('int bpfship_events_open(_Out_ void **events)'),
    eventsAdd: fn('int bpfship_events_add(void *events, uint32_t source, int map_fd, uint32_t pages)'),
    eventsPause: fn('int bpfship_events_pause(void *events, uint32_t source, int paused)'),
    eventsRemove: fn('int bpfship_events_remove(void *events, uint32_t source)'),
    eventsNext: (events, { address, size }, { timeoutMs, gatherUs, budgetUs }, batch) =>
      new Promise((resolve, reject) => {
        next.async(events, address, size, timeoutMs, gatherUs, budgetUs, batch, (error, result) => {
          if (error) reject(error);
          else resolve(result);
        });
      }),
    eventsTake: (events, { address, size }, budgetUs, batch) => next(events, address, size, 0, 0, budgetUs, batch),
    eventsWake: fn('int bpfship_events_wake(void *events)'),
    eventsClose: fn('void bpfship_events_close(void *events)'),
    holdCall: fn(
      'int bpfship_hold_call(const char *path, _In_ void *request, uint32_t length, int send_fd, _Out_ void *reply, uint32_t size, _Out_ int *received_fd)',
    ),
  };
}
