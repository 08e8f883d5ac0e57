// SPDX-License-Identifier: BSD-2-Clause
// One call of the holder; what it says is in hold.c.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "bpfship.h"

#define TIMEOUT_SECONDS 10

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = TIMEOUT_SECONDS };
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int send_request(int fd, const void *request, uint32_t length, int send_fd)
{
	struct iovec data = { .iov_base = (void *)request, .iov_len = length };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
	union control control = {};

	if (send_fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &send_fd, sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int receive_reply(int fd, void *reply, uint32_t size, int *received_fd)
{
	struct iovec data = { .iov_base = reply, .iov_len = size };
	union control control = {};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = length < 0 ? NULL : CMSG_FIRSTHDR(&message);

	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(received_fd, CMSG_DATA(header), sizeof(int));
	if (length == 0)
		return -ECONNRESET;
	return length < 0 ? -errno : (int)length;
}

int bpfship_hold_call(const char *path, const void *request, uint32_t length, int send_fd, void *reply, uint32_t size, int *received_fd)
{
	int fd = connect_to(path), result;

	*received_fd = -1;
	if (fd < 0)
		return fd;
	result = send_request(fd, request, length, send_fd);
	if (result == 0)
		result = receive_reply(fd, reply, size, received_fd);
	close(fd);
	return result;
}
