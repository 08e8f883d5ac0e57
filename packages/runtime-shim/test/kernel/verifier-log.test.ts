import { describe, expect, it } from 'vitest';
import { KernelError } from '../../src/kernel/kernel-error.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { explainRejection } from '../../src/kernel/verifier-log/explain-rejection.ts';
import { compileObject, REFUSED, UNFORESEEN } from '../support/compile-object.ts';
import { IS_ROOT } from '../support/sandbox.ts';

async function rejectionOf(source: string): Promise<KernelError> {
  await using kernel = openKernel();
  const error: unknown = await kernel
    .load({ name: 'bad', bytes: compileObject(source) })
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KernelError);
  return error as KernelError;
}

/** Lines before a source in the file that is compiled. */
const HEAD_LINES = 4;

/** Number of the line that holds a text. */
function lineOf(source: string, text: string): number {
  return HEAD_LINES + 1 + source.split('\n').findIndex((line) => line.includes(text));
}

const MAP = `struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } map SEC(".maps");`;
const GOOD = `SEC("raw_tp/sched_process_exec") int good(void *ctx) { return 0; }`;

/** A program, what it is refused for, and the text of the line. */
const REJECTED: readonly [what: string, source: string, reason: RegExp, line: string][] = [
  ['an access beyond the stack', REFUSED, /variable-offset|out of bounds|stack/, 'return bytes[far & 1023];'],
  ['memory that is not given back', UNFORESEEN, /[Uu]nreleased reference|reference leak/, 'bpf_ringbuf_reserve'],
  [
    'a null pointer in a function that it calls',
    `${MAP}
${GOOD}
static __attribute__((noinline)) int deep(__u32 key) {
	__u64 *value = bpf_map_lookup_elem(&map, &key);
	*value = 1;
	return 0;
}
SEC("raw_tp/sched_process_exec") int count(void *ctx) { return deep(bpf_get_prandom_u32()); }`,
    /R0 invalid mem access/,
    '*value = 1;',
  ],
  [
    'a return value that its type has not',
    `${GOOD}
SEC("cgroup_skb/egress") int count(struct __sk_buff *ctx)
{
	return 7;
}`,
    /R0 has/,
    'return 7;',
  ],
  [
    'an access to its context that nobody may make',
    `SEC("raw_tp/sched_process_exec") int count(void *ctx)
{
	return *(int *)((char *)ctx + 100000);
}`,
    /ctx/,
    'return *(int *)((char *)ctx + 100000);',
  ],
  [
    'a packet whose length it did not look at',
    `SEC("xdp") int count(struct xdp_md *ctx)
{
	char *data = (void *)(long)ctx->data;
	return data[5];
}`,
    /outside of the packet/,
    'return data[5];',
  ],
];

describe.skipIf(!IS_ROOT)('a rejected program', () => {
  it.each(REJECTED)('is told why and where: %s', async (_what, source, reason, line) => {
    const error = await rejectionOf(source);
    expect(error.code).toBe('ERR_KERNEL_LOAD_REJECTED');
    expect(error.message).toMatch(reason);
    expect(error.message).toMatch(/^loading bad into the kernel failed \(\w+\): program "count": /);
    const details = error.details ?? '';
    expect(details).toMatch(reason);
    expect(details).toMatch(/^ {2}at \S*x\.bpf\.c:\d+, in program count/m);
    expect(details).toMatch(/^ {2}instruction \d+: /m);
    expect(error.message).toContain(`(x.bpf.c:${lineOf(source, line)})`);
    expect(details.split('\n').find((each) => each.startsWith('  source: '))).toContain(line);
    expect(details.split('\n').length).toBeLessThanOrEqual(12);
    expect(details.length).toBeLessThan(4000);
  });

  it('shows what was known of the registers, and the function', async () => {
    const [, , nullPointer] = REJECTED;
    const { details } = await rejectionOf(nullPointer?.[1] ?? '');
    expect(details).toMatch(/^ {2}at \S+, in program count, function deep$/m);
    expect(details).toMatch(/^ {2}registers: .*R0=map_value_or_null\(/m);
  });
});

describe('a verifier’s log', () => {
  it('of an older kernel names the line by its text, and the object says the rest', () => {
    const object = compileObject(`${GOOD}
SEC("raw_tp/sched_process_exec") int count(void *ctx)
{
	volatile char bytes[8];
	return bytes[bpf_ktime_get_ns() & 1023];
}`);
    const log = `func#0 @0
0: R1=ctx(id=0,off=0,imm=0) R10=fp0
; return bytes[bpf_ktime_get_ns() & 1023];
0: (85) call bpf_ktime_get_ns#5
1: R0_w=inv(id=0) R10=fp0
; return bytes[bpf_ktime_get_ns() & 1023];
1: (57) r0 &= 1023
2: R0_w=inv(id=0,umax_value=1023,var_off=(0x0; 0x3ff)) R10=fp0
2: (bf) r1 = r10
3: (07) r1 += -8
4: (0f) r1 += r0
last_idx 4 first_idx 0
regs=1 stack=0 before 3: (07) r1 += -8
5: R0_w=invP(id=0,umax_value=1023,var_off=(0x0; 0x3ff)) R1_w=fp(id=0,off=-8,umax_value=1023,var_off=(0x0; 0x3ff)) R10=fp0
5: (71) r0 = *(u8 *)(r1 +0)
invalid unbounded variable-offset read from stack R1
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;
    const { reason, details } = explainRejection(log, object);
    expect(reason).toBe('program "count": invalid unbounded variable-offset read from stack R1 (x.bpf.c:9)');
    expect(details.split('\n').slice(0, 5)).toEqual([
      '  invalid unbounded variable-offset read from stack R1',
      expect.stringMatching(/x\.bpf\.c:9, in program count$/) as string,
      '  source: return bytes[bpf_ktime_get_ns() & 1023];',
      '  instruction 5: r0 = *(u8 *)(r1 +0)',
      '  registers: R1=fp(id=0,off=-8,umax_value=1023,var_off=(0x0; 0x3ff)) R0=invP(id=0,umax_value=1023,var_off=(0x0; 0x3ff))',
    ]);
  });

  it('is bounded, whatever it and the object are', () => {
    const flood = `${'x'.repeat(5000)}\n`.repeat(2000);
    const { reason, details } = explainRejection(flood, new Uint8Array(64));
    expect([reason.length < 400, details.length < 4000, details.includes('left out')]).toEqual([true, true, true]);
    expect(explainRejection('', new Uint8Array()).reason).toBe('the verifier did not say why');
    const deep = `0: (85) ${'R1=('.repeat(100_000)}\nR0=${'('.repeat(200_000)}`;
    expect(explainRejection(deep, new Uint8Array()).details.length).toBeLessThan(4000);
  });
});
