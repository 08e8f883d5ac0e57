import { mkdirSync, rmSync } from 'node:fs';
import type { Kernel } from '../../kernel/kernel.ts';
import type { ServicePins } from '../pins.ts';
import { withBtfFile } from '../with-btf-file.ts';

/** What a generation was loaded from. */
export interface LoadedFrom {
  /** Name of the variant. */
  variant: string;
  /** Names of its maps, but for those of global variables. */
  maps: string[];
  object: Uint8Array;
  supplement: Uint8Array | undefined;
}

/** A program of a generation, at one of its hooks. */
interface Original {
  pins: ServicePins;
  /** Of the generation. */
  id: number;
  name: string;
  key: string;
  loadedFrom: LoadedFrom;
}

/**
 * Loads a program a second time, in the form in which it can share an interface, with the maps and global variables of the one that runs.
 *
 * @returns its pin.
 */
export async function loadTwin(kernel: Kernel, { pins, id, name, key, loadedFrom }: Original): Promise<string> {
  const { variant, maps, object, supplement } = loadedFrom;
  const reuse: [string, string][] = [];
  for (const map of maps) if (await kernel.inspectPin(pins.map(map))) reuse.push([map, pins.map(map)]);
  const loaded = await withBtfFile(supplement, (file) =>
    kernel.load({
      name: variant,
      bytes: object,
      reuseMaps: Object.fromEntries(reuse),
      components: [name],
      twin: { program: name, pin: pins.program(id, name) },
      ...(file === undefined ? {} : { customBtfPath: file }),
    }),
  );
  const pin = pins.component(id, key);
  try {
    mkdirSync(pins.components(id), { recursive: true, mode: 0o700 });
    rmSync(pin, { force: true });
    await kernel.pinObject(loaded.id, { maps: {}, programs: { [name]: pin } });
    return pin;
  } finally {
    await kernel.close(loaded.id);
  }
}
