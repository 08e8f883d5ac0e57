/** Stable codes of {@link KernelError}. */
export type KernelErrorCode =
  | 'ERR_KERNEL_LIBBPF_MISSING'
  | 'ERR_KERNEL_LIBBPF_TOO_OLD'
  | 'ERR_KERNEL_PRIVILEGE'
  | 'ERR_KERNEL_OBJECT_INVALID'
  | 'ERR_KERNEL_LOAD_REJECTED'
  | 'ERR_KERNEL_MAP_INCOMPATIBLE'
  | 'ERR_KERNEL_MAP_FULL'
  | 'ERR_KERNEL_NOT_FOUND'
  | 'ERR_KERNEL_ATTACH'
  | 'ERR_KERNEL_LINK_UPDATE_UNSUPPORTED'
  | 'ERR_KERNEL_LINK_DEAD'
  | 'ERR_KERNEL_SLOT'
  | 'ERR_KERNEL_PIN'
  | 'ERR_KERNEL_CALL'
  | 'ERR_KERNEL_WORKER';

/** What a {@link KernelError} knows besides its message; plain data, so that it passes from the worker to the caller. */
export interface KernelErrorDetails {
  /** Name of the errno, e.g. `EPERM`. */
  errno?: string;
  /** The verifier's log, as far as it was kept. */
  log?: string;
  /** The last words of the log, for people. */
  details?: string;
  /** The next step. */
  hint?: string;
}

/** The kernel, or libbpf, did not do what it was asked for. */
export class KernelError extends Error {
  override readonly name: string = 'KernelError';
  readonly code: KernelErrorCode;
  readonly errno: string | undefined;
  readonly log: string | undefined;
  readonly details: string | undefined;
  readonly hint: string;

  constructor(code: KernelErrorCode, message: string, details: KernelErrorDetails = {}) {
    super(message);
    this.code = code;
    this.errno = details.errno;
    this.log = details.log;
    this.details = details.details;
    this.hint = details.hint ?? HINTS[code] ?? '';
  }
}

const HINTS: Partial<Record<KernelErrorCode, string>> = {
  ERR_KERNEL_PRIVILEGE:
    'Run it as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; "bpfship info" shows what this process may do.',
  ERR_KERNEL_LOAD_REJECTED:
    'The lines above are the verifier’s; "bpfship check" shows what the variant needs. Report it to the author of the service.',
  ERR_KERNEL_MAP_INCOMPATIBLE:
    'Its contents cannot be carried over: uninstall the service first, or keep the map’s definition.',
  ERR_KERNEL_MAP_FULL: 'Ask the author of the service for a version whose map has more entries.',
  ERR_KERNEL_PIN: 'Check that a BPF file system is mounted there: mount -t bpf bpf /sys/fs/bpf',
};
