import { CODE_CALL } from '../object/instruction.ts';
import type { Site } from './exploration.ts';
import type { ProgramImage } from './program-image.ts';

/** A site with a key that is equal for equal sites. */
export interface KeyedSite {
  key: string;
  site: Site;
}

/** Function of the object → instruction → sites. */
export type SitesByPlace = ReadonlyMap<number, ReadonlyMap<number, readonly Site[]>>;

/** Equal for equal sites. */
export function keyOfSite(site: Site): string {
  return Object.values(site).join(' ');
}

const NONE: readonly KeyedSite[] = [];

/** What counts where a verifier comes to it, by place; functions are looked through at first use. */
export class ProgramSites {
  readonly #image: ProgramImage;
  readonly #further: SitesByPlace | undefined;
  readonly #functions: Map<number, ReadonlyMap<number, readonly KeyedSite[]>> = new Map();

  /** `further`: sites that instructions themselves do not show. */
  constructor(image: ProgramImage, further: SitesByPlace | undefined) {
    this.#image = image;
    this.#further = further;
  }

  /** Sites at an instruction. */
  at(index: number, at: number): readonly KeyedSite[] {
    return this.of(index).get(at) ?? NONE;
  }

  /** All sites of a function, by instruction. */
  of(index: number): ReadonlyMap<number, readonly KeyedSite[]> {
    let found = this.#functions.get(index);
    if (found === undefined) this.#functions.set(index, (found = this.#find(index)));
    return found;
  }

  #find(index: number): ReadonlyMap<number, readonly KeyedSite[]> {
    const found = new Map<number, KeyedSite[]>();
    const add = (at: number, site: Site): void => {
      const key = keyOfSite(site);
      const known = found.get(at);
      if (known) known.push({ key, site });
      else found.set(at, [{ key, site }]);
    };
    for (const [at, sites] of this.#further?.get(index) ?? []) {
      for (const site of sites) add(at, site);
    }
    const image = this.#image.function(index);
    if (image === undefined) return found;
    for (const [at, record] of image.relocations) add(at, { kind: 'relocation', function: index, record });
    for (const [at, { code, source, immediate }] of image.entry.instructions.entries()) {
      if (code !== CODE_CALL) continue;
      const reference = image.entry.references.get(at);
      if (reference?.kind === 'kfunc') add(at, { kind: 'kfunc', name: reference.name });
      else if (reference === undefined && source === 0) add(at, { kind: 'helper', number: immediate });
    }
    return found;
  }
}
