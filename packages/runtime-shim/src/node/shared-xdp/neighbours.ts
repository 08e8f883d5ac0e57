import type { Kernel } from '../../kernel/kernel.ts';
import type { RecordedProgram } from '../activation.ts';
import type { BringUpContext } from '../bring-up.ts';
import { type ServicePins, servicePins } from '../pins.ts';
import { linkPinOf } from '../stubs/stub-pins.ts';
import { currentGeneration, type Generation } from '../state-schema.ts';
import { readStoredObject, readStoredPackage, readStoredSupplement } from '../stored-package.ts';

/** Another service of this node, as it runs. */
export interface Neighbour {
  service: string;
  pins: ServicePins;
  generation: Generation;
  /** What its generation was loaded from. @throws {ShimError} `ERR_SHIM_STATE_CORRUPT`. */
  read(): Promise<{ variant: string; maps: string[]; object: Uint8Array; supplement: Uint8Array | undefined }>;
}

/** The other services. One whose state is damaged is left out: its own commands say so. */
export async function neighboursOf({ states, store, folders, pins: own }: BringUpContext): Promise<Neighbour[]> {
  const found: Neighbour[] = [];
  for (const name of await states.names()) {
    const pins = servicePins(folders.bpffsDir, name);
    if (pins.root === own.root) continue;
    const state = await states.read(name).catch(() => undefined);
    if (!state) continue;
    const generation = currentGeneration(state);
    found.push({
      service: name,
      pins,
      generation,
      async read() {
        const { manifest, variant } = await readStoredPackage(store, generation);
        return {
          variant: variant.name,
          maps: variant.maps.map((map) => map.name).filter((map) => !map.startsWith('.')),
          object: await readStoredObject(store, manifest, variant),
          supplement: await readStoredSupplement(store, generation),
        };
      },
    });
  }
  return found;
}

/** Which program of which service a link belongs to. */
export async function ownerOfLink(
  kernel: Kernel,
  neighbours: readonly Neighbour[],
  linkId: number,
): Promise<{ neighbour: Neighbour; program: RecordedProgram } | undefined> {
  for (const neighbour of neighbours) {
    const { pins, generation } = neighbour;
    for (const program of generation.programs) {
      const link = await kernel.inspectPin(linkPinOf(pins, generation.id, program));
      if (link?.kind === 'link' && link.id === linkId) return { neighbour, program };
    }
  }
  return undefined;
}
