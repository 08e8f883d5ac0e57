import { readFileSync } from 'node:fs';
import { collectGarbage } from '../kernel/collect-garbage.ts';
import type { System } from './system.ts';

/**
 * Gives memory back that an idle daemon does not use: garbage, free memory of the C library, and pages of programs and libraries that
 * were read at the start and that the kernel has in its page cache. What is needed again comes back page by page.
 */
export function trimMemory(system: System): void {
  collectGarbage();
  system.trimHeap();
  for (const { from, size } of cleanFilePages()) system.forgetPages(from, size);
}

/** Mappings of files that cannot be written and of which nothing was changed: only these are the same when they are read again. */
function cleanFilePages(): { from: bigint; size: bigint }[] {
  const found: { from: bigint; size: bigint }[] = [];
  let current: { from: bigint; size: bigint; isClean: boolean } | undefined;
  const take = (): void => {
    if (current?.isClean) found.push(current);
  };
  for (const line of readFileSync('/proc/self/smaps', 'latin1').split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)$/.exec(line);
    if (head) {
      take();
      const [, from = '0', to = '0', mode = '', inode = '0', path = ''] = head;
      const begin = BigInt(`0x${from}`);
      const isFile = inode !== '0' && path.startsWith('/') && !path.endsWith('(deleted)') && /^r-[x-]p$/.test(mode);
      current = { from: begin, size: BigInt(`0x${to}`) - begin, isClean: isFile };
    } else if (current && /^(?:Private_Dirty|Anonymous|Locked): +[1-9]/.test(line)) current.isClean = false;
  }
  take();
  return found;
}
