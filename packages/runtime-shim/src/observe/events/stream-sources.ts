import { existsSync } from 'node:fs';
import { type Btf, createDecoder, FIELD_FORMATS, type FieldFormat, readBpfObject } from '@bpfship/bpf-object';
import type { BtfIndex, EventStream, Variant } from '@bpfship/media-types';
import type { ServicePins } from '../../node/pins.ts';
import { ShimError } from '../../shim-error.ts';
import type { StreamSource } from './local-feed.ts';

/** Whose events. */
export interface InstalledVariant {
  pins: ServicePins;
  index: BtfIndex;
  variant: Variant;
  /** Its BTF tells what the events are. */
  object: Uint8Array;
}

/**
 * The declared streams that a variant has, each with its decoder.
 *
 * @throws {ShimError} `ERR_SHIM_NO_EVENTS`, `ERR_SHIM_PINS_MISSING`; {BpfObjectError} where a stream's type is not in the object's BTF.
 */
export function streamSources(installed: InstalledVariant): StreamSource[] {
  const { index, pins, object } = installed;
  const streams = streamsOf(installed);
  const { btf } = readBpfObject(object);
  if (!btf) {
    throw new ShimError('ERR_SHIM_NO_EVENTS', `the object of ${index.name} has no BTF to decode its events by`, {
      hint: 'Ask the author to build it with "bpfship build".',
    });
  }
  return streams.map((stream) => sourceOf(stream, btf, pins));
}

function sourceOf({ map, type, description, fields = [] }: EventStream, btf: Btf, pins: ServicePins): StreamSource {
  return {
    name: map,
    type,
    ...(description === undefined ? {} : { description }),
    pin: pins.map(map),
    decoder: createDecoder(btf, type, { formats: formatsOf(fields) }),
  };
}

/** Formats of later versions are passed over. */
function formatsOf(fields: NonNullable<EventStream['fields']>): Record<string, FieldFormat> {
  const known = fields.flatMap(({ name, format }) => {
    const found = FIELD_FORMATS.find((each) => each === format);
    return found === undefined ? [] : [[name, found] as const];
  });
  return Object.fromEntries(known);
}

function streamsOf({ index, variant, pins }: InstalledVariant): EventStream[] {
  const { name, version } = index;
  const streams = (index.events ?? []).filter(({ map }) => variant.maps.some((candidate) => candidate.name === map));
  if (streams.length === 0) {
    throw new ShimError('ERR_SHIM_NO_EVENTS', `${name} ${version}, variant ${variant.name}, declares no events`, {
      hint: `"bpfship status ${name} --maps" shows its maps.`,
    });
  }
  const missing = streams.find(({ map }) => !existsSync(pins.map(map)));
  if (missing) throw pinMissing(name, missing.map);
  return streams;
}

/** The error of a map whose pin somebody removed, or that a new start of the machine took away. */
export function pinMissing(service: string, map: string): ShimError {
  return new ShimError('ERR_SHIM_PINS_MISSING', `the pin of map "${map}" of ${service} is gone`, {
    hint: `After a restart, or where somebody removed it: "bpfship upgrade ${service} REFERENCE" to the same version loads it again.`,
  });
}
