/** Stable codes of {@link BpfObjectError}. */
export type BpfObjectErrorCode =
  | 'ERR_ELF_NOT_ELF'
  | 'ERR_ELF_NOT_BPF'
  | 'ERR_ELF_UNSUPPORTED'
  | 'ERR_ELF_TRUNCATED'
  | 'ERR_ELF_INVALID'
  | 'ERR_BTF_MISSING'
  | 'ERR_BTF_INVALID'
  | 'ERR_BTF_EXT_INVALID'
  | 'ERR_BTF_TYPE_NOT_FOUND'
  | 'ERR_PROGRAM_INVALID'
  | 'ERR_PROGRAM_TYPE_UNKNOWN'
  | 'ERR_MAP_INVALID'
  | 'ERR_MAPS_LEGACY'
  | 'ERR_EXTERN_INVALID'
  | 'ERR_RELOCATION_INVALID'
  | 'ERR_CORE_RELOCATION_INVALID'
  | 'ERR_TYPE_NOT_DECODABLE'
  | 'ERR_EVENT_TOO_SHORT';

/** Where and why, as far as it is known. */
export interface BpfObjectErrorDetails {
  /** ELF section or BTF part, e.g. `.BTF` or `symbol table`. Default: the ELF file, for errors about it. */
  section?: string;
  /** Byte offset, counted from the start of `section`. */
  offset?: number;
  /** The broken rule and its source, e.g. `ELF gABI: sections lie inside the file`. */
  rule?: string;
  /** The next step. */
  hint?: string;
  cause?: unknown;
}

const COMPILE_HINT = 'Compile it again: clang -O2 -g -target bpf -c prog.bpf.c -o prog.bpf.o';

/** An ELF, BTF or event that does not keep the rules, or a program that no loader would take. */
export class BpfObjectError extends Error {
  override readonly name: string = 'BpfObjectError';
  readonly code: BpfObjectErrorCode;
  readonly section: string | undefined;
  readonly offset: number | undefined;
  readonly rule: string | undefined;
  readonly hint: string;

  constructor(code: BpfObjectErrorCode, message: string, details: BpfObjectErrorDetails = {}) {
    const section = details.section ?? (code.startsWith('ERR_ELF_') ? 'the ELF file' : undefined);
    const where =
      (section === undefined ? '' : ` in ${section}`) +
      (details.offset === undefined ? '' : ` at byte ${details.offset}`);
    super(`${message}${where}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.section = section;
    this.offset = details.offset;
    this.rule = details.rule;
    this.hint = details.hint ?? COMPILE_HINT;
  }
}
