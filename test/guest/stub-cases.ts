/** A hook at which programs switch by stubs, and how a program there knows the generator's calls. */
export interface StubCase {
  /** Also the name of the service. */
  name: string;
  section: string;
  /** C that is true where the program runs in a call of getpgid; `ctx` is an array of 64-bit numbers. Default: the hook is of nothing else. */
  condition?: string;
  /** Kernels that have no such hook. */
  missing?: readonly string[];
}

/** Every hook with a stub at which each event can be counted. The generator asks for the process group of its own process. */
export const STUB_CASES: readonly StubCase[] = [
  { name: 'raw-tracepoint', section: 'raw_tp/sys_enter', condition: 'ctx[1] == __NR_getpgid' },
  { name: 'tracepoint', section: 'tracepoint/syscalls/sys_enter_getpgid' },
  { name: 'btf-tracepoint', section: 'tp_btf/sys_enter', condition: 'ctx[1] == __NR_getpgid' },
  { name: 'kprobe', section: 'kprobe/__x64_sys_getpgid' },
  { name: 'kretprobe', section: 'kretprobe/__x64_sys_getpgid' },
  { name: 'kprobe-multi', section: 'kprobe.multi/__x64_sys_getpgid', missing: ['5.10', '6.1'] },
  { name: 'fentry', section: 'fentry/__x64_sys_getpgid' },
  { name: 'fexit', section: 'fexit/__x64_sys_getpgid' },
  { name: 'fmod-ret', section: 'fmod_ret/security_task_getpgid' },
  // Debian's 5.10 does not have "bpf" among its security modules: selection refuses what would never fire.
  { name: 'lsm', section: 'lsm/task_getpgid', missing: ['5.10'] },
  { name: 'uprobe', section: 'uprobe//work/caller:call' },
];

/** C of the service of a case, counting by the generation that sees a call. */
export function stubSource({ section, condition = '1' }: StubCase, generation: number): string {
  return `
#include <asm/unistd.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } calls SEC(".maps");
SEC("${section}") int count(__u64 *ctx)
{
	char comm[16] __attribute__((aligned(8))) = {};
	__u32 generation = ${generation};
	__u64 *number = bpf_map_lookup_elem(&calls, &generation);
	bpf_get_current_comm(comm, sizeof(comm));
	if (number && ${condition} && *(__u64 *)comm == 0x6370696873667062)
		__sync_fetch_and_add(number, 1);
	return 0;
}`;
}

/** C of the generator: as many calls as it can make until it is told to end; then it says how many. */
export const CALLER = `
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
static volatile sig_atomic_t ended;
static void end(int signal) { ended = 1; }
__attribute__((noinline)) void call(int pid) { syscall(SYS_getpgid, pid); }
int main(void)
{
	unsigned long calls = 0;
	int pid = getpid();
	signal(SIGTERM, end);
	prctl(PR_SET_NAME, "bpfshipcalls");
	printf("ready\\n");
	fflush(stdout);
	for (; !ended; calls++)
		call(pid);
	printf("%lu\\n", calls);
}
`;
