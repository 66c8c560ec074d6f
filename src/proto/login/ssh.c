/* SPDX-License-Identifier: Apache-2.0 */
/* SSH: the identification lines, which are all that is in clear.
 * Source: RFC 4253 4.2 ("SSH-protoversion-softwareversion SP comments CR LF"), 5.1 (1.99).
 * Told:   software, system where the comment names one, protocol version; that a log-in was
 *         tried once both sides have spoken. Its outcome is not visible. */
#include "proto/login/banner.h"
#include "proto/pieces.h"
#include "proto/proto.h"

enum { SSH_LINE_MAX = 255, SSH_LINES_BEFORE_MAX = 20 };

struct side {
	struct lines lines;
	unsigned before; /* lines before the identification */
	bool done;
	bool spoke; /* its identification was seen */
};

struct ssh {
	struct observer *o;
	struct side side[2];
	bool tried;
};

static enum probe
ssh_probe(const struct probe_view *v)
{
	static const struct bytes mark = BYTES_INIT("SSH-");
	bool other = false;

	for (size_t i = 0; i < 2; i++) {
		struct bytes h = bytes_sub(v->head[i], 0, mark.len);

		if (bytes_starts(v->head[i], BYTES("SSH-2.")) ||
		    bytes_starts(v->head[i], BYTES("SSH-1.")))
			return PROBE_YES;
		other = other || !bytes_starts(mark, h) || v->head[i].len > 5;
	}
	return other || v->ended ? PROBE_NO : PROBE_MAYBE;
}

/* "OpenSSH_8.4p1": the first '_' or '-' before a digit stands for a blank. */
static void
tell_software(struct ssh *s, enum name_value dir, uint64_t at, struct bytes text)
{
	uint8_t out[64];

	text = bytes_sub(text, 0, sizeof(out));
	if (!bytes_printable(text))
		return;
	for (size_t i = 0; i < text.len; i++) {
		bool joint = (text.ptr[i] == '_' || text.ptr[i] == '-') && i + 1 < text.len &&
			     text.ptr[i + 1] >= '0' && text.ptr[i + 1] <= '9';

		out[i] = text.ptr[i];
		if (joint) {
			memcpy(out + i, text.ptr + i, text.len - i);
			out[i] = ' ';
			break;
		}
	}
	observe_claim(s->o, dir, at, attr_software, bytes_of(out, text.len), "SSH banner", 85);
}

/* Distributions put themselves into the comment: "Debian-5+deb11u1", "Ubuntu-4ubuntu0.5". */
static void
tell_system(struct ssh *s, enum name_value dir, uint64_t at, struct bytes text)
{
	static const struct {
		const char *mark, *os;
	} marks[] = {
	    {"+deb8", "Debian GNU/Linux 8"},
	    {"+deb9", "Debian GNU/Linux 9"},
	    {"+deb10", "Debian GNU/Linux 10"},
	    {"+deb11", "Debian GNU/Linux 11"},
	    {"+deb12", "Debian GNU/Linux 12"},
	    {"+deb13", "Debian GNU/Linux 13"},
	    {"Ubuntu", "Ubuntu"},
	    {"Raspbian", "Raspbian GNU/Linux"},
	    {"Debian", "Debian GNU/Linux"},
	    {"FreeBSD", "FreeBSD"},
	    {"NetBSD", "NetBSD"},
	    {"for_Windows", "Windows"},
	    {"Cisco", "Cisco IOS"},
	    {"ROSSSH", "MikroTik RouterOS"},
	};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		if (bytes_find_seq(text, bytes_str(marks[i].mark)) == text.len)
			continue;
		observe_claim(s->o, dir, at, attr_os, bytes_str(marks[i].os), "SSH banner", 75);
		return;
	}
}

static void
identification(struct ssh *s, enum name_value dir, const struct piece *p)
{
	struct bytes software, version, rest = bytes_from(p->body, 4);

	observe_unit(s->o, UNIT_ssh_banners);
	version = bytes_split(rest, '-', &rest);
	software = bytes_split(rest, ' ', &rest);
	/* 1.99 is "2, and 1 as well". */
	if (bytes_starts(version, BYTES("1."))) {
		observe_anomaly(s->o, dir, p->offset, ANOMALY_ssh_version_1, PROTO_ssh,
		    bytes_eq(version, BYTES("1.99")) ? "1.99" : "1");
		observe_claim(s->o, dir, p->offset, attr_service, BYTES("SSH 1"), "SSH banner", 90);
	} else {
		observe_claim(s->o, dir, p->offset, attr_service, BYTES("SSH 2"), "SSH banner", 90);
	}
	tell_software(s, dir, p->offset, software);
	tell_system(s, dir, p->offset, bytes_from(p->body, 4));
}

static void
line(struct ssh *s, enum name_value dir, const struct piece *p)
{
	struct side *d = &s->side[dir];

	if (!bytes_starts(p->body, BYTES("SSH-"))) {
		/* 4.2: a server may send other lines before; their text is nobody's business. */
		d->done = ++d->before > SSH_LINES_BEFORE_MAX;
		return;
	}
	d->done = true;
	d->spoke = true;
	identification(s, dir, p);
	if (s->side[1 - dir].spoke && !s->tried) {
		struct ev_login l = {.proto = PROTO_ssh, .outcome = outcome_unknown};

		s->tried = true;
		s->o->emit(s->o->owner, dir_orig, 0, EV_login, &l);
	}
}

static void *
ssh_open(struct observer *o)
{
	struct ssh *s = budget_alloc(o->budget, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->o = o;
	for (size_t i = 0; i < 2; i++)
		s->side[i].lines = (struct lines){.cap = SSH_LINE_MAX, .held.budget = o->budget};
	return s;
}

static void
ssh_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct ssh *s = session;
	struct piece p;

	while (!s->side[dir].done && lines_next(&s->side[dir].lines, &run, &offset, &p))
		line(s, dir, &p);
}

static void
ssh_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct ssh *s = session;

	(void)offset;
	(void)missing;
	s->side[dir].done = true;
}

static void
ssh_end(void *session, enum name_value dir)
{
	struct ssh *s = session;
	struct piece p;

	if (!s->side[dir].done && lines_rest(&s->side[dir].lines, &p))
		line(s, dir, &p);
	s->side[dir].done = true;
}

static void
ssh_close(void *session)
{
	struct ssh *s = session;

	lines_free(&s->side[0].lines);
	lines_free(&s->side[1].lines);
	budget_free(s->o->budget, s, sizeof(*s));
}

const struct protocol ssh_protocol = {
    .id = PROTO_ssh,
    .name = "ssh",
    .probe = ssh_probe,
    .open = ssh_open,
    .data = ssh_data,
    .gap = ssh_gap,
    .end = ssh_end,
    .close = ssh_close,
};
