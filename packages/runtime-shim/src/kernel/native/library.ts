import { arch } from 'node:os';
import koffi, { type LibraryHandle } from 'koffi';
import { findLibbpf, type LibbpfOrigin } from './find-libbpf.ts';
import { bindNewer, type NewerFunctions } from './newer-functions.ts';
import { bindOwn, type OwnFunctions } from './own-functions.ts';

const MOUNT_CALL = 'long syscall(long number, intptr_t a, long b, long c, long d, long e)';
const PERF_EVENT_OPEN = 'long syscall(long number, _In_ void *attr, int pid, int cpu, int group, unsigned long flags)';
/** Numbers of perf_event_open by Node's architecture names (arch/…/syscall tables of the kernel). */
const PERF_EVENT_OPEN_NUMBER: Readonly<Record<string, number>> = { x64: 298, s390x: 331, ppc64: 319 };

/** A native pointer; 0n and null mean none. */
export type Pointer = bigint | null;

/** The functions of libbpf and libc that are used. Integer results below zero are `-errno`. */
export interface Native {
  readonly version: string;
  readonly path: string;
  readonly origin: LibbpfOrigin;
  /** Functions that older versions of libbpf lack, each where this one has it. */
  readonly newer: NewerFunctions;
  /** What only bpfship’s own build of libbpf has. */
  readonly own: OwnFunctions | undefined;
  errno(): number;
  syscall(number: number, command: number, attr: Buffer, size: number): number;
  perfEventOpen(attr: Buffer, pid: number, cpu: number, group: number, flags: number): number;
  /** fsopen(2) and its like. */
  mountCall(number: number, a: number | bigint, b: number, c: number, d: number, e: number): number;
  /** socket(2), send(2) and recv(2). */
  socket(domain: number, type: number, protocol: number): number;
  send(socket: number, bytes: Buffer, size: number, flags: number): number;
  receive(socket: number, bytes: Buffer, size: number, flags: number): number;
  close(fd: number): number;
  /** dup3(2). */
  duplicate(fd: number, onto: number, flags: number): number;
  setResourceLimit(resource: number, limits: Buffer): number;
  flock(fd: number, operation: number): number;
  /** Of the calling thread; sets of signals have 128 bytes. */
  signalMask(how: number, set: Buffer, old: Buffer): number;
  ifNameToIndex(name: string): number;
  /** `undefined` where there is no such interface. */
  ifIndexToName(index: number): string | undefined;
  objectOpenMem(bytes: Uint8Array, size: number, options: Buffer): Pointer;
  objectLoad(object: Pointer): number;
  objectClose(object: Pointer): void;
  nextProgram(object: Pointer, previous: Pointer): Pointer;
  programName(program: Pointer): string;
  programSection(program: Pointer): string;
  programFd(program: Pointer): number;
  programInstructions(program: Pointer): Pointer;
  programInstructionCount(program: Pointer): number;
  programType(program: Pointer): number;
  programSetType(program: Pointer, type: number): number;
  programSetAttachType(program: Pointer, type: number): number;
  programSetFlags(program: Pointer, flags: number): number;
  programSetAutoload(program: Pointer, load: boolean): number;
  programSetAttachTarget(program: Pointer, programFd: number, functionName: string): number;
  programAttach(program: Pointer): Pointer;
  programAttachCgroup(program: Pointer, cgroupFd: number): Pointer;
  programAttachPerfEvent(program: Pointer, eventFd: number): Pointer;
  nextMap(object: Pointer, previous: Pointer): Pointer;
  mapName(map: Pointer): string;
  mapFd(map: Pointer): number;
  mapReuseFd(map: Pointer, fd: number): number;
  mapType(map: Pointer): number;
  mapKeySize(map: Pointer): number;
  mapValueSize(map: Pointer): number;
  mapMaxEntries(map: Pointer): number;
  mapFlags(map: Pointer): number;
  /** @param size - 8 bytes that take its size. */
  mapInitialValue(map: Pointer, size: Buffer): Pointer;
  mapSetInitialValue(map: Pointer, bytes: Buffer, size: number): number;
  mapSetPinPath(map: Pointer, path: string | null): number;
  mapSetMaxEntries(map: Pointer, entries: number): number;
  mapSetValueSize(map: Pointer, size: number): number;
  linkFd(link: Pointer): number;
  linkDestroy(link: Pointer): number;
  linkDisconnect(link: Pointer): void;
  perfBufferNew(mapFd: number, pages: number, sample: null, lost: null, context: null, options: null): Pointer;
  ioctl(fd: number, request: number, value: number): number;
  setns(fd: number, type: number): number;
  bind(socket: number, address: Buffer, size: number): number;
  setSocketOption(socket: number, level: number, option: number, value: Buffer, size: number): number;
  programAttachUsdt(
    program: Pointer,
    pid: number,
    path: string,
    provider: string,
    name: string,
    options: null,
  ): Pointer;
  mapAttachStructOps(map: Pointer): Pointer;
  tcHookCreate(hook: Buffer): number;
  tcHookDestroy(hook: Buffer): number;
  tcAttach(hook: Buffer, options: Buffer): number;
  tcDetach(hook: Buffer, options: Buffer): number;
  tcQuery(hook: Buffer, options: Buffer): number;
  xdpAttach(interfaceIndex: number, program: number, flags: number, options: Buffer | null): number;
  xdpQueryId(interfaceIndex: number, flags: number, id: Buffer): number;
  perfBufferFree(buffer: Pointer): void;
}

/**
 * Opens libbpf and libc.
 *
 * @param path - of the libbpf to use. Default: bpfship’s own, else the system’s where it is new enough.
 * @throws {KernelError} `ERR_KERNEL_LIBBPF_MISSING`, `ERR_KERNEL_LIBBPF_TOO_OLD`.
 */
export function openNative(path: string | undefined): Native {
  const { library, path: name, version, origin } = findLibbpf(path);
  const libc = koffi.load('libc.so.6');
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as in bind()
  const fn = <T>(definition: string): T => bind<T>(library, definition);
  // libbpf would write to stderr; what it has to say reaches the caller through errors and the verifier's log.
  bind<(print: null) => void>(library, 'void *libbpf_set_print(void *fn)')(null);
  return {
    version,
    path: name,
    origin,
    newer: bindNewer(library),
    own: bindOwn(library),
    errno: () => koffi.errno(),
    syscall: bind(libc, 'long syscall(long number, int command, _Inout_ void *attr, unsigned int size)'),
    perfEventOpen: openPerfEvent(bind(libc, PERF_EVENT_OPEN)),
    mountCall: bind(libc, MOUNT_CALL),
    socket: bind(libc, 'int socket(int domain, int type, int protocol)'),
    send: bind(libc, 'long send(int fd, _In_ void *buffer, size_t size, int flags)'),
    receive: bind(libc, 'long recv(int fd, _Out_ void *buffer, size_t size, int flags)'),
    close: bind(libc, 'int close(int fd)'),
    duplicate: bind(libc, 'int dup3(int fd, int onto, int flags)'),
    setResourceLimit: bind(libc, 'int setrlimit(int resource, _In_ void *limits)'),
    flock: bind(libc, 'int flock(int fd, int operation)'),
    signalMask: bind(libc, 'int sigprocmask(int how, _In_ void *set, _Inout_ void *old)'),
    ifNameToIndex: bind(libc, 'unsigned int if_nametoindex(const char *name)'),
    ifIndexToName: bindIndexToName(bind(libc, 'const char *if_indextoname(unsigned int index, _Out_ void *name)')),
    objectOpenMem: fn('void *bpf_object__open_mem(const void *buf, size_t size, const void *opts)'),
    objectLoad: fn('int bpf_object__load(void *obj)'),
    objectClose: fn('void bpf_object__close(void *obj)'),
    nextProgram: fn('void *bpf_object__next_program(void *obj, void *prog)'),
    programName: fn('const char *bpf_program__name(void *prog)'),
    programSection: fn('const char *bpf_program__section_name(void *prog)'),
    programFd: fn('int bpf_program__fd(void *prog)'),
    programInstructions: fn('void *bpf_program__insns(void *prog)'),
    programInstructionCount: fn('size_t bpf_program__insn_cnt(void *prog)'),
    programType: fn('int bpf_program__type(void *prog)'),
    programSetType: fn('int bpf_program__set_type(void *prog, int type)'),
    programSetAttachType: fn('int bpf_program__set_expected_attach_type(void *prog, int type)'),
    programSetFlags: fn('int bpf_program__set_flags(void *prog, uint32_t flags)'),
    programSetAutoload: fn('int bpf_program__set_autoload(void *prog, bool autoload)'),
    programSetAttachTarget: fn('int bpf_program__set_attach_target(void *prog, int fd, const char *func)'),
    programAttach: fn('void *bpf_program__attach(void *prog)'),
    programAttachCgroup: fn('void *bpf_program__attach_cgroup(void *prog, int fd)'),
    programAttachPerfEvent: fn('void *bpf_program__attach_perf_event(void *prog, int pfd)'),
    nextMap: fn('void *bpf_object__next_map(void *obj, void *map)'),
    mapName: fn('const char *bpf_map__name(void *map)'),
    mapFd: fn('int bpf_map__fd(void *map)'),
    mapReuseFd: fn('int bpf_map__reuse_fd(void *map, int fd)'),
    mapType: fn('int bpf_map__type(void *map)'),
    mapKeySize: fn('uint32_t bpf_map__key_size(void *map)'),
    mapValueSize: fn('uint32_t bpf_map__value_size(void *map)'),
    mapMaxEntries: fn('uint32_t bpf_map__max_entries(void *map)'),
    mapFlags: fn('uint32_t bpf_map__map_flags(void *map)'),
    mapSetMaxEntries: fn('int bpf_map__set_max_entries(void *map, uint32_t max_entries)'),
    mapSetValueSize: fn('int bpf_map__set_value_size(void *map, uint32_t size)'),
    mapInitialValue: fn('void *bpf_map__initial_value(void *map, _Out_ void *psize)'),
    mapSetInitialValue: fn('int bpf_map__set_initial_value(void *map, _In_ void *data, size_t size)'),
    mapSetPinPath: fn('int bpf_map__set_pin_path(void *map, const char *path)'),
    ioctl: bind(libc, 'int ioctl(int fd, unsigned long request, long value)'),
    setns: bind(libc, 'int setns(int fd, int type)'),
    bind: bind(libc, 'int bind(int fd, _In_ void *address, unsigned int size)'),
    setSocketOption: bind(libc, 'int setsockopt(int fd, int level, int option, _In_ void *value, unsigned int size)'),
    programAttachUsdt: fn(
      'void *bpf_program__attach_usdt(void *prog, int pid, const char *path, const char *provider, const char *name, void *opts)',
    ),
    mapAttachStructOps: fn('void *bpf_map__attach_struct_ops(void *map)'),
    tcHookCreate: fn('int bpf_tc_hook_create(_Inout_ void *hook)'),
    tcHookDestroy: fn('int bpf_tc_hook_destroy(_Inout_ void *hook)'),
    tcAttach: fn('int bpf_tc_attach(_In_ void *hook, _Inout_ void *opts)'),
    tcDetach: fn('int bpf_tc_detach(_In_ void *hook, _In_ void *opts)'),
    tcQuery: fn('int bpf_tc_query(_In_ void *hook, _Inout_ void *opts)'),
    xdpAttach: fn('int bpf_xdp_attach(int ifindex, int prog, uint32_t flags, _In_ void *opts)'),
    xdpQueryId: fn('int bpf_xdp_query_id(int ifindex, int flags, _Out_ void *id)'),
    linkFd: fn('int bpf_link__fd(void *link)'),
    linkDestroy: fn('int bpf_link__destroy(void *link)'),
    linkDisconnect: fn('void bpf_link__disconnect(void *link)'),
    perfBufferNew: fn(
      'void *perf_buffer__new(int map_fd, size_t pages, void *sample, void *lost, void *ctx, const void *opts)',
    ),
    perfBufferFree: fn('void perf_buffer__free(void *pb)'),
  };
}

/** IF_NAMESIZE (net/if.h) */
const NAME_SIZE = 16;

function bindIndexToName(call: (index: number, name: Buffer) => string | null): Native['ifIndexToName'] {
  return (index) => call(index, Buffer.alloc(NAME_SIZE)) ?? undefined;
}

type PerfSyscall = (number: number, attr: Buffer, pid: number, cpu: number, group: number, flags: number) => number;

function openPerfEvent(syscall: PerfSyscall): Native['perfEventOpen'] {
  const number = PERF_EVENT_OPEN_NUMBER[arch()] ?? 241;
  return (attr, pid, cpu, group, flags) => syscall(number, attr, pid, cpu, group, flags);
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the C declaration is the type; Native says it in TypeScript
function bind<T>(library: LibraryHandle, declaration: string): T {
  return library.func(declaration) as unknown as T;
}
