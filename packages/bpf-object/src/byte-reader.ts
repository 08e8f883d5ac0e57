import { BpfObjectError, type BpfObjectErrorCode } from './errors.ts';

const UTF8 = new TextDecoder('utf-8');

/** Decodes bytes as UTF-8; invalid ones become U+FFFD. Names are nearly always short ASCII, which needs no decoder. */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.length > 64) return UTF8.decode(bytes);
  let text = '';
  for (const byte of bytes) {
    if (byte >= 0x80) return UTF8.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Multi-byte reads with bounds: every read outside the bytes is a typed error that names the section. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly #view: DataView;
  readonly #section: string;
  readonly #code: BpfObjectErrorCode;

  constructor(bytes: Uint8Array, littleEndian: boolean, section: string, code: BpfObjectErrorCode) {
    this.bytes = bytes;
    this.littleEndian = littleEndian;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#section = section;
    this.#code = code;
  }

  get length(): number {
    return this.bytes.length;
  }

  /** Fails unless `length` bytes at `offset` are there. */
  need(offset: number, length: number): void {
    if (offset < 0 || length < 0 || offset + length > this.bytes.length) {
      throw new BpfObjectError(this.#code, `${length} bytes are needed, ${this.bytes.length} are there in all`, {
        section: this.#section,
        offset,
        rule: 'every record lies inside its section',
      });
    }
  }

  u8(offset: number): number {
    this.need(offset, 1);
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    this.need(offset, 2);
    return this.#view.getUint16(offset, this.littleEndian);
  }

  i16(offset: number): number {
    this.need(offset, 2);
    return this.#view.getInt16(offset, this.littleEndian);
  }

  u32(offset: number): number {
    this.need(offset, 4);
    return this.#view.getUint32(offset, this.littleEndian);
  }

  i32(offset: number): number {
    this.need(offset, 4);
    return this.#view.getInt32(offset, this.littleEndian);
  }

  u64(offset: number): bigint {
    this.need(offset, 8);
    return this.#view.getBigUint64(offset, this.littleEndian);
  }

  /** A 64-bit size or offset. One beyond 2^53 cannot point into any real file, so it is an error. */
  size64(offset: number): number {
    const value = this.u64(offset);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new BpfObjectError(this.#code, `a size or offset of ${value} is out of range`, {
        section: this.#section,
        offset,
        rule: 'sizes and offsets lie inside the file',
      });
    }
    return Number(value);
  }

  /** A view, not a copy. */
  slice(offset: number, length: number): Uint8Array {
    this.need(offset, length);
    return this.bytes.subarray(offset, offset + length);
  }

  /** The NUL-terminated string at `offset`, of at most `maxLength` bytes. */
  text(offset: number, maxLength: number): string {
    this.need(offset, 1);
    const end = this.bytes.indexOf(0, offset);
    if (end < 0 || end - offset > maxLength) {
      throw new BpfObjectError(this.#code, `a string is not terminated within ${maxLength} bytes`, {
        section: this.#section,
        offset,
        rule: 'strings end with NUL',
      });
    }
    return decodeText(this.bytes.subarray(offset, end));
  }
}
