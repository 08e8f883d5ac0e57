import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type {
  AttachedLink,
  AttachOptions,
  Kernel,
  LoadedObject,
  LoadOptions,
  PinnedInfo,
} from '../../src/kernel/kernel.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { compileObject } from './compile-object.ts';
import { createSandbox } from './sandbox.ts';

/** C of a program that counts its runs in the map `hits`. */
export function hitCounter(
  section: string,
  options: { context?: string; result?: number; before?: string } = {},
): string {
  const { context = 'void', result = 0, before = '' } = options;
  return `
${before}
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } hits SEC(".maps");
SEC("${section}") int hit(${context} *ctx)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&hits, &zero);
	if (number)
		__sync_fetch_and_add(number, 1);
	return ${result};
}
`;
}

/** A hit counter that is loaded, with its map and its program pinned, in a sandbox of the running test. */
export interface LoadedCounter {
  readonly bpffs: string;
  readonly object: LoadedObject;
  readonly linkPin: string;
  attach(options?: Omit<AttachOptions, 'linkPin'>): Promise<AttachedLink>;
  inspect(): Promise<PinnedInfo | undefined>;
  hits(): Promise<bigint>;
  /** Runs since the last look. */
  hitsBy(action: () => unknown): Promise<bigint>;
  detach(): Promise<void>;
}

/** Loads C with a program `hit` and a map `hits`. */
export async function loadCounter(
  kernel: Kernel,
  source: string,
  targets?: LoadOptions['targets'],
): Promise<LoadedCounter> {
  const { bpffs } = createSandbox();
  const pin = join(bpffs, 'hits');
  const linkPin = join(bpffs, 'link');
  // What its pins alone do not hold would stay where a test fails.
  onTestFinished(async () => {
    if (!existsSync(linkPin)) return;
    await using cleaner = openKernel();
    await cleaner.removeLink(linkPin);
  });
  const bytes = compileObject(source);
  const object = await kernel.load({ name: 'hits', bytes, ...(targets === undefined ? {} : { targets }) });
  await kernel.pinObject(object.id, { maps: { hits: pin }, programs: {} });
  const hits = async (): Promise<bigint> => {
    const [entry] = await kernel.dumpMap(pin, 1);
    return Buffer.from(entry?.value ?? []).readBigUInt64LE(0);
  };
  return {
    bpffs,
    object,
    linkPin,
    hits,
    attach: (options = {}) => kernel.attach(object.id, 'hit', { ...options, linkPin }),
    inspect: () => kernel.inspectPin(linkPin),
    async hitsBy(action) {
      const before = await hits();
      await action();
      return (await hits()) - before;
    },
    detach: () => kernel.removeLink(linkPin),
  };
}
