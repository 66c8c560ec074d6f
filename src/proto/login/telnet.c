/* SPDX-License-Identifier: Apache-2.0 */
/* Telnet: passwords in clear, outcome of log-ins, what the greeting says of the device.
 * Source: RFC 854 (commands), RFC 855 (options), RFC 2217 (COM-PORT, option 44).
 *
 * Invariants:
 * 1. Commands are taken out before text is looked at.
 * 2. A prompt counts when the other side begins to answer it: only then is it known that the
 *    line goes no further. That makes the reading independent of how the stream was cut.
 * 3. What is typed is kept only while it may be a user name, and only as its hash.
 *
 *   OPEN --prompt for a user--> USER --CR--> OPEN      (prompt(), typed())
 *   OPEN --prompt for a password--> PASSWORD --CR--> WAIT
 *   WAIT --refusal, or a prompt for user or password--> OPEN, failure  (judge_line(), judge())
 *   WAIT --greeting, or any other prompt that is answered--> OPEN, success */
#include "proto/login/banner.h"
#include "proto/pieces.h"
#include "proto/proto.h"

enum {
	TELNET_IAC = 255,
	TELNET_DONT = 254,
	TELNET_WILL = 251,
	TELNET_SB = 250,
	TELNET_SE = 240,
	OPTION_COM_PORT = 44,
};

enum {
	TELNET_LINE_MAX = 192,
	TELNET_TAIL = 48,      /* kept of a line that is longer */
	TELNET_SUB_MAX = 1024, /* bytes of a sub-negotiation */
	TELNET_BANNER_LINES = 40,
	TELNET_INPUT_MAX = 64,
};

enum command_state { TEXT, COMMAND, OPTION, SUB_OPTION, SUB, SUB_COMMAND };
enum login_state { OPEN, USER, PASSWORD, WAIT };
enum prompt { PROMPT_NONE, PROMPT_OTHER, PROMPT_USER, PROMPT_PASSWORD };

struct side {
	enum command_state state;
	size_t sub_len;
	uint8_t line[TELNET_LINE_MAX];
	size_t n;         /* bytes in line */
	uint64_t line_at; /* offset where it began */
	unsigned lines;
	bool fresh;    /* line has grown since the other side last looked */
	bool after_cr; /* a LF or NUL that follows belongs to the CR */
};

struct telnet {
	struct observer *o;
	struct side side[2];
	enum login_state state;
	enum name_value client; /* who types, while state is not OPEN */
	uint8_t input[TELNET_INPUT_MAX];
	size_t input_len;
	struct hash128 user;
	struct bytes account;
	bool com_port;
};

/* --- prompts --- */

static bool
ends_with(struct bytes t, const char *s)
{
	struct bytes w = bytes_str(s);

	return t.len >= w.len && bytes_eq_nocase(bytes_from(t, t.len - w.len), w);
}

static enum prompt
prompt_of(struct bytes t)
{
	static const char *const user[] = {
	    "login:", "login name:", "username:", "user name:", "user:", "account:", "logon:"};
	static const char *const password[] = {"password:", "passwd:", "passcode:", "password"};

	t = bytes_trim(t);
	if (t.len == 0)
		return PROMPT_NONE;
	for (size_t i = 0; i < ARRAY_LEN(password); i++) {
		if (ends_with(t, password[i]))
			return PROMPT_PASSWORD;
	}
	if (ends_with(t, "last login:"))
		return PROMPT_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(user); i++) {
		if (ends_with(t, user[i]))
			return PROMPT_USER;
	}
	return PROMPT_OTHER;
}

static struct bytes
open_line(const struct side *d)
{
	return bytes_of(d->line, d->n);
}

/* --- outcomes --- */

static void
login(struct telnet *t, enum name_value outcome)
{
	enum name_value server = t->client == dir_orig ? dir_resp : dir_orig;
	struct ev_login l = {.proto = PROTO_telnet, .outcome = outcome, .user = t->user};

	t->state = OPEN;
	t->o->emit(t->o->owner, server, t->side[server].line_at, EV_login, &l);
}

static bool
holds_any(struct bytes line, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct bytes w = bytes_str(words[i]);

		for (size_t at = 0; at + w.len <= line.len; at++) {
			if (bytes_eq_nocase(bytes_sub(line, at, w.len), w))
				return true;
		}
	}
	return false;
}

static void
judge_line(struct telnet *t, struct bytes line)
{
	static const char *const refused[] = {"incorrect", "fail", "denied", "invalid", "bad ",
	    "wrong", "unauthorized", "not authorized", "refused"};
	static const char *const let_in[] = {
	    "last login", "welcome", "logged in", "successful", "granted"};

	if (holds_any(line, refused, ARRAY_LEN(refused)))
		login(t, outcome_failure);
	else if (holds_any(line, let_in, ARRAY_LEN(let_in)))
		login(t, outcome_success);
}

/* The open line of the server, once it is known to be whole. */
static void
judge(struct telnet *t, enum prompt p)
{
	if (p == PROMPT_USER || p == PROMPT_PASSWORD)
		login(t, outcome_failure);
	else if (p == PROMPT_OTHER)
		login(t, outcome_success);
}

/* --- text --- */

static void
banner(struct telnet *t, enum name_value dir)
{
	struct side *d = &t->side[dir];

	if (d->lines < TELNET_BANNER_LINES && (t->state == OPEN || dir != t->client))
		banner_tell(t->o, dir, d->line_at, open_line(d), "telnet banner");
}

static void
line_done(struct telnet *t, enum name_value dir)
{
	struct side *d = &t->side[dir];

	banner(t, dir);
	d->lines++;
	if (t->state == WAIT && dir != t->client)
		judge_line(t, open_line(d));
	d->n = 0;
	d->fresh = false;
}

static void
input_done(struct telnet *t, uint64_t at)
{
	struct bytes typed = bytes_trim(bytes_of(t->input, t->input_len));
	static const struct bytes known[] = {BYTES_INIT("root"), BYTES_INIT("admin"),
	    BYTES_INIT("administrator"), BYTES_INIT("guest"), BYTES_INIT("user"),
	    BYTES_INIT("test"), BYTES_INIT("service"), BYTES_INIT("operator")};

	if (t->state == USER) {
		t->user = observer_hash(t->o, typed);
		t->account = bytes_of(NULL, 0);
		for (size_t i = 0; i < ARRAY_LEN(known); i++) {
			if (bytes_eq_nocase(typed, known[i]))
				t->account = known[i];
		}
		t->state = OPEN;
	} else {
		struct ev_credential c = {.proto = PROTO_telnet,
		    .scheme = BYTES_INIT("telnet"),
		    .user = t->user,
		    .account = t->account};

		t->o->emit(t->o->owner, t->client, at, EV_credential, &c);
		t->state = WAIT;
	}
	memset(t->input, 0, sizeof(t->input));
	t->input_len = 0;
}

/* A byte of the side that answers a prompt. */
static void
typed(struct telnet *t, uint8_t c, uint64_t at)
{
	if (c == '\r' || c == '\n') {
		input_done(t, at);
	} else if (c == 8 || c == 127) {
		t->input_len -= t->input_len > 0;
	} else if (t->state == USER && t->input_len < TELNET_INPUT_MAX && c >= 0x20) {
		t->input[t->input_len++] = c;
	}
}

/* dir begins or goes on to speak: is what the other side left open a prompt? */
static void
prompt(struct telnet *t, enum name_value dir)
{
	struct side *other = &t->side[1 - dir];
	enum prompt p;

	if (!other->fresh)
		return;
	other->fresh = false;
	p = prompt_of(open_line(other));
	if (t->state == WAIT && dir == t->client)
		judge(t, p);
	if (t->state != OPEN || (p != PROMPT_USER && p != PROMPT_PASSWORD))
		return;
	t->client = dir;
	banner(t, dir == dir_orig ? dir_resp : dir_orig);
	t->state = p == PROMPT_USER ? USER : PASSWORD;
	other->n = 0;
}

static void
text(struct telnet *t, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct side *d = &t->side[dir];

	for (size_t i = 0; i < run.len; i++) {
		uint8_t c = run.ptr[i];

		if (d->after_cr && (c == '\n' || c == 0)) {
			d->after_cr = false;
			if (c == '\n' && (t->state == OPEN || dir != t->client))
				line_done(t, dir);
			continue;
		}
		d->after_cr = c == '\r';
		prompt(t, dir);
		if ((t->state == USER || t->state == PASSWORD) && dir == t->client) {
			typed(t, c, offset + i);
			continue;
		}
		if (c == '\n') {
			line_done(t, dir);
			continue;
		}
		if (c == '\r' || c == 0)
			continue;
		if (d->n == TELNET_LINE_MAX) {
			memmove(d->line, d->line + TELNET_LINE_MAX - TELNET_TAIL, TELNET_TAIL);
			d->n = TELNET_TAIL;
		}
		if (d->n == 0)
			d->line_at = offset + i;
		d->line[d->n++] = c;
		d->fresh = true;
	}
}

/* --- commands: RFC 854 --- */

static void
command_byte(struct telnet *t, enum name_value dir, uint8_t c, uint64_t at)
{
	struct side *d = &t->side[dir];

	switch (d->state) {
	case COMMAND:
		d->state = TEXT;
		if (c == TELNET_IAC) {
			text(t, dir, bytes_of(&c, 1), at);
			return;
		}
		observe_unit(t->o, UNIT_telnet_commands);
		if (c == TELNET_SB)
			d->state = SUB_OPTION;
		else if (c >= TELNET_WILL && c <= TELNET_DONT)
			d->state = OPTION;
		return;
	case OPTION:
		t->com_port = t->com_port || c == OPTION_COM_PORT;
		d->state = TEXT;
		return;
	case SUB_OPTION:
		t->com_port = t->com_port || c == OPTION_COM_PORT;
		d->sub_len = 0;
		d->state = SUB;
		return;
	case SUB:
		if (c == TELNET_IAC) {
			d->state = SUB_COMMAND;
		} else if (++d->sub_len == TELNET_SUB_MAX) {
			observe_anomaly(t->o, dir, at, ANOMALY_telnet_suboption_long, PROTO_telnet,
			    "over 1024 bytes");
			d->state = TEXT;
		}
		return;
	case SUB_COMMAND:
		d->state = c == TELNET_IAC ? SUB : TEXT;
		if (c != TELNET_IAC)
			observe_unit(t->o, UNIT_telnet_commands);
		return;
	case TEXT:
		return;
	}
}

static void
telnet_data(void *session, enum name_value dir, struct bytes run, uint64_t offset)
{
	struct telnet *t = session;
	struct side *d = &t->side[dir];

	while (run.len > 0) {
		size_t n = 1;

		if (d->state != TEXT) {
			command_byte(t, dir, run.ptr[0], offset);
		} else if (run.ptr[0] == TELNET_IAC) {
			d->state = COMMAND;
		} else {
			n = bytes_find(run, TELNET_IAC);
			text(t, dir, bytes_sub(run, 0, n), offset);
		}
		run = bytes_from(run, n);
		offset += n;
	}
}

/* --- recognising --- */

/* Step over whole commands at the start. False: what stands there is no telnet command. */
static bool
skip_commands(struct bytes *h, bool *any)
{
	while (h->len > 0 && h->ptr[0] == TELNET_IAC) {
		size_t n = 2, end;

		if (h->len < 2) {
			*h = bytes_of(NULL, 0);
			return true;
		}
		if (h->ptr[1] < TELNET_SE || h->ptr[1] == TELNET_IAC)
			return false;
		if (h->ptr[1] == TELNET_SB) {
			end = bytes_find_seq(*h, BYTES("\xff\xf0"));
			n = end == h->len ? h->len : end + 2;
		} else if (h->ptr[1] >= TELNET_WILL) {
			n = 3;
		}
		if (h->len < n) {
			*h = bytes_of(NULL, 0);
			return true;
		}
		*any = true;
		*h = bytes_from(*h, n);
	}
	return true;
}

/* Text of terminals, not the control bytes by which LIS01, MLLP and others begin. */
static bool
is_terminal_byte(uint8_t c)
{
	return c >= 0x20 || c == '\r' || c == '\n' || c == '\t' || c == 0 || c == 7 || c == 8 ||
	       c == 0x1b || c == 0x0c || c == 3;
}

/* Commands that lead to terminal text, or without commands text that ends in a prompt for a
 * user or a password. Commands alone may still turn out to carry a serial line's LIS01. */
static enum probe
telnet_probe(const struct probe_view *v)
{
	bool commands = false, terminal = false, prompted = false;

	for (size_t i = 0; i < 2; i++) {
		struct bytes h = v->head[i];
		enum prompt p;

		if (!skip_commands(&h, &commands))
			return PROBE_NO;
		if (h.len == 0)
			continue;
		for (size_t k = 0; k < h.len && k < 64; k++) {
			if (h.ptr[k] != TELNET_IAC && !is_terminal_byte(h.ptr[k]))
				return PROBE_NO;
			if (h.ptr[k] == TELNET_IAC)
				break;
		}
		terminal = true;
		p = prompt_of(bytes_sub(h, 0, PROBE_BYTES_MAX));
		prompted = prompted || p == PROMPT_USER || p == PROMPT_PASSWORD;
	}
	if (commands)
		return terminal || v->ended ? PROBE_YES : PROBE_MAYBE;
	if (prompted)
		return PROBE_YES;
	return v->ended || v->head[0].len >= PROBE_BYTES_MAX || v->head[1].len >= PROBE_BYTES_MAX
		   ? PROBE_NO
		   : PROBE_MAYBE;
}

static void *
telnet_open(struct observer *o)
{
	struct telnet *t = budget_alloc(o->budget, sizeof(*t));

	if (t != NULL)
		t->o = o;
	return t;
}

static void
telnet_gap(void *session, enum name_value dir, uint64_t offset, uint64_t missing)
{
	struct telnet *t = session;
	struct side *d = &t->side[dir];

	(void)offset;
	(void)missing;
	d->state = TEXT;
	d->n = 0;
	d->fresh = false;
	d->after_cr = false;
	t->side[1 - dir].fresh = false; /* what was answered to it is lost */
	if (t->state == USER || t->state == PASSWORD)
		t->state = OPEN;
	t->input_len = 0;
}

static void
telnet_end(void *session, enum name_value dir)
{
	struct telnet *t = session;
	const struct side *server = &t->side[1 - t->client];

	(void)dir;
	if (t->state != WAIT)
		return;
	judge(t, server->n > 0 ? prompt_of(open_line(server)) : PROMPT_NONE);
	if (t->state == WAIT)
		login(t, outcome_unknown);
}

static void
telnet_close(void *session)
{
	struct telnet *t = session;

	memset(t->input, 0, sizeof(t->input));
	budget_free(t->o->budget, t, sizeof(*t));
}

static enum proto
telnet_carries(const void *session)
{
	const struct telnet *t = session;

	return t->com_port ? PROTO_rfc2217 : PROTO_telnet;
}

const struct protocol telnet_protocol = {
    .id = PROTO_telnet,
    .name = "telnet",
    .probe = telnet_probe,
    .open = telnet_open,
    .data = telnet_data,
    .gap = telnet_gap,
    .end = telnet_end,
    .close = telnet_close,
    .carries = telnet_carries,
};
