import { type BpfMap, type BpfObject, BpfObjectError, deriveRequirements, readBpfObject } from '@bpfship/bpf-object';
import type { EventStream, ServiceMetric, Variant, VariantMap } from '@bpfship/media-types';
import type { BuiltObject } from '../build/built-project.ts';
import { DevkitError } from '../devkit-error.ts';
import { objectPath } from '../pack/layers.ts';
import { checkEvents, checkMetrics } from './check-observation.ts';
import { describeProgram } from './describe-program.ts';
import { findCalledPrograms } from './find-called-programs.ts';
import { mapSchema } from './map-schema.ts';

/** What the author declares of the objects. */
export interface Declared {
  events: readonly EventStream[];
  metrics: readonly ServiceMetric[];
  /** Load parameters. */
  parameters: readonly { name: string }[];
}

/**
 * A variant as the BTF index describes it, from its object.
 *
 * @throws {DevkitError} `ERR_OBJECT_INVALID`.
 */
export function describeVariant(built: BuiltObject, layer: string, declared: Declared): Variant {
  try {
    const object = readBpfObject(built.bytes);
    checkObject(object, built, declared);
    const called = findCalledPrograms(object);
    const programs = object.programs
      .filter(({ autoload }) => autoload)
      .map((program) => describeProgram(program, called.has(program.name)));
    if (programs.length === 0) throw invalid(built, 'holds no program', 'Give a function a section: SEC("xdp")');
    const { requirements, types, guards } = deriveRequirements(object, {
      parameters: declared.parameters.map(({ name }) => name),
    });
    const needsTypes = requirements.some(({ kind }) => kind === 'core-relocation');
    return {
      name: built.variant,
      layer,
      platform: {
        byteOrder: built.byteOrder,
        ...(built.architecture === undefined ? {} : { architecture: built.architecture }),
      },
      object: { path: objectPath(built), digest: built.digest, size: built.bytes.length },
      license: object.license,
      programs,
      maps: object.maps.map((map) => describeMap(object, map)),
      ...(needsTypes ? { types: Buffer.from(types).toString('base64') } : {}),
      requirements,
      ...(guards.length > 0 ? { guards } : {}),
    };
  } catch (cause) {
    if (!(cause instanceof BpfObjectError)) throw cause;
    throw invalid(built, `is no usable BPF object: ${cause.message}`, cause.hint, cause);
  }
}

function describeMap({ btf }: BpfObject, map: BpfMap): VariantMap {
  const { name, type, keySize, valueSize, maxEntries, flags } = map;
  const schema = btf === undefined ? undefined : mapSchema(btf, map);
  return {
    name,
    type,
    keySize,
    valueSize,
    maxEntries,
    flags,
    ...(map.inner === undefined ? {} : { inner: map.inner.type }),
    ...(schema === undefined ? {} : { schema }),
  };
}

/** What the project file says must be in the object. */
function checkObject(object: BpfObject, built: BuiltObject, { events, metrics }: Declared): void {
  if (object.littleEndian !== (built.byteOrder === 'little')) {
    throw invalid(built, `is not ${built.byteOrder}-endian`, 'Build the project again.');
  }
  const complaint = checkEvents(object, events) ?? checkMetrics(object, metrics);
  if (complaint) throw invalid(built, complaint.what, complaint.hint);
}

function invalid({ path, variant }: BuiltObject, what: string, hint: string, cause?: unknown): DevkitError {
  return new DevkitError('ERR_OBJECT_INVALID', `the object ${path} of variant "${variant}" ${what}`, {
    file: path,
    hint,
    cause,
  });
}
