/*
 * Opens every file that stdin names with libbpf, each in a process of its own: libbpf may crash on what nobody wrote.
 * Prints one line for each: `ok`, `refused` or `crash`. As BTF where the name ends in `.btf`, else as an object, which is not loaded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "btf.h"
#include "libbpf.h"

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static int open_btf(const char *path)
{
	static unsigned char bytes[1 << 20];
	FILE *file = fopen(path, "rb");
	size_t size = fread(bytes, 1, sizeof(bytes), file);

	return btf__new(bytes, size) ? 0 : 1;
}

static int open_file(const char *path)
{
	size_t length = strlen(path);

	alarm(10);
	if (length > 4 && !strcmp(path + length - 4, ".btf"))
		return open_btf(path);
	return bpf_object__open_file(path, NULL) ? 0 : 1;
}

int main(void)
{
	char path[4096];

	libbpf_set_print(print_nothing);
	while (fgets(path, sizeof(path), stdin)) {
		int status;
		pid_t child;

		path[strcspn(path, "\n")] = 0;
		fflush(stdout);
		child = fork();
		if (child == 0)
			_exit(open_file(path));
		waitpid(child, &status, 0);
		puts(!WIFEXITED(status) ? "crash" : WEXITSTATUS(status) ? "refused" : "ok");
	}
	return 0;
}
