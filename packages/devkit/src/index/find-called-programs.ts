import type { BpfObject } from '@bpfship/bpf-object';

/**
 * Programs that are there to be called by others (spec/btf-index.md, "Program"): the object puts them into a program array which a program of
 * the same type uses that is in no such array itself. Where all are in arrays, nobody can say which of them comes first.
 */
export function findCalledPrograms({ maps, programs }: Pick<BpfObject, 'maps' | 'programs'>): Set<string> {
  const arrays = maps.filter(({ type, contents = [] }) => type === 'prog_array' && contents.length > 0);
  const inArrays = new Set(arrays.flatMap(({ contents = [] }) => contents.map(({ name }) => name)));
  const called = new Set<string>();
  for (const { name: array, contents = [] } of arrays) {
    const types = new Set(
      programs.flatMap((program) =>
        program.maps.includes(array) && !inArrays.has(program.name) ? [program.attachment.type] : [],
      ),
    );
    for (const { name } of contents) {
      const program = programs.find((candidate) => candidate.name === name);
      if (program && types.has(program.attachment.type)) called.add(name);
    }
  }
  return called;
}
