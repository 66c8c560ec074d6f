/* SPDX-License-Identifier: Apache-2.0 */
/* DATA -IAC-> IAC -verb-> OPTION -byte-> DATA
 *                 -SB---> SB -option-> SUB -IAC-> SUB_IAC -SE-> DATA
 *                 -IAC-> DATA (one 0xFF) */
#include "proto/serialnet/serialnet.h"

enum { S_DATA, S_IAC, S_OPTION, S_SB, S_SUB, S_SUB_IAC };

static const uint8_t one_ff = TELNET_IAC;

bool
serialnet_starts(struct bytes head)
{
	return head.len >= 2 && head.ptr[0] == TELNET_IAC && head.ptr[1] >= TELNET_SB &&
	       head.ptr[1] <= TELNET_DONT;
}

static struct bytes
take(struct bytes *in, uint64_t *offset, size_t n)
{
	struct bytes b = bytes_sub(*in, 0, n);

	*in = bytes_from(*in, n);
	*offset += n;
	return b;
}

/* Length of the data at the start of run: up to an IAC or to a NUL after CR (RFC 854). */
static size_t
data_length(const struct serialnet *s, struct bytes run)
{
	size_t n = bytes_find(run, TELNET_IAC), at = 0;

	if (s->binary)
		return n;
	run.len = n;
	while (at < n) {
		at += bytes_find(bytes_from(run, at), 0);
		if (at < n && (at > 0 ? run.ptr[at - 1] == '\r' : s->after_cr))
			return at;
		at++;
	}
	return n;
}

static void
note_option(struct serialnet *s)
{
	if (s->option == TELNET_OPTION_COM_PORT)
		s->com_port = true;
	if (s->option == TELNET_OPTION_BINARY && s->verb == TELNET_WILL)
		s->binary = true;
	if (s->option == TELNET_OPTION_BINARY && s->verb == TELNET_WONT)
		s->binary = false;
}

static void
sub_byte(struct serialnet *s, uint8_t c)
{
	if (s->n_sub < SERIALNET_SUB_MAX)
		s->sub[s->n_sub++] = c;
	else
		s->cut = true;
}

/* One byte of a command; true where *p is a finished piece. */
static bool
command_byte(struct serialnet *s, uint8_t c, struct serialnet_piece *p)
{
	switch (s->state) {
	case S_IAC:
		s->verb = c;
		s->state = S_DATA;
		p->kind = SERIALNET_COMMAND;
		if (c == TELNET_IAC) {
			p->kind = SERIALNET_DATA;
			p->body = bytes_of(&one_ff, 1);
			s->after_cr = false;
			return true;
		}
		if (c == TELNET_SB)
			s->state = S_SB;
		else if (c >= TELNET_WILL)
			s->state = S_OPTION;
		return s->state == S_DATA;
	case S_OPTION:
		s->option = c;
		s->state = S_DATA;
		note_option(s);
		p->kind = SERIALNET_COMMAND;
		return true;
	case S_SB:
		s->option = c;
		s->n_sub = 0;
		s->cut = false;
		s->state = S_SUB;
		if (c == TELNET_OPTION_COM_PORT)
			s->com_port = true;
		return false;
	case S_SUB:
		if (c == TELNET_IAC)
			s->state = S_SUB_IAC;
		else
			sub_byte(s, c);
		return false;
	default: /* S_SUB_IAC */
		s->state = S_SUB;
		if (c == TELNET_IAC) {
			sub_byte(s, c);
			return false;
		}
		/* SE, or a sender that forgot it and began the next command. */
		s->state = S_DATA;
		p->kind = SERIALNET_SUB;
		p->body = bytes_of(s->sub, s->n_sub);
		p->cut = s->cut || c != TELNET_SE;
		return true;
	}
}

struct serialnet_piece
serialnet_next(struct serialnet *s, struct bytes *in, uint64_t *offset)
{
	struct serialnet_piece p = {0};

	while (in->len > 0) {
		if (s->state != S_DATA) {
			uint8_t c = in->ptr[0];

			(void)take(in, offset, 1);
			if (!command_byte(s, c, &p)) {
				p = (struct serialnet_piece){0};
				continue;
			}
			p.offset = s->start;
			p.verb = s->verb;
			p.option = s->option;
			return p;
		}
		if (in->ptr[0] == TELNET_IAC) {
			s->start = *offset;
			s->state = S_IAC;
			(void)take(in, offset, 1);
			continue;
		}
		p.offset = *offset;
		p.body = take(in, offset, data_length(s, *in));
		if (p.body.len > 0) {
			s->after_cr = p.body.ptr[p.body.len - 1] == '\r';
			p.kind = SERIALNET_DATA;
			return p;
		}
		(void)take(in, offset, 1); /* the NUL of CR NUL */
		s->after_cr = false;
	}
	return p;
}

void
serialnet_gap(struct serialnet *s)
{
	s->state = S_DATA;
	s->after_cr = false;
}
