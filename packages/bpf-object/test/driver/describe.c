/* Prints what libbpf reads in an object without loading it, one line per program and map; then what it makes of section names. */
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static void describe(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	struct bpf_map *map;

	if (!object) {
		printf("refused\n");
		return;
	}
	bpf_object__for_each_program(program, object)
		printf("program %s %s %s %d %zu\n", bpf_program__name(program), bpf_program__section_name(program),
		       libbpf_bpf_prog_type_str(bpf_program__type(program)), bpf_program__autoload(program),
		       bpf_program__insn_cnt(program));
	bpf_object__for_each_map(map, object)
		printf("map %s %s %u %u %u %u\n", bpf_map__is_internal(map) ? strchr(bpf_map__name(map), '.') : bpf_map__name(map),
		       libbpf_bpf_map_type_str(bpf_map__type(map)), bpf_map__key_size(map), bpf_map__value_size(map),
		       bpf_map__max_entries(map), bpf_map__map_flags(map));
	bpf_object__close(object);
}

int main(int argc, char **argv)
{
	libbpf_set_print(print_nothing);
	describe(argv[1]);
	for (int i = 2; i < argc; i++) {
		enum bpf_attach_type attach = 0;
		enum bpf_prog_type type = 0;

		if (libbpf_prog_type_by_name(argv[i], &type, &attach) < 0)
			printf("section %s unknown\n", argv[i]);
		else
			printf("section %s %s %s\n", argv[i], libbpf_bpf_prog_type_str(type), libbpf_bpf_attach_type_str(attach));
	}
	return 0;
}
