import { type Btf, createDecoder, readBpfObject, skipModifiers } from '@bpfship/bpf-object';

/** Decodes one entry of a map. */
export type EntryDecoder = (entry: { key: Uint8Array; value: Uint8Array }) => Record<string, unknown>;

/**
 * A decoder for the entries of a map by the BTF of its definition: `{ key, value }`, per-CPU values as a list with their sum where they
 * are numbers. Where BTF does not say, bytes are given as hex.
 */
export function entryDecoder(object: Uint8Array, mapName: string): EntryDecoder {
  const { btf, maps } = readBpfObject(object);
  const map = maps.find(({ name }) => name === mapName);
  const key = valueDecoder(btf, map?.keyType);
  const value = valueDecoder(btf, map?.valueType);
  const size = Math.ceil((map?.valueSize ?? 0) / 8) * 8;
  return (entry) => ({
    key: key(entry.key),
    value: map && /percpu/.test(map.type) && size > 0 ? perCpu(entry.value, size, value) : value(entry.value),
  });
}

function perCpu(bytes: Uint8Array, size: number, decode: (bytes: Uint8Array) => unknown): unknown {
  const values = Array.from({ length: Math.floor(bytes.length / size) }, (_, i) =>
    decode(bytes.subarray(i * size, (i + 1) * size)),
  );
  if (!values.every((value) => typeof value === 'number' || typeof value === 'bigint')) return values;
  const sum = values.reduce<bigint>((total, value) => total + BigInt(value), 0n);
  return { sum: sum <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(sum) : sum, cpus: values };
}

function valueDecoder(btf: Btf | undefined, id: number | undefined): (bytes: Uint8Array) => unknown {
  if (!btf || id === undefined) return hex;
  const type = skipModifiers(btf, id);
  if (type.kind === 'struct' || type.kind === 'union') return createDecoder(btf, id);
  if ((type.kind === 'int' || type.kind === 'enum') && [1, 2, 4, 8].includes(type.size)) {
    const signed = type.kind === 'int' && type.signed;
    return (bytes) => readInteger(bytes, type.size, signed, btf.littleEndian);
  }
  return hex;
}

function readInteger(bytes: Uint8Array, size: number, signed: boolean, littleEndian: boolean): number | bigint {
  let value = 0n;
  const ordered = littleEndian ? bytes.subarray(0, size).toReversed() : bytes.subarray(0, size);
  for (const byte of ordered) value = (value << 8n) | BigInt(byte);
  const result = signed ? BigInt.asIntN(size * 8, value) : value;
  return result >= BigInt(Number.MIN_SAFE_INTEGER) && result <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(result)
    : result;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
