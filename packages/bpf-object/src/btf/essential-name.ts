const UNDERSCORE = 0x5f;

/**
 * Length of a name without its flavour: `task_struct___v2` → 11. A flavour starts at the last `___` that has something other than
 * `_` on both sides (libbpf bpf_core_essential_name_len).
 */
export function essentialLength(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end - 5; at >= start; at--) {
    if (
      bytes[at + 1] === UNDERSCORE &&
      bytes[at + 2] === UNDERSCORE &&
      bytes[at + 3] === UNDERSCORE &&
      bytes[at] !== UNDERSCORE &&
      bytes[at + 4] !== UNDERSCORE
    ) {
      return at + 1 - start;
    }
  }
  return end - start;
}

/** A name without its flavour: `task_struct___v2` → `task_struct`. */
export function essentialName(name: string): string {
  for (let at = name.length - 5; at >= 0; at--) {
    if (name.startsWith('___', at + 1) && name[at] !== '_' && name[at + 4] !== '_') return name.slice(0, at + 1);
  }
  return name;
}
