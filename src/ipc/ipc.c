/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/ipc.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "sys/fd.h"

enum { IPC_HEAD = 5, READ_STEP = 1 << 20 };

enum phase { START, RUN };

struct row {
	enum ipc_direction direction;
	uint8_t no;
	enum phase phase;
	size_t min, max;
	const char *name;
};

static const struct row rows[] = {
#define MESSAGE(direction, type, no, phase, min, max) {IPC_##direction, no, phase, min, max, #type},
#include "ipc/messages.def"
};

static const struct row *
row_of(enum ipc_direction d, uint8_t no)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].direction == d && rows[i].no == no)
			return &rows[i];
	}
	return NULL;
}

void
ipc_put(struct buf *out, enum ipc_direction d, enum ipc_type type, struct bytes payload)
{
	const struct row *row = row_of(d, (uint8_t)type);
	uint32_t len = (uint32_t)payload.len;
	uint8_t head[IPC_HEAD];

	assert(row != NULL && payload.len >= row->min && payload.len <= row->max);
	memcpy(head, &len, sizeof(len));
	head[4] = (uint8_t)type;
	buf_add(out, bytes_of(head, sizeof(head)));
	buf_add(out, payload);
}

enum err
ipc_fill(struct ipc_reader *r, int fd, struct why *why)
{
	enum err e;
	size_t got;

	if (!buf_reserve(&r->in, READ_STEP))
		return FAIL(why, ERR_SYSTEM, "no memory to read from a role");
	if ((e = fd_read_some(fd, r->in.ptr + r->in.len, READ_STEP, &got, why)) != ERR_OK)
		return e;
	r->in.len += got;
	return got == 0 ? FAIL(why, ERR_ABSENT, "end of messages") : ERR_OK;
}

/* Hold a message's type, phase and size against the table. */
static enum err
check(enum ipc_direction d, uint8_t type, size_t len, bool running, struct why *why)
{
	const struct row *row = row_of(d, type);

	if (row == NULL)
		return FAIL(why, ERR_INPUT, "message type %u is not known", type);
	if ((row->phase == START) == running)
		return FAIL(why, ERR_INPUT, "message %s is out of phase", row->name);
	if (len < row->min || len > row->max)
		return FAIL(why, ERR_INPUT, "message %s of %zu bytes, expected %zu to %zu",
		    row->name, len, row->min, row->max);
	return ERR_OK;
}

enum err
ipc_next(struct ipc_reader *r, size_t *at, struct ipc_message *m, struct why *why)
{
	struct bytes in = bytes_from(buf_bytes(&r->in), *at);
	const struct row *row;
	uint32_t len;

	if (in.len < IPC_HEAD)
		return ERR_LIMIT;
	memcpy(&len, in.ptr, sizeof(len));
	if ((row = row_of(r->direction, in.ptr[4])) == NULL)
		return FAIL(why, ERR_INPUT, "message type %u is not known", in.ptr[4]);
	if ((row->phase == START) == r->running)
		return FAIL(why, ERR_INPUT, "message %s is out of phase", row->name);
	if (len < row->min || len > row->max)
		return FAIL(why, ERR_INPUT, "message %s of %u bytes, expected %zu to %zu",
		    row->name, len, row->min, row->max);
	if (in.len - IPC_HEAD < len)
		return ERR_LIMIT;
	m->type = (enum ipc_type)row->no;
	m->payload = bytes_sub(in, IPC_HEAD, len);
	*at += IPC_HEAD + len;
	r->running = true;
	return ERR_OK;
}

void
ipc_compact(struct ipc_reader *r, size_t at)
{
	buf_drop(&r->in, at);
}

enum err
ipc_send(int fd, enum ipc_direction d, enum ipc_type type, struct bytes payload, int pass_fd,
    struct why *why)
{
	const struct row *row = row_of(d, (uint8_t)type);
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	uint8_t tag = (uint8_t)type;
	struct iovec iov[2] = {{&tag, 1}, {(void *)(uintptr_t)payload.ptr, payload.len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	assert(row != NULL && payload.len >= row->min && payload.len <= row->max);
	if (pass_fd >= 0) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &pass_fd, sizeof(int));
	}
	while (sendmsg(fd, &msg, MSG_NOSIGNAL) == -1) {
		if (errno != EINTR)
			return FAIL_SYS(why, "tell a role");
	}
	return ERR_OK;
}

enum err
ipc_receive(int fd, enum ipc_direction d, bool *running, struct ipc_packet *p, struct why *why)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {p->data, sizeof(p->data)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.room,
	    .msg_controllen = sizeof(control.room)};
	struct cmsghdr *c;
	ssize_t n;
	enum err e;

	p->fd = -1;
	while ((n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC)) == -1) {
		if (errno != EINTR)
			return FAIL_SYS(why, "hear from a role");
	}
	if (n == 0)
		return FAIL(why, ERR_ABSENT, "the other role is gone");
	c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&p->fd, CMSG_DATA(c), sizeof(int));
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		e = FAIL(why, ERR_INPUT, "message longer than %d bytes", IPC_PACKET_MAX);
	else
		e = check(d, p->data[0], (size_t)n - 1, *running, why);
	if (e != ERR_OK) {
		fd_close(&p->fd);
		return e;
	}
	*running = true;
	p->type = (enum ipc_type)p->data[0];
	p->payload = bytes_of(p->data + 1, (size_t)n - 1);
	return ERR_OK;
}
