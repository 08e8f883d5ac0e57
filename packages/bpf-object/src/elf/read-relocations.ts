import { ByteReader } from '../byte-reader.ts';
import { BpfObjectError } from '../errors.ts';
import { SHT_REL, SHT_RELA, type ElfRelocation, type ElfSection, type ElfSymbol } from './elf-file.ts';

const REL_SIZE = 16;

/**
 * Reads all REL sections. Sections may overlap in a hostile file, so the number of records is bounded by the size of the file.
 * BPF uses REL only (LLVM BPFELFObjectWriter); RELA is refused as libbpf refuses it, except for debug data, which no loader reads.
 */
export function readRelocations(
  file: ByteReader,
  sections: readonly ElfSection[],
  symbols: readonly ElfSymbol[],
): Map<number, readonly ElfRelocation[]> {
  const bySection = new Map<number, readonly ElfRelocation[]>();
  let left = Math.ceil(file.length / REL_SIZE);
  for (const section of sections) {
    if (section.type === SHT_RELA) refuseRela(section, sections);
    if (section.type !== SHT_REL) continue;
    const target = sections[section.info];
    if (target === undefined || section.info === 0 || section.size % REL_SIZE !== 0) {
      throw new BpfObjectError(
        'ERR_ELF_INVALID',
        `relocation section changes section ${section.info}, which does not exist`,
        {
          section: section.name,
          offset: 0,
          rule: 'ELF gABI: sh_info names the section, records have 16 bytes',
        },
      );
    }
    if (section.entrySize !== REL_SIZE && !isUnread(section.name)) {
      throw new BpfObjectError('ERR_ELF_INVALID', `relocations of ${section.entrySize} bytes each`, {
        section: section.name,
        offset: 0,
        rule: `libbpf bpf_object__elf_collect: sh_entsize is ${REL_SIZE}`,
      });
    }
    left -= section.size / REL_SIZE;
    if (left < 0 || bySection.has(section.info)) {
      throw new BpfObjectError('ERR_ELF_INVALID', 'relocation sections overlap or repeat', {
        section: section.name,
        offset: 0,
        rule: 'one section of relocations for each section, none on top of another',
      });
    }
    bySection.set(section.info, readRecords(file.littleEndian, section, target, symbols));
  }
  return bySection;
}

/** Relocations of debug data, which no loader looks at (libbpf ignore_elf_section). */
function isUnread(name: string): boolean {
  return name.startsWith('.rel.debug_') || name === '.rel.BTF' || name === '.rel.BTF.ext';
}

function refuseRela(section: ElfSection, sections: readonly ElfSection[]): void {
  const target = sections[section.info]?.name ?? '';
  if (target.startsWith('.debug')) return;
  throw new BpfObjectError('ERR_ELF_INVALID', 'relocations of the RELA form are not used in BPF objects', {
    section: section.name,
    offset: 0,
    rule: 'libbpf reads SHT_REL only',
  });
}

function readRecords(
  littleEndian: boolean,
  section: ElfSection,
  target: ElfSection,
  symbols: readonly ElfSymbol[],
): ElfRelocation[] {
  const reader = new ByteReader(section.data, littleEndian, section.name, 'ERR_ELF_TRUNCATED');
  const records: ElfRelocation[] = [];
  for (let at = 0; at < section.size; at += REL_SIZE) {
    const offset = reader.size64(at);
    const info = reader.u64(at + 8);
    const symbol = symbols[Number(info >> 32n)];
    if (symbol === undefined || offset >= target.size) {
      throw new BpfObjectError('ERR_ELF_INVALID', 'a relocation names a symbol or place that does not exist', {
        section: section.name,
        offset: at,
        rule: 'ELF gABI: r_offset lies in the section, r_info names a symbol',
      });
    }
    records.push({ offset, type: Number(info & 0xffff_ffffn), symbol });
  }
  return records.sort((a, b) => a.offset - b.offset);
}
