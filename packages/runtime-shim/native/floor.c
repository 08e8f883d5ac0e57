// SPDX-License-Identifier: BSD-2-Clause
// Functions that newer C libraries bind programs to where they are compiled, in forms that older ones have: what is compiled with glibc 2.41
// runs with glibc 2.28 (the oldest that Node runs with). They are hidden: only this library uses them.
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HIDDEN __attribute__((visibility("hidden")))

// fstat is a function of its own only since glibc 2.33. On both architectures, its structure is the kernel's.
HIDDEN int fstat(int fd, void *status)
{
	return (int)syscall(SYS_fstat, fd, status);
}

HIDDEN int fstat64(int fd, void *status)
{
	return (int)syscall(SYS_fstat, fd, status);
}

HIDDEN int stat(const char *path, void *status)
{
	return (int)syscall(SYS_newfstatat, -100 /* AT_FDCWD */, path, status, 0);
}

HIDDEN int stat64(const char *path, void *status)
{
	return (int)syscall(SYS_newfstatat, -100 /* AT_FDCWD */, path, status, 0);
}

// Since glibc 2.38, those of C23, which also read binary numbers.
extern long old_strtol(const char *text, char **end, int base) __asm__("strtol");
extern unsigned long old_strtoul(const char *text, char **end, int base) __asm__("strtoul");
extern int old_vsscanf(const char *text, const char *format, __builtin_va_list arguments) __asm__("__isoc99_vsscanf");

HIDDEN long __isoc23_strtol(const char *text, char **end, int base)
{
	return old_strtol(text, end, base);
}

HIDDEN long long __isoc23_strtoll(const char *text, char **end, int base)
{
	return old_strtol(text, end, base);
}

HIDDEN unsigned long __isoc23_strtoul(const char *text, char **end, int base)
{
	return old_strtoul(text, end, base);
}

HIDDEN unsigned long long __isoc23_strtoull(const char *text, char **end, int base)
{
	return old_strtoul(text, end, base);
}

HIDDEN int __isoc23_sscanf(const char *text, const char *format, ...)
{
	__builtin_va_list arguments;
	int read;

	__builtin_va_start(arguments, format);
	read = old_vsscanf(text, format, arguments);
	__builtin_va_end(arguments);
	return read;
}
