import { ByteReader } from '../byte-reader.ts';
import { BpfObjectError } from '../errors.ts';
import { EM_BPF, machineName } from './machine-names.ts';

const ELF_HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;

/** What of the ELF header the rest of the reader needs. */
export interface ElfHeader {
  reader: ByteReader;
  /** Offset of the section headers in bytes. */
  sectionTable: number;
  sectionCount: number;
  /** Index of the section that holds section names. */
  nameSection: number;
}

function checkIdentity(bytes: Uint8Array): boolean {
  const magic = [0x7f, 0x45, 0x4c, 0x46];
  if (bytes.length < magic.length || magic.some((byte, index) => bytes[index] !== byte)) {
    throw new BpfObjectError('ERR_ELF_NOT_ELF', 'this is not an ELF object: it does not start with 7f 45 4c 46', {
      offset: 0,
      rule: 'ELF gABI: e_ident[EI_MAG0..3]',
    });
  }
  if (bytes.length < ELF_HEADER_SIZE) {
    throw new BpfObjectError(
      'ERR_ELF_TRUNCATED',
      `an ELF header has ${ELF_HEADER_SIZE} bytes, ${bytes.length} are there`,
      { offset: 0, rule: 'ELF gABI: the file starts with a header' },
    );
  }
  if (bytes[4] !== 2) {
    throw new BpfObjectError('ERR_ELF_UNSUPPORTED', 'this is a 32-bit ELF object; BPF objects are always ELF64', {
      offset: 4,
      rule: 'libbpf bpf_object__elf_init takes ELFCLASS64 only',
    });
  }
  if (bytes[5] !== 1 && bytes[5] !== 2) {
    throw new BpfObjectError('ERR_ELF_INVALID', `byte order ${bytes[5]} is neither little (1) nor big (2)`, {
      offset: 5,
      rule: 'ELF gABI: e_ident[EI_DATA]',
    });
  }
  return bytes[5] === 1;
}

/** Checks the ELF header: 64-bit, relocatable, for BPF; otherwise says what it is instead. */
export function readElfHeader(bytes: Uint8Array): ElfHeader {
  const littleEndian = checkIdentity(bytes);
  const reader = new ByteReader(bytes, littleEndian, 'the ELF file', 'ERR_ELF_TRUNCATED');
  const type = reader.u16(16);
  const machine = reader.u16(18);
  // Old compilers wrote EM_NONE (0); libbpf takes it as BPF.
  if (machine !== EM_BPF && machine !== 0) {
    throw new BpfObjectError('ERR_ELF_NOT_BPF', `this is an ${machineName(machine)} ELF object, not BPF`, {
      offset: 18,
      rule: `e_machine is EM_BPF (${EM_BPF})`,
    });
  }
  if (type !== 1) {
    throw new BpfObjectError('ERR_ELF_UNSUPPORTED', `this ELF file is of type ${type}, not a relocatable object (1)`, {
      offset: 16,
      rule: 'libbpf takes ET_REL only',
    });
  }
  return { reader, ...locateSections(reader) };
}

function locateSections(reader: ByteReader): Omit<ElfHeader, 'reader'> {
  const sectionTable = reader.size64(40);
  const entrySize = reader.u16(58);
  let sectionCount = reader.u16(60);
  let nameSection = reader.u16(62);
  if (sectionTable === 0 || entrySize !== SECTION_HEADER_SIZE) {
    throw new BpfObjectError(
      'ERR_ELF_INVALID',
      `the object has no table of sections of ${SECTION_HEADER_SIZE} bytes each`,
      {
        offset: 40,
        rule: 'ELF gABI: e_shoff and e_shentsize',
      },
    );
  }
  // gABI: from 0xff00 sections on, the real numbers stand in section 0.
  if (sectionCount === 0) sectionCount = reader.size64(sectionTable + 32);
  if (nameSection === 0xffff) nameSection = reader.u32(sectionTable + 40);
  reader.need(sectionTable, sectionCount * SECTION_HEADER_SIZE);
  if (nameSection >= sectionCount) {
    throw new BpfObjectError('ERR_ELF_INVALID', `the section of names (${nameSection}) does not exist`, {
      offset: 62,
      rule: 'ELF gABI: e_shstrndx',
    });
  }
  return { sectionTable, sectionCount, nameSection };
}
