import { readdirSync, readlinkSync } from 'node:fs';

/** What this process holds of programs, maps, links, event buffers and locks, sorted. */
export function kernelDescriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((name) => {
      try {
        return [readlinkSync(`/proc/self/fd/${name}`)];
      } catch {
        // The descriptor of the listing itself.
        return [];
      }
    })
    .filter((target) => /^anon_inode:\[?(?:bpf|btf|perf_event)|\/lock$/.test(target))
    .sort();
}
