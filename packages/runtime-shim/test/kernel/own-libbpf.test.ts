import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { Bpf } from '../../src/kernel/native/bpf.ts';
import { type EventRecord, EventSet, readRecords } from '../../src/kernel/native/event-set.ts';
import { findLibbpf, holderProgram } from '../../src/kernel/native/find-libbpf.ts';
import { openNative } from '../../src/kernel/native/library.ts';
import { MessageLog } from '../../src/kernel/native/message-log.ts';
import type { OwnFunctions } from '../../src/kernel/native/own-functions.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { compileObject } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';

const native = openNative(undefined);
const own = native.own as OwnFunctions;

describe('bpfship’s own libbpf', () => {
  it('comes before the system’s, and is new', () => {
    const { origin, version } = findLibbpf(undefined);
    expect(origin).toBe('own');
    expect(Number(version.split('.')[1])).toBeGreaterThanOrEqual(5);
    expect(native.newer.attachTcx).toBeTypeOf('function');
    expect(native.own).toBeDefined();
  });

  it('collects what libbpf says', () => {
    using log = new MessageLog(own);
    expect(log.take()).toEqual([]);
    expect(native.objectOpenMem(Buffer.from('no object at all'), 16, Buffer.alloc(0))).toBeNull();
    expect(log.take().join('\n')).toMatch(/elf|ELF/);
    expect(log.take()).toEqual([]);
  });
});

describe.skipIf(!IS_ROOT)('an error that is only a number', () => {
  it('is explained by what libbpf says', async () => {
    await using kernel = openKernel();
    const source = `
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); __uint(map_flags, BPF_F_NO_PREALLOC); } odd SEC(".maps");
SEC("raw_tp/sys_enter") int count(void *ctx) { return bpf_map_lookup_elem(&odd, ctx) != 0; }`;
    await expect(kernel.load({ name: 'test', bytes: compileObject(source) })).rejects.toMatchObject({
      code: 'ERR_KERNEL_LOAD_REJECTED',
      errno: 'EINVAL',
      details: expect.stringMatching(/libbpf: map 'odd': failed to create: -EINVAL/) as string,
    });
  });
});

/** Sends `burst` events of `size` bytes through `events` at each getppid of a process, and counts them in `sent`. */
function burster(buffer: 'ringbuf' | 'perf', burst: number, size: number): string {
  const map =
    buffer === 'ringbuf'
      ? '__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 262144);'
      : '__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4);';
  const send =
    buffer === 'ringbuf'
      ? 'bpf_ringbuf_output(&events, event, SIZE, 0)'
      : 'bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, SIZE)';
  return `
#define SIZE ${size}
struct sent { __u64 all, failed; };
struct { ${map} } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct sent); } sent SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, char[SIZE]); } scratch SEC(".maps");
SEC("raw_tp/sys_enter") int count(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 zero = 0;
	struct sent *total = bpf_map_lookup_elem(&sent, &zero);
	__u64 *event = bpf_map_lookup_elem(&scratch, &zero);
	if (!total || !event || ctx->args[1] != 444777)
		return 0;
	for (int i = 0; i < ${burst}; i++) {
		event[0] = total->all++;
		if (${send} < 0)
			total->failed++;
	}
	return 0;
}`;
}

interface Burster {
  bpf: Bpf;
  fd: number;
  burst: () => void;
  /** Events written, and how many of them the program could not write. */
  sent: () => Promise<{ all: number; failed: number }>;
}

async function prepare(kernel: Kernel, source: string): Promise<Burster> {
  const { bpffs } = createSandbox();
  const { id } = await kernel.load({ name: 'test', bytes: compileObject(source) });
  const pins = { events: join(bpffs, 'events'), sent: join(bpffs, 'sent') };
  await kernel.pinObject(id, { maps: pins, programs: {} });
  await kernel.attach(id, 'count', { linkPin: join(bpffs, 'link') });
  const bpf = new Bpf(native);
  const fd = bpf.open(pins.events);
  onTestFinished(() => void native.close(fd));
  return {
    bpf,
    fd,
    // A system call with a number that no architecture has.
    burst: () => void native.syscall(444_777, 0, Buffer.alloc(8), 0),
    async sent() {
      const [entry] = await kernel.dumpMap(pins.sent, 1);
      const value = Buffer.from(entry?.value ?? []);
      return { all: Number(value.readBigUInt64LE(0)), failed: Number(value.readBigUInt64LE(8)) };
    },
  };
}

function numberOf({ data }: EventRecord): number {
  return Number(Buffer.from(data).readBigUInt64LE(0));
}

describe.skipIf(!IS_ROOT).each(['ringbuf', 'perf'] as const)('a set with a %s', (buffer) => {
  it('gives every event once and in order, or says how many are lost', async () => {
    await using kernel = openKernel();
    const { fd, burst, sent } = await prepare(kernel, burster(buffer, 100, 64));
    using set = new EventSet(own);
    set.add(7, fd);
    const numbers: number[] = [];
    let lost = 0;
    for (let i = 0; i < 200; i++) {
      burst();
      if (i % 3 === 0) continue;
      const block = set.take();
      const records = [...readRecords(block)];
      expect(records).toHaveLength(block.count);
      expect(records.every(({ source }) => source === 7)).toBe(true);
      lost += block.lost;
      numbers.push(...records.filter((record) => record.lost === 0).map(numberOf));
    }
    const rest = set.take();
    numbers.push(...[...readRecords(rest)].filter((record) => record.lost === 0).map(numberOf));
    const { all, failed } = await sent();
    expect(all).toBe(20_000);
    expect(numbers.length + failed).toBe(all);
    // The kernel tells of losses with the next event that it can write.
    expect(lost + rest.lost).toBeLessThanOrEqual(failed);
    if (buffer === 'ringbuf') expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it('waits until something comes, or somebody wakes it', async () => {
    await using kernel = openKernel();
    const { fd, burst } = await prepare(kernel, burster(buffer, 3, 64));
    const set = new EventSet(own);
    set.add(1, fd);
    // On a busy machine a burst may come in several parts.
    const three = async (): Promise<number> => {
      let count = 0;
      while (count < 3) count += (await set.next({ timeoutMs: -1, gatherUs: 2000 })).count;
      return count;
    };
    const waiting = three();
    burst();
    expect(await waiting).toBe(3);
    const idle = set.next({ timeoutMs: -1 });
    set.wake();
    expect((await idle).count).toBe(0);
    set.pause(1, true);
    burst();
    expect((await set.next({ timeoutMs: 1 })).count).toBe(0);
    set.pause(1, false);
    expect(await three()).toBe(3);
    void set.next({ timeoutMs: -1 });
    await set.close();
  });
});

describe.skipIf(!IS_ROOT)('a set', () => {
  it('leaves in its buffer what the block has no room for', async () => {
    await using kernel = openKernel();
    const { fd, burst } = await prepare(kernel, burster('ringbuf', 8, 30_000));
    using set = new EventSet(own);
    set.add(1, fd);
    burst();
    let numbers: number[] = [];
    for (let block = set.take(); block.count > 0; block = set.take())
      numbers = [...numbers, ...[...readRecords(block)].map(numberOf)];
    expect(numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('takes neither other maps nor one number twice', async () => {
    await using kernel = openKernel();
    const { fd } = await prepare(kernel, burster('ringbuf', 1, 64));
    using set = new EventSet(own);
    const file = openSync('/dev/null', 'r');
    onTestFinished(() => closeSync(file));
    expect(() => set.add(1, file)).toThrow(expect.objectContaining({ code: 'ERR_KERNEL_CALL' }) as Error);
    set.add(1, fd);
    expect(() => set.add(1, fd)).toThrow(expect.objectContaining({ errno: 'EEXIST' }) as Error);
    set.remove(1);
    expect(() => set.remove(1)).toThrow(expect.objectContaining({ errno: 'ENOENT' }) as Error);
  });
});

/** The process that was started with this argument. */
function processOf(argument: string): number | undefined {
  const isIt = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').endsWith(`\0${argument}\0`);
    } catch {
      return false;
    }
  };
  const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && isIt(name));
  return pid === undefined ? undefined : Number(pid);
}

describe.skipIf(!IS_ROOT)('the holder', () => {
  it('keeps descriptors when their process has closed them, in less than a megabyte', () => {
    const { folder } = createSandbox();
    const socket = join(folder, 'hold');
    const program = holderProgram() as string;
    execFileSync(program, [socket]);
    const holder = processOf(socket);
    onTestFinished(() => {
      if (processOf(socket) === holder && holder !== undefined) process.kill(holder);
    });
    const call = (request: string | Buffer, fd = -1): { status: number; data: string; fd: number } => {
      const bytes = Buffer.from(request);
      const reply = Buffer.alloc(32_768);
      const received: [number] = [-1];
      const length = own.holdCall(socket, bytes, bytes.length, fd, reply, reply.length, received);
      expect(length).toBeGreaterThanOrEqual(4);
      return { status: reply.readInt32LE(0), data: reply.toString('utf8', 4, length), fd: received[0] };
    };
    expect(() => execFileSync(program, [socket])).toThrow(expect.objectContaining({ status: 17 }) as Error);
    const file = openSync('/proc/self/maps', 'r');
    expect(call('pfirst', file).status).toBe(0);
    expect(call('psecond', file).status).toBe(0);
    closeSync(file);
    expect(call('pnothing').status).toBe(-9);
    const start = Buffer.from([0x6c, 0, 0, 0, 0]);
    expect(call(start)).toMatchObject({ status: 2, data: 'first\0second\0' });
    const back = call('gfirst');
    expect(readlinkSync(`/proc/self/fd/${back.fd}`)).toMatch(/\/maps$/);
    closeSync(back.fd);
    expect(call('gnobody').status).toBe(-2);
    expect(call('q').status).toBe(-16);
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${holder}/status`, 'utf8'))?.[1];
    expect(Number(resident)).toBeLessThan(1024);
    expect(call('dfirst').status).toBe(0);
    expect(call('dsecond').status).toBe(0);
    expect(call('dsecond').status).toBe(-2);
    expect(call('q').status).toBe(0);
  });
});
