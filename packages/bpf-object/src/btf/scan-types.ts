import { BpfObjectError } from '../errors.ts';

/** Bytes after the common 12 of a type: a fixed part and one part per element (`vlen`), by kind (linux/btf.h). */
const FIXED_BYTES = [0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0];
const ELEMENT_BYTES = [0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12];

/** Sizes of the records of each kind, from the BTF's own layout table; kinds that this package knows keep their own. */
export interface KindLayout {
  fixed: readonly number[];
  element: readonly number[];
}

/** The kinds that this package knows. */
export const KNOWN_LAYOUT: KindLayout = { fixed: FIXED_BYTES, element: ELEMENT_BYTES };

/** Where in the BTF's bytes the types and strings lie. */
export interface BtfSections {
  view: DataView;
  littleEndian: boolean;
  typesStart: number;
  typesEnd: number;
  /** One more than the highest valid string offset, with the base's strings counted in. */
  stringsLimit: number;
}

/** Finds where each type starts, in one pass: the only pass over all types. Offsets count from the start of the BTF. */
export function scanTypes(sections: BtfSections, layout: KindLayout): Uint32Array {
  const { view, littleEndian, typesStart, typesEnd, stringsLimit } = sections;
  const offsets = new Uint32Array(Math.floor((typesEnd - typesStart) / 12));
  let count = 0;
  let at = typesStart;
  while (at < typesEnd) {
    if (at + 12 > typesEnd) throw invalid('a type does not end inside the section', at - typesStart);
    const nameOffset = view.getUint32(at, littleEndian);
    const info = view.getUint32(at + 4, littleEndian);
    // Kind is bits 24..30, vlen bits 0..23; old producers leave the bits that were added as 0.
    const kind = (info >>> 24) & 0x7f;
    const fixed = layout.fixed[kind];
    if (fixed === undefined || kind === 0) throw invalid(`kind ${kind} is not known`, at - typesStart);
    if (nameOffset >= stringsLimit) throw invalid(`name offset ${nameOffset} is outside the strings`, at - typesStart);
    offsets[count++] = at;
    at += 12 + fixed + (info & 0xff_ffff) * (layout.element[kind] ?? 0);
  }
  if (at !== typesEnd) throw invalid('the last type does not end inside the section', typesEnd - typesStart);
  return offsets.slice(0, count);
}

function invalid(message: string, offset: number): BpfObjectError {
  return new BpfObjectError('ERR_BTF_INVALID', message, {
    section: 'the BTF types',
    offset,
    rule: 'Documentation/bpf/btf.rst, "Type Section"',
    hint: 'For a kernel: read /sys/kernel/btf/vmlinux again. For an object: compile it again with -g.',
  });
}
