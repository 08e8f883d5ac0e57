/*
 * Lets libbpf relocate objects and prints what it did: `relocate object.bpf.o [target.btf] ...` in pairs; "-" is the running kernel.
 * Nothing is attached; whether the verifier takes the programs does not matter.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

static int print_all(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	return vprintf(format, args);
}

int main(int argc, char **argv)
{
	libbpf_set_print(print_all);
	for (int i = 1; i + 1 < argc; i += 2) {
		LIBBPF_OPTS(bpf_object_open_opts, opts);
		struct bpf_object *object;
		struct bpf_program *program;

		if (strcmp(argv[i + 1], "-") != 0)
			opts.btf_custom_path = argv[i + 1];
		printf("=== %d\n", i / 2);
		object = bpf_object__open_file(argv[i], &opts);
		if (!object)
			continue;
		/* An empty log keeps the verifier's own output away. */
		bpf_object__for_each_program(program, object)
			bpf_program__set_log_level(program, 0);
		bpf_object__load(object);
		bpf_object__close(object);
		fflush(stdout);
	}
	return 0;
}
