// SPDX-License-Identifier: BSD-2-Clause
// bpfship-hold: keeps descriptors of links that a kernel cannot pin (perf events before Linux 5.15) while no other process does.
//
//   bpfship-hold SOCKET     listens, goes into the background, and ends with 0 as soon as it answers; 17 (EEXIST) where one answers already
//
// The socket is a SOCK_SEQPACKET of the owner's alone (0600, and the peer's user is checked). Each connection carries one request and one
// reply. A request is a letter and a key of 1 to 255 bytes; a reply is an int32 (this machine's byte order; below zero: -errno) and data:
//
//   p KEY + descriptor   keeps the descriptor; one that was kept under that key is closed. Status 0
//   g KEY                status 0 and the descriptor, which stays kept
//   d KEY                closes the descriptor. Status 0; -ENOENT where there is none
//   l START              status: how many are kept; data: their keys, each ended by NUL, from the START-th on (a u32), as far as they fit
//   q                    ends the holder. Status 0; -EBUSY while it keeps something
//
// It has no C library and allocates nothing: it takes less than 100 kB of memory, and nothing in it can fail later.
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

#define MAX_KEPT 16384
#define MAX_KEY 255
#define MAX_REPLY 32768

struct kept {
	int fd;
	uint8_t length;
	char key[MAX_KEY];
};

static struct kept table[MAX_KEPT];
static uint32_t count;
static char reply[MAX_REPLY];

static long call(long number, long a, long b, long c, long d, long e)
{
#if defined(__x86_64__)
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return x0;
#else
#error "no system calls for this architecture"
#endif
}

// Compilers call these by themselves.
void *memcpy(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memset(void *to, int value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((volatile char *)to)[i] = (char)value;
	return to;
}

static int equal(const char *a, const char *b, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (a[i] != b[i])
			return 0;
	return 1;
}

__attribute__((noreturn)) static void leave(int status)
{
	for (;;)
		call(SYS_exit_group, status, 0, 0, 0, 0);
}

static int find(const char *key, size_t length)
{
	for (uint32_t i = 0; i < count; i++)
		if (table[i].length == length && equal(table[i].key, key, length))
			return (int)i;
	return -ENOENT;
}

static int put(const char *key, size_t length, int fd)
{
	int at = find(key, length);

	if (fd < 0)
		return -EBADF;
	if (at >= 0) {
		call(SYS_close, table[at].fd, 0, 0, 0, 0);
	} else {
		if (count == MAX_KEPT)
			return -ENOSPC;
		at = (int)count++;
		table[at].length = (uint8_t)length;
		memcpy(table[at].key, key, length);
	}
	table[at].fd = fd;
	return 0;
}

static int drop(const char *key, size_t length)
{
	int at = find(key, length);

	if (at < 0)
		return at;
	call(SYS_close, table[at].fd, 0, 0, 0, 0);
	count--;
	if ((uint32_t)at != count)
		memcpy(&table[at], &table[count], sizeof(table[at]));
	return 0;
}

static size_t list(uint32_t start, char *to, size_t size)
{
	size_t used = 0;

	for (uint32_t i = start; i < count && used + table[i].length + 1 <= size; i++) {
		memcpy(to + used, table[i].key, table[i].length);
		used += table[i].length;
		to[used++] = '\0';
	}
	return used;
}

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

// Returns the request's length, and the descriptor that came with it, or -1.
static long receive(int socket, char *request, size_t size, int *fd)
{
	union control control;
	struct iovec data = { .iov_base = request, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	long length = call(SYS_recvmsg, socket, (long)&message, MSG_CMSG_CLOEXEC, 0, 0);

	*fd = -1;
	if (length > 0 && message.msg_controllen >= sizeof(struct cmsghdr) && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(&control.header), sizeof(int));
	return length;
}

static void answer(int socket, int32_t status, size_t length, int fd)
{
	union control control;
	struct iovec data = { .iov_base = reply, .iov_len = sizeof(status) + length };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	memcpy(reply, &status, sizeof(status));
	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	call(SYS_sendmsg, socket, (long)&message, MSG_NOSIGNAL, 0, 0);
}

// Whether the peer is root or this process's own user.
static int is_trusted(int socket)
{
	struct {
		int32_t pid;
		uint32_t uid, gid;
	} peer;
	uint32_t size = sizeof(peer);

	if (call(SYS_getsockopt, socket, SOL_SOCKET, SO_PEERCRED, (long)&peer, (long)&size) < 0)
		return 0;
	return peer.uid == 0 || (long)peer.uid == call(SYS_geteuid, 0, 0, 0, 0, 0);
}

// Returns 1 where the holder shall end.
static int serve(int socket)
{
	char request[1 + MAX_KEY + 1];
	const char *key = request + 1;
	struct timeval timeout = { .tv_sec = 5 };
	int32_t status = -EINVAL;
	size_t length = 0, key_length;
	int fd, sent = -1, at;
	uint32_t start = 0;
	long size;

	call(SYS_setsockopt, socket, SOL_SOCKET, SO_RCVTIMEO, (long)&timeout, sizeof(timeout));
	size = receive(socket, request, sizeof(request), &fd);
	if (size < 1 || !is_trusted(socket)) {
		if (fd >= 0)
			call(SYS_close, fd, 0, 0, 0, 0);
		return 0;
	}
	key_length = (size_t)size - 1;
	if (request[0] == 'l') {
		if (key_length >= sizeof(start))
			memcpy(&start, key, sizeof(start));
		length = list(start, reply + sizeof(status), sizeof(reply) - sizeof(status));
		status = (int32_t)count;
	} else if (request[0] == 'q') {
		status = count ? -EBUSY : 0;
	} else if (key_length >= 1 && key_length <= MAX_KEY) {
		if (request[0] == 'p') {
			status = put(key, key_length, fd);
			if (status == 0)
				fd = -1;
		} else if (request[0] == 'g') {
			at = find(key, key_length);
			status = at < 0 ? at : 0;
			sent = at < 0 ? -1 : table[at].fd;
		} else if (request[0] == 'd') {
			status = drop(key, key_length);
		}
	}
	if (fd >= 0)
		call(SYS_close, fd, 0, 0, 0, 0);
	answer(socket, status, length, sent);
	return request[0] == 'q' && status == 0;
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = 0;
	long fd, error;

	while (path[length])
		if (++length >= sizeof(address.sun_path))
			return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length + 1);
	fd = call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0, 0);
	if (fd < 0)
		return (int)fd;
	error = call(SYS_connect, fd, (long)&address, sizeof(address), 0, 0);
	if (error == 0)
		return -EEXIST;
	// What nobody listens at is left from one that was ended.
	if (error == -ECONNREFUSED)
		call(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0);
	call(SYS_close, fd, 0, 0, 0, 0);
	fd = call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0, 0);
	call(SYS_umask, 0177, 0, 0, 0, 0);
	error = call(SYS_bind, fd, (long)&address, sizeof(address), 0, 0);
	if (error == 0)
		error = call(SYS_listen, fd, 64, 0, 0, 0);
	return error < 0 ? (int)error : (int)fd;
}

// Leaves the starter's terminal, folder and descriptors, takes as many descriptors as it may, and is the last to be killed for memory.
static void settle(void)
{
	struct rlimit limit;
	long null, adjust;

	call(SYS_setsid, 0, 0, 0, 0, 0);
	call(SYS_chdir, (long)"/", 0, 0, 0, 0);
	null = call(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDWR | O_CLOEXEC, 0, 0);
	for (long fd = 0; null >= 0 && fd < 3; fd++)
		call(SYS_dup3, null, fd, 0, 0, 0);
	if (call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0) == 0) {
		limit.rlim_cur = limit.rlim_max;
		call(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)&limit, 0, 0);
	}
	adjust = call(SYS_openat, AT_FDCWD, (long)"/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0, 0);
	if (adjust >= 0) {
		call(SYS_write, adjust, (long)"-1000", 5, 0, 0);
		call(SYS_close, adjust, 0, 0, 0, 0);
	}
}

__attribute__((noreturn, used)) static void run(long *stack)
{
	const char **arguments = (const char **)(stack + 1);
	int listener, ended = 0;
	long child;

	if (stack[0] != 2)
		leave(2);
	listener = open_socket(arguments[1]);
	if (listener < 0)
		leave(-listener);
	child = call(SYS_clone, 17 /* SIGCHLD */, 0, 0, 0, 0);
	if (child != 0)
		leave(child < 0 ? (int)-child : 0);
	settle();
	while (!ended) {
		long socket = call(SYS_accept4, listener, 0, 0, SOCK_CLOEXEC, 0);
		if (socket < 0)
			continue;
		ended = serve((int)socket);
		call(SYS_close, socket, 0, 0, 0, 0);
	}
	call(SYS_unlinkat, AT_FDCWD, (long)arguments[1], 0, 0, 0);
	leave(0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall run\n");
#else
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tb run\n");
#endif
