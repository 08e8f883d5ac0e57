/* The milliseconds that libbpf takes to read the kernel's BTF and to find some types in it, in a new process. */
#include <stdio.h>
#include <time.h>

#include <bpf/btf.h>

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}

int main(void)
{
	static const char *const names[] = { "task_struct", "mm_struct", "file", "inode", "dentry", "sock", "sk_buff", "cred", "nsproxy" };
	double begin = now(), parsed, found;
	struct btf *btf = btf__parse("/sys/kernel/btf/vmlinux", NULL);

	if (!btf)
		return 1;
	parsed = now();
	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (btf__find_by_name_kind(btf, names[i], BTF_KIND_STRUCT) < 0)
			return 1;
	found = now();
	printf("{\"btf__parse\": %.3f, \"nine types found\": %.3f, \"together\": %.3f}\n", parsed - begin, found - parsed, found - begin);
	return 0;
}
