/* SPDX-License-Identifier: Apache-2.0 */
#include "people/people.h"

#include <stdio.h>

#include "base/pack.h"

enum { PEOPLE_VERSION = 1 };

static const char *const role_labels[ROLES] = {
    "none",
#define ROLE(id, no, text) [no] = #id,
#include "people/roles.def"
};

static const char *const role_texts[ROLES] = {
    "",
#define ROLE(id, no, text) [no] = (text),
#include "people/roles.def"
};

struct permission_row {
	const char *label, *text;
	unsigned roles;
};

static const struct permission_row permissions[PERMISSIONS] = {
#define PERMISSION(id, roles, text) [PERM_##id] = {#id, (text), (roles)},
#include "people/roles.def"
};

const char *
role_label(enum role r)
{
	return (unsigned)r < ROLES ? role_labels[r] : role_labels[ROLE_NONE];
}

const char *
role_text(enum role r)
{
	return (unsigned)r < ROLES ? role_texts[r] : "";
}

bool
role_of_label(struct bytes label, enum role *r)
{
	for (unsigned i = ROLE_NONE + 1; i < ROLES; i++) {
		if (bytes_eq(label, bytes_str(role_labels[i]))) {
			*r = (enum role)i;
			return true;
		}
	}
	return false;
}

bool
role_may(enum role r, enum permission p)
{
	return (unsigned)p < PERMISSIONS && (unsigned)r < ROLES &&
	       (permissions[p].roles >> (unsigned)r & 1U) != 0;
}

const char *
permission_label(enum permission p)
{
	return permissions[p].label;
}

const char *
permission_text(enum permission p)
{
	return permissions[p].text;
}

unsigned
permission_roles(enum permission p)
{
	return permissions[p].roles;
}

/* --- as bytes --- */

void
people_encode(const struct people *p, struct buf *out)
{
	pack_u64(out, PEOPLE_VERSION);
	pack_u64(out, p->n);
	for (size_t i = 0; i < p->n; i++) {
		const struct account *a = &p->accounts[i];

		pack_bytes(out, bytes_str(a->name));
		pack_u64(out, a->role);
		pack_u64(out, a->disabled);
		pack_u64(out, a->epoch);
		pack_bytes(out, bytes_str(a->secret));
		pack_u64(out, (uint64_t)a->created.ns);
		pack_u64(out, (uint64_t)a->changed.ns);
	}
}

static bool
take_text(struct cursor *c, char *out, size_t room)
{
	struct bytes t = unpack_bytes(c, room - 1);

	if (t.len > 0 && memchr(t.ptr, 0, t.len) != NULL)
		return false;
	(void)snprintf(out, room, "%.*s", (int)t.len, t.len > 0 ? (const char *)t.ptr : "");
	return true;
}

enum err
people_decode(struct people *p, struct bytes in, struct why *why)
{
	struct cursor c = cursor_of(in);
	size_t n;

	p->n = 0;
	if (in.len == 0)
		return ERR_OK;
	if (unpack_u64(&c) != PEOPLE_VERSION)
		return FAIL(why, ERR_INPUT, "the accounts were kept by another version");
	n = (size_t)unpack_upto(&c, ACCOUNTS_MAX);
	for (size_t i = 0; i < n && !c.short_; i++) {
		struct account *a = &p->accounts[i];
		bool fits = take_text(&c, a->name, sizeof(a->name));

		a->role = (enum role)unpack_upto(&c, ROLES - 1);
		a->disabled = unpack_upto(&c, 1) != 0;
		a->epoch = (uint32_t)unpack_upto(&c, UINT32_MAX);
		fits &= take_text(&c, a->secret, sizeof(a->secret));
		a->created.ns = (int64_t)unpack_u64(&c);
		a->changed.ns = (int64_t)unpack_u64(&c);
		if (!fits || !account_name_ok(bytes_str(a->name)))
			c.short_ = true;
	}
	if (c.short_ || cursor_left(&c) != 0)
		return FAIL(why, ERR_INPUT, "the accounts that were kept do not hold together");
	p->n = n;
	return ERR_OK;
}

/* --- rules --- */

static const char *const act_labels[] = {[PEOPLE_SETUP] = "setup",
    [PEOPLE_CREATE] = "create",
    [PEOPLE_ROLE] = "role",
    [PEOPLE_PASSWORD] = "password",
    [PEOPLE_DISABLE] = "disable",
    [PEOPLE_ENABLE] = "enable"};

const char *
people_act_label(enum people_act a)
{
	return act_labels[a];
}

bool
people_act_of_label(struct bytes label, enum people_act *a)
{
	for (size_t i = 0; i < ARRAY_LEN(act_labels); i++) {
		if (bytes_eq(label, bytes_str(act_labels[i]))) {
			*a = (enum people_act)i;
			return true;
		}
	}
	return false;
}

bool
account_name_ok(struct bytes name)
{
	if (name.len == 0 || name.len >= ACCOUNT_NAME_MAX || name.ptr[0] < 'a' || name.ptr[0] > 'z')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
			c == '-'))
			return false;
	}
	return true;
}

static size_t
place_of(const struct people *p, struct bytes name)
{
	size_t i = 0;

	while (i < p->n && !bytes_eq(name, bytes_str(p->accounts[i].name)))
		i++;
	return i;
}

const struct account *
people_find(const struct people *p, struct bytes name)
{
	size_t i = place_of(p, name);

	return i < p->n ? &p->accounts[i] : NULL;
}

static bool
last_administrator(const struct people *p, size_t which)
{
	if (p->accounts[which].role != ROLE_administrator || p->accounts[which].disabled)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		if (i != which && p->accounts[i].role == ROLE_administrator &&
		    !p->accounts[i].disabled)
			return false;
	}
	return true;
}

static enum err
add_account(struct people *p, const struct people_change *c, enum role role, struct why *why)
{
	struct account *a = &p->accounts[p->n];

	if (!account_name_ok(c->name))
		return FAIL(why, ERR_USAGE,
		    "an account name has 1 to %d of a-z 0-9 . _ - and starts with a letter",
		    ACCOUNT_NAME_MAX - 1);
	if (place_of(p, c->name) < p->n)
		return FAIL(why, ERR_REFUSED, "there is an account of that name already");
	if (p->n >= ACCOUNTS_MAX)
		return FAIL(
		    why, ERR_LIMIT, "there are %d accounts, the most there can be", ACCOUNTS_MAX);
	*a = (struct account){.role = role, .epoch = 1, .created = c->now, .changed = c->now};
	memcpy(a->name, c->name.ptr, c->name.len);
	memcpy(a->secret, c->secret.ptr, c->secret.len);
	p->n++;
	return ERR_OK;
}

static enum err
change_account(struct people *p, size_t at, const struct people_change *c, struct why *why)
{
	struct account *a = &p->accounts[at];
	bool loses =
	    c->act == PEOPLE_DISABLE || (c->act == PEOPLE_ROLE && c->role != ROLE_administrator);

	if (loses && last_administrator(p, at))
		return FAIL(why, ERR_REFUSED,
		    "%s is the last administrator; make another one first", a->name);
	if (c->act == PEOPLE_ROLE)
		a->role = c->role;
	else if (c->act == PEOPLE_PASSWORD) {
		memset(a->secret, 0, sizeof(a->secret));
		memcpy(a->secret, c->secret.ptr, c->secret.len);
	} else {
		a->disabled = c->act == PEOPLE_DISABLE;
	}
	a->epoch++;
	a->changed = c->now;
	return ERR_OK;
}

enum err
people_apply(struct people *p, const struct people_change *c, struct why *why)
{
	bool makes = c->act == PEOPLE_SETUP || c->act == PEOPLE_CREATE;
	size_t at;

	if ((makes || c->act == PEOPLE_PASSWORD) &&
	    (c->secret.len == 0 || c->secret.len >= ACCOUNT_SECRET_MAX))
		return FAIL(why, ERR_USAGE, "a password is missing");
	if ((c->act == PEOPLE_CREATE || c->act == PEOPLE_ROLE) &&
	    (c->role <= ROLE_NONE || c->role >= ROLES))
		return FAIL(why, ERR_USAGE, "a role is missing");
	if (c->act == PEOPLE_SETUP && p->n > 0)
		return FAIL(why, ERR_REFUSED, "set-up is over: there is an account already");
	if (makes)
		return add_account(
		    p, c, c->act == PEOPLE_SETUP ? ROLE_administrator : c->role, why);
	if ((at = place_of(p, c->name)) == p->n)
		return FAIL(why, ERR_ABSENT, "there is no such account");
	return change_account(p, at, c, why);
}

/* --- passwords --- */

static const char *const common_words[] = {
#define WORD(w) w,
#include "people/common.def"
};

static uint8_t
as_letter(uint8_t c)
{
	static const char from[] = "013457@$!|", to[] = "oieastasii";
	const char *p;

	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c + 32);
	p = c == 0 ? NULL : strchr(from, c);
	return p == NULL ? c : (uint8_t)to[p - from];
}

static bool
is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool
is_common(struct bytes word)
{
	for (size_t i = 0; i < ARRAY_LEN(common_words); i++) {
		if (bytes_eq(word, bytes_str(common_words[i])))
			return true;
	}
	return false;
}

/* The same few characters over and over, or one run up or down the alphabet. */
static bool
is_pattern(struct bytes p)
{
	for (size_t period = 1; period <= 4 && period * 2 <= p.len; period++) {
		if (memcmp(p.ptr, p.ptr + period, p.len - period) == 0)
			return true;
	}
	for (int step = -1; step <= 1; step += 2) {
		/* Where digits begin anew: 90 upwards, 09 downwards. */
		const uint8_t last = step > 0 ? '9' : '0', first = step > 0 ? '0' : '9';
		size_t i = 1;

		while (i < p.len && (p.ptr[i] == p.ptr[i - 1] + step ||
					(p.ptr[i - 1] == last && p.ptr[i] == first)))
			i++;
		if (i == p.len)
			return true;
	}
	return false;
}

/* What is left of a password when decoration is taken off: letters, ends cut. */
static bool
is_decorated_word(struct bytes p, struct bytes name)
{
	uint8_t plain[PASSWORD_MAX];
	struct bytes left = p, letters;
	bool common;

	while (left.len > 0 && !is_letter(left.ptr[left.len - 1]))
		left.len--;
	while (left.len > 0 && !is_letter(left.ptr[0]))
		left = bytes_from(left, 1);
	for (size_t i = 0; i < left.len; i++)
		plain[i] = as_letter(left.ptr[i]);
	letters = bytes_of(plain, left.len);
	common = letters.len > 0 && (is_common(letters) || bytes_eq_nocase(letters, name));
	for (size_t cut = 3; !common && cut + 3 <= letters.len; cut++)
		common = (is_common(bytes_sub(letters, 0, cut)) ||
			     bytes_eq_nocase(bytes_sub(letters, 0, cut), name)) &&
			 is_common(bytes_from(letters, cut));
	return common;
}

enum err
password_judge(struct bytes password, struct bytes name, struct why *why)
{
	if (password.len < PASSWORD_MIN)
		return FAIL(why, ERR_USAGE,
		    "a password has at least %d characters; three or four unrelated words make a "
		    "good one",
		    PASSWORD_MIN);
	if (password.len > PASSWORD_MAX)
		return FAIL(why, ERR_USAGE, "a password has at most %d characters", PASSWORD_MAX);
	if (memchr(password.ptr, 0, password.len) != NULL)
		return FAIL(why, ERR_USAGE, "a password holds no zero byte");
	if (is_pattern(password) || is_decorated_word(password, name))
		return FAIL(why, ERR_USAGE,
		    "that password is among the first an attacker tries; three or four unrelated "
		    "words make a good one");
	return ERR_OK;
}
