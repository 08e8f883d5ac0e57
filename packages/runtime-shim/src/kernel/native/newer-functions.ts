import type { LibraryHandle } from 'koffi';
import type { Pointer } from './library.ts';

/** Declarations of src/libbpf.h, with the version that brought each (src/libbpf.map). Options are pointers to structures that begin with their size. */
const DECLARATIONS = {
  /** 1.3 */
  attachTcx: 'void *bpf_program__attach_tcx(void *prog, int ifindex, const void *opts)',
  /** 1.3 */
  attachNetkit: 'void *bpf_program__attach_netkit(void *prog, int ifindex, const void *opts)',
  /** 1.3 */
  attachNetfilter: 'void *bpf_program__attach_netfilter(void *prog, const void *opts)',
  /** 1.3 */
  attachUprobeMulti:
    'void *bpf_program__attach_uprobe_multi(void *prog, int pid, const char *path, const char *pattern, const void *opts)',
  /** 1.4 */
  attachRawTracepoint: 'void *bpf_program__attach_raw_tracepoint_opts(void *prog, const char *name, void *opts)',
  /** 1.5 */
  attachSockmap: 'void *bpf_program__attach_sockmap(void *prog, int map_fd)',
  /** 1.6 */
  attachCgroup: 'void *bpf_program__attach_cgroup_opts(void *prog, int cgroup_fd, const void *opts)',
  /** 1.2 */
  linkUpdateMap: 'int bpf_link__update_map(void *link, void *map)',
  /** 1.6 */
  objectPrepare: 'int bpf_object__prepare(void *obj)',
  /** 1.5 */
  objectTokenFd: 'int bpf_object__token_fd(void *obj)',
} as const;

interface NewerSignatures {
  attachTcx(program: Pointer, interfaceIndex: number, options: Buffer | null): Pointer;
  attachNetkit(program: Pointer, interfaceIndex: number, options: Buffer | null): Pointer;
  attachNetfilter(program: Pointer, options: Buffer): Pointer;
  attachUprobeMulti(
    program: Pointer,
    pid: number,
    path: string,
    pattern: string | null,
    options: Buffer | null,
  ): Pointer;
  attachRawTracepoint(program: Pointer, name: string, options: Buffer | null): Pointer;
  attachSockmap(program: Pointer, mapFd: number): Pointer;
  attachCgroup(program: Pointer, cgroupFd: number, options: Buffer | null): Pointer;
  linkUpdateMap(link: Pointer, map: Pointer): number;
  objectPrepare(object: Pointer): number;
  objectTokenFd(object: Pointer): number;
}

/** Functions of libbpf that came after 1.0; `undefined` where the library lacks one. They are looked up when they are asked for. */
export type NewerFunctions = { readonly [Name in keyof NewerSignatures]: NewerSignatures[Name] | undefined };

/** Binds each function at its first use. */
export function bindNewer(library: LibraryHandle): NewerFunctions {
  const bound: Partial<Record<keyof NewerSignatures, unknown>> = {};
  const functions = {};
  for (const [name, declaration] of Object.entries(DECLARATIONS) as [keyof NewerSignatures, string][]) {
    Object.defineProperty(functions, name, {
      enumerable: true,
      get: () => (name in bound ? bound[name] : (bound[name] = bindOptional(library, declaration))),
    });
  }
  return functions as NewerFunctions;
}

function bindOptional(library: LibraryHandle, declaration: string): unknown {
  try {
    return library.func(declaration);
  } catch {
    return undefined;
  }
}
