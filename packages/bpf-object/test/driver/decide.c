/*
 * Prints what libbpf's own relocation code decides for objects and kernels at hand, without any kernel: libbpf.c is compiled into this
 * file, so that its CO-RE pass can be called alone and watched. Built against the sources of several versions; see support/libbpf-source.ts.
 *
 * Reads lines of "object vmlinux.btf [module.btf ...]" from standard input. Prints "=== N" per line, then per relocation
 *   program index | candidates before | candidates after | error  or  value words | instruction words
 * and "failed" where libbpf gives the object up. Candidates are ids; those of the n-th module are "n:id".
 */
#define bpf_core_calc_relo_insn watch_calculation
#define bpf_core_patch_insn watch_patch
#include "libbpf.c"
#undef bpf_core_calc_relo_insn
#undef bpf_core_patch_insn

int bpf_core_calc_relo_insn(const char *, const struct bpf_core_relo *, int, const struct btf *, struct bpf_core_cand_list *,
			    struct bpf_core_spec *, struct bpf_core_relo_res *);
int bpf_core_patch_insn(const char *, struct bpf_insn *, int, const struct bpf_core_relo *, int, const struct bpf_core_relo_res *);

static struct bpf_object *watched;

static void print_candidates(const struct bpf_core_cand_list *list)
{
	for (int i = 0; list && i < list->len; i++) {
		int module = -1;

		for (int m = 0; m < (int)watched->btf_module_cnt; m++)
			if (watched->btf_modules[m].btf == list->cands[i].btf)
				module = m;
		if (module >= 0)
			printf("%d:%u ", module, list->cands[i].id);
		else
			printf("%u ", list->cands[i].id);
	}
}

int watch_calculation(const char *program, const struct bpf_core_relo *relo, int index, const struct btf *local,
		      struct bpf_core_cand_list *list, struct bpf_core_spec *scratch, struct bpf_core_relo_res *result)
{
	int error;

	printf("%s %d | ", program, index);
	print_candidates(list);
	error = bpf_core_calc_relo_insn(program, relo, index, local, list, scratch, result);
	printf("| ");
	print_candidates(list);
	if (error)
		printf("| error\n");
	return error;
}

int watch_patch(const char *program, struct bpf_insn *insn, int at, const struct bpf_core_relo *relo, int index,
		const struct bpf_core_relo_res *result)
{
	int error = bpf_core_patch_insn(program, insn, at, relo, index, result);
	const __u32 *words = (const __u32 *)insn;

	if (error) {
		printf("| error\n");
		return error;
	}
	printf("| %d %llu | %08x %08x", result->poison || insn->imm == 195896080, (unsigned long long)result->new_val, words[0], words[1]);
	if (insn->code == (BPF_LD | BPF_IMM | BPF_DW))
		printf(" %08x", words[3]);
	printf("\n");
	return 0;
}

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static struct { char *path; struct btf *btf; } opened;

static struct btf *open_kernel(const char *path)
{
	if (opened.path && strcmp(opened.path, path) == 0)
		return opened.btf;
	btf__free(opened.btf);
	free(opened.path);
	opened.path = strdup(path);
	opened.btf = btf__parse(path, NULL);
	return opened.btf;
}

static void decide(char *line)
{
	char *path = strtok(line, " \n"), *kernel = strtok(NULL, " \n"), *module;
	struct bpf_object *object = bpf_object__open_file(path, NULL);

	if (!object) {
		printf("refused\n");
		return;
	}
	watched = object;
	object->btf_vmlinux = open_kernel(kernel);
	object->btf_modules_loaded = true;
	while ((module = strtok(NULL, " \n"))) {
		if (libbpf_ensure_mem((void **)&object->btf_modules, &object->btf_module_cap, sizeof(*object->btf_modules),
				      object->btf_module_cnt + 1))
			exit(1);
		memset(&object->btf_modules[object->btf_module_cnt], 0, sizeof(*object->btf_modules));
		object->btf_modules[object->btf_module_cnt].fd = -1;
		object->btf_modules[object->btf_module_cnt].name = strdup(module);
		object->btf_modules[object->btf_module_cnt++].btf = btf__parse_split(module, object->btf_vmlinux);
	}
	if (!object->btf_vmlinux)
		printf("no kernel\n");
	else if (object->btf_ext && bpf_object__relocate_core(object, NULL))
		printf("failed\n");
	object->btf_vmlinux = NULL;
	bpf_object__close(object);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	int number = 0;

	libbpf_set_print(print_nothing);
	while (getline(&line, &size, stdin) > 0) {
		printf("=== %d\n", number++);
		decide(line);
	}
	free(line);
	return 0;
}
