import koffi from 'koffi';
import type { Native } from '../../kernel/native/library.ts';

/** libbpf's rings of a perf event array, one for each CPU that is there. */
export interface OpenedRings {
  fds: number[];
  /** First the page with the positions, then `size` bytes of data. */
  rings: { address: bigint; size: number }[];
  close(): void;
}

/** The part of libbpf that opens them. */
export interface PerfBuffers {
  /** Undefined where it failed; errno says why. */
  open(fd: number, pages: number): OpenedRings | undefined;
}

/** Binds libbpf's calls; `perf_buffer__buffer` is there since 1.0. */
export function bindPerfBuffers(native: Native): PerfBuffers {
  const library = koffi.load(native.path);
  const count = library.func('size_t perf_buffer__buffer_cnt(void *pb)') as unknown as (pb: bigint) => number | bigint;
  const fdOf = library.func('int perf_buffer__buffer_fd(void *pb, size_t index)') as unknown as (
    pb: bigint,
    index: number,
  ) => number;
  const bufferOf = library.func(
    'int perf_buffer__buffer(void *pb, int index, _Out_ void **buffer, _Out_ size_t *size)',
  ) as unknown as (pb: bigint, index: number, buffer: (bigint | null)[], size: (number | bigint | null)[]) => number;
  return {
    open(fd, pages) {
      const opened = native.perfBufferNew(fd, pages, null, null, null, null);
      if (!opened) return undefined;
      const indexes = Array.from({ length: Number(count(opened)) }, (_, index) => index);
      return {
        fds: indexes.map((index) => fdOf(opened, index)),
        rings: indexes.map((index) => {
          const address: (bigint | null)[] = [null];
          const size: (number | bigint | null)[] = [null];
          bufferOf(opened, index, address, size);
          return { address: address[0] ?? 0n, size: Number(size[0] ?? 0) };
        }),
        close: () => native.perfBufferFree(opened),
      };
    },
  };
}
