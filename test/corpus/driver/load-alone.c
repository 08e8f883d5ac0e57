// SPDX-License-Identifier: Apache-2.0
// Loads every program of the given objects alone, with libbpf as a tool would, and writes one JSON line per program: what this kernel
// does with it is the truth that verdicts are held against.
//
//   load-alone [-s SECONDS] OBJECT...     lines: {object, program, section, loaded, stage, errno, log}
//
// `program` is null in the line of the object as a whole (what libbpf loads by default). `stage`: open, load, done, or crash.
// Each attempt is a process of its own: an object that crashes libbpf must not take the others with it.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_TAIL 3000
#define MAX_PROGRAMS 4096

static char *log_text;
static size_t log_length;

static int take_log(enum libbpf_print_level level, const char *format, va_list args)
{
	char *line = NULL;
	int length;

	if (level == LIBBPF_DEBUG)
		return 0;
	length = vasprintf(&line, format, args);
	if (length < 0)
		return 0;
	log_text = realloc(log_text, log_length + length + 1);
	memcpy(log_text + log_length, line, length + 1);
	log_length += length;
	free(line);
	return 0;
}

static void put_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c < 0x20 || c > 0x7e)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void put_result(const char *object, const char *program, const char *section, const char *stage, int error)
{
	const char *base = strrchr(object, '/');
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	printf("{\"object\":");
	put_string(stdout, base ? base + 1 : object);
	printf(",\"program\":");
	if (program)
		put_string(stdout, program);
	else
		printf("null");
	printf(",\"section\":");
	put_string(stdout, section ?: "");
	printf(",\"loaded\":%s,\"stage\":\"%s\",\"errno\":%d,\"cpuMs\":%ld", error ? "false" : "true", stage, error < 0 ? -error : error,
	       now.tv_sec * 1000 + now.tv_nsec / 1000000);
	if (error && log_text) {
		printf(",\"log\":");
		put_string(stdout, log_length > LOG_TAIL ? log_text + log_length - LOG_TAIL : log_text);
	}
	printf("}\n");
	fflush(stdout);
}

/* Sizes that an object leaves to the tool's user space: the least that a kernel accepts. No pins: they outlive the process. */
static void prepare_maps(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		enum bpf_map_type type = bpf_map__type(map);

		bpf_map__set_pin_path(map, NULL);
		if (type == BPF_MAP_TYPE_STACK_TRACE && bpf_map__value_size(map) == 0)
			bpf_map__set_value_size(map, 127 * 8);
		if (bpf_map__max_entries(map) != 0)
			continue;
		if (type == BPF_MAP_TYPE_RINGBUF || type == BPF_MAP_TYPE_USER_RINGBUF)
			bpf_map__set_max_entries(map, getpagesize());
		else if (type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			bpf_map__set_max_entries(map, libbpf_num_possible_cpus());
		else if (type != BPF_MAP_TYPE_SK_STORAGE && type != BPF_MAP_TYPE_INODE_STORAGE && type != BPF_MAP_TYPE_TASK_STORAGE &&
			 type != BPF_MAP_TYPE_CGROUP_STORAGE && type != BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE &&
			 type != 32 /* CGRP_STORAGE */ && type != BPF_MAP_TYPE_STRUCT_OPS && type != BPF_MAP_TYPE_BLOOM_FILTER)
			bpf_map__set_max_entries(map, 1);
	}
}

static struct bpf_object *open_object(const char *path, int *error)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);

	*error = libbpf_get_error(object) ? (int)libbpf_get_error(object) : 0;
	if (!object || *error) {
		*error = *error ?: -errno;
		return NULL;
	}
	prepare_maps(object);
	return object;
}

/* In a process of its own. @program NULL: the object as a whole. */
static void load_one(const char *path, const char *name)
{
	struct bpf_program *program, *wanted = NULL;
	const char *section = NULL;
	struct bpf_object *object;
	int error;

	object = open_object(path, &error);
	if (!object) {
		put_result(path, name, NULL, "open", error);
		return;
	}
	bpf_object__for_each_program(program, object) {
		if (!name)
			continue;
		bool is_wanted = strcmp(bpf_program__name(program), name) == 0;

		bpf_program__set_autoload(program, is_wanted);
		if (is_wanted) {
			wanted = program;
			section = bpf_program__section_name(program);
		}
	}
	error = bpf_object__load(object);
	if (!error && name && wanted && bpf_program__fd(wanted) < 0)
		error = -EBADF;
	put_result(path, name, section, error ? "load" : "done", error);
	/* The kernel cleans up after the process; libbpf would take longer. */
}

static void load_in_child(const char *path, const char *name, unsigned int seconds)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		alarm(seconds);
		load_one(path, name);
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status)) {
		log_length = asprintf(&log_text, "signal %d", WTERMSIG(status));
		put_result(path, name, NULL, "crash", -EINTR);
	}
}

/* Names of an object's programs, copied: the object is closed before anything is loaded. */
static int list_programs(const char *path, char **names)
{
	struct bpf_program *program;
	struct bpf_object *object;
	int count = 0, error;

	object = open_object(path, &error);
	if (!object)
		return 0;
	bpf_object__for_each_program(program, object)
		if (count < MAX_PROGRAMS)
			names[count++] = strdup(bpf_program__name(program));
	bpf_object__close(object);
	return count;
}

int main(int argc, char **argv)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	unsigned int seconds = 300;
	int option;

	while ((option = getopt(argc, argv, "s:")) != -1)
		if (option == 's')
			seconds = atoi(optarg);
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	libbpf_set_print(take_log);
	printf("{\"libbpf\":\"%s\"}\n", libbpf_version_string());
	for (int i = optind; i < argc; i++) {
		char *names[MAX_PROGRAMS];
		int count = list_programs(argv[i], names);

		free(log_text);
		log_text = NULL;
		log_length = 0;
		load_in_child(argv[i], NULL, seconds);
		for (int k = 0; k < count; k++) {
			load_in_child(argv[i], names[k], seconds);
			free(names[k]);
		}
	}
	return 0;
}
