import type { EventBlock } from '../reader/event-block.ts';
import type { StreamFacts } from '../events/event-feed.ts';

/** Bytes of a frame that are accepted. A block holds one event at least, however large. */
const MAX_FRAME = 256 * 1024 * 1024;
/** u32 length of what follows it, u8 kind. Numbers are little-endian, but what comes from the kernel is as it was. */
const HEADER_SIZE = 5;
/** u32 stream, u32 lost, u32 backlog, u32 places, 2 × i64 clocks, u32 full, u32 nothing. */
const BLOCK_HEADER_SIZE = 40;
const KIND = { hello: 1, block: 2, loss: 3 } as const;

/** What a reader sends to those who have no buffer of their own. */
export type Frame =
  /** First, and again when another generation runs: positions in `streams` are what blocks name. */
  | { kind: 'hello'; generation: number; streams: StreamFacts[] }
  | { kind: 'block'; stream: number; block: EventBlock }
  /** Events that this receiver lost by being slow. */
  | { kind: 'loss'; stream: number; events: number };

/** A frame as bytes, in parts that need not be put together. */
export function encodeFrame(frame: Frame): Uint8Array[] {
  switch (frame.kind) {
    case 'hello':
      return withHeader(KIND.hello, [
        Buffer.from(JSON.stringify({ generation: frame.generation, streams: frame.streams })),
      ]);
    case 'loss':
      return withHeader(KIND.loss, [
        new Uint8Array(Uint32Array.of(frame.stream, Math.min(frame.events, 0xffff_ffff)).buffer),
      ]);
    default:
      return encodeBlock(frame.stream, frame.block);
  }
}

function encodeBlock(stream: number, { bytes, places, lost, backlog, clocks, full }: EventBlock): Uint8Array[] {
  const head = Buffer.alloc(BLOCK_HEADER_SIZE);
  head.writeUInt32LE(stream, 0);
  head.writeUInt32LE(Math.min(lost, 0xffff_ffff), 4);
  head.writeUInt32LE(backlog, 8);
  head.writeUInt32LE(places.length, 12);
  head.writeBigInt64LE(clocks.monotonic, 16);
  head.writeBigInt64LE(clocks.boottime, 24);
  head.writeUInt32LE(full ? 1 : 0, 32);
  return withHeader(KIND.block, [head, new Uint8Array(places.buffer), new Uint8Array(bytes)]);
}

function withHeader(kind: number, parts: Uint8Array[]): Uint8Array[] {
  const header = Buffer.alloc(HEADER_SIZE);
  const length = parts.reduce((sum, part) => sum + part.length, 1);
  header.writeUInt32LE(length, 0);
  header.writeUInt8(kind, 4);
  return [header, ...parts];
}

/** Puts frames together from what a socket gives. */
export class FrameParser {
  #chunks: Buffer[] = [];
  #size = 0;

  /** @returns the frames that are whole now. @throws {RangeError} for what is no frame. */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const frames: Frame[] = [];
    for (let body = this.#take(); body !== undefined; body = this.#take()) frames.push(decodeFrame(body));
    return frames;
  }

  #take(): Buffer | undefined {
    if (this.#size < HEADER_SIZE) return undefined;
    const first = this.#join(HEADER_SIZE);
    const length = first.readUInt32LE(0);
    if (length < 1 || length > MAX_FRAME) throw new RangeError(`a frame of ${length} bytes`);
    if (this.#size < 4 + length) return undefined;
    const all = this.#join(4 + length);
    this.#chunks =
      all.length > 4 + length ? [all.subarray(4 + length), ...this.#chunks.slice(1)] : this.#chunks.slice(1);
    this.#size -= 4 + length;
    return all.subarray(4, 4 + length);
  }

  /** Makes the first chunk hold at least so many bytes. */
  #join(size: number): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks;
    if (first.length >= size) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}

function decodeFrame(body: Buffer): Frame {
  const rest = body.subarray(1);
  switch (body[0]) {
    case KIND.hello:
      return {
        kind: 'hello',
        ...(JSON.parse(rest.toString('utf8')) as { generation: number; streams: StreamFacts[] }),
      };
    case KIND.loss:
      return { kind: 'loss', stream: rest.readUInt32LE(0), events: rest.readUInt32LE(4) };
    case KIND.block:
      return decodeBlock(rest);
    default:
      throw new RangeError(`a frame of kind ${body[0] ?? 0}`);
  }
}

function decodeBlock(rest: Buffer): Frame {
  const numbers = rest.readUInt32LE(12);
  const placesEnd = BLOCK_HEADER_SIZE + numbers * 4;
  if (placesEnd > rest.length) throw new RangeError('a frame that is shorter than it says');
  // Copies: numbers must lie at multiples of their size, and the block must not keep what else came with it.
  const places = new Uint32Array(Uint8Array.from(rest.subarray(BLOCK_HEADER_SIZE, placesEnd)).buffer);
  const bytes = Uint8Array.from(rest.subarray(placesEnd)).buffer;
  for (let i = 0; i < numbers; i += 2) {
    if ((places[i] ?? 0) + (places[i + 1] ?? 0) > bytes.byteLength)
      throw new RangeError('an event that lies outside its frame');
  }
  return {
    kind: 'block',
    stream: rest.readUInt32LE(0),
    block: {
      bytes,
      places,
      lost: rest.readUInt32LE(4),
      backlog: rest.readUInt32LE(8),
      clocks: { monotonic: rest.readBigInt64LE(16), boottime: rest.readBigInt64LE(24) },
      full: rest.readUInt32LE(32) !== 0,
    },
  };
}
