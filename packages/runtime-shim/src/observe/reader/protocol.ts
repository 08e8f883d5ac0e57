import type { KernelErrorCode, KernelErrorDetails } from '../../kernel/kernel-error.ts';
import type { BufferFacts, EventBlock } from './event-block.ts';

/** From the owner to the worker that reads event buffers. */
export type ReaderRequest =
  | { kind: 'open'; id: number; pin: string }
  /** So many more blocks may be sent. */
  | { kind: 'more'; id: number; blocks: number }
  | { kind: 'close'; id: number; toTheEnd: boolean }
  /** Close everything and end. */
  | { kind: 'end' };

/** From the worker. */
export type ReaderAnswer =
  /** Where to write 8 bytes after each request, since the worker may be waiting. */
  | { kind: 'ready'; wakeFd: number }
  | { kind: 'opened'; id: number; facts: BufferFacts }
  | { kind: 'block'; id: number; block: EventBlock }
  | { kind: 'closed'; id: number }
  | { kind: 'error'; id: number; code: KernelErrorCode | undefined; message: string; details: KernelErrorDetails };
