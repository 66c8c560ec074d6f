/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts of people: names, roles, and the rules of changing them. Pure: hashing of passwords is
 * crypto/password.h, keeping is the store's value PEOPLE_VALUE.
 * Input:   people_decode() takes any bytes; names, roles and secrets of a change come from outside.
 * Memory:  struct people is plain data of fixed size; nothing is allocated.
 * Limits:  ACCOUNTS_MAX accounts.
 * Rules:   there is always an enabled administrator once there is an account; a name is given
 *          once; a disabled account keeps its name, so that what it did stays told apart. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

enum {
	ACCOUNTS_MAX = 128,
	ACCOUNT_NAME_MAX = 32,    /* bytes with the terminator */
	ACCOUNT_SECRET_MAX = 128, /* of a password's hash, with the terminator */
	PASSWORD_MIN = 12,        /* characters as bytes */
	PASSWORD_MAX = 128,
};

#define PEOPLE_VALUE "people"

enum role {
	ROLE_NONE,
#define ROLE(id, no, text) ROLE_##id = (no),
#include "people/roles.def"
	ROLES
};

#define ROLE_ALL ((1U << ROLES) - 2)

enum permission {
#define PERMISSION(id, roles, text) PERM_##id,
#include "people/roles.def"
	PERMISSIONS
};

const char *role_label(enum role r); /* "none" for no role */
const char *role_text(enum role r);
bool role_of_label(struct bytes label, enum role *r);
bool role_may(enum role r, enum permission p);
const char *permission_label(enum permission p);
const char *permission_text(enum permission p);
unsigned permission_roles(enum permission p); /* bits 1 << role */

struct account {
	char name[ACCOUNT_NAME_MAX];
	enum role role;
	bool disabled;
	uint32_t epoch; /* sessions of an older one are over: it grows with every change */
	char secret[ACCOUNT_SECRET_MAX];
	struct wall created, changed;
};

struct people {
	size_t n;
	struct account accounts[ACCOUNTS_MAX];
};

/* Empty bytes give no accounts. ERR_INPUT: not what people_encode() writes; *p is then empty. */
enum err people_decode(struct people *p, struct bytes in, struct why *why) MUST_CHECK;
void people_encode(const struct people *p, struct buf *out);

/* NULL: no such account. */
const struct account *people_find(const struct people *p, struct bytes name);

enum people_act {
	PEOPLE_SETUP,  /* the first account, an administrator: only where there is none */
	PEOPLE_CREATE, /* name, role, secret */
	PEOPLE_ROLE,
	PEOPLE_PASSWORD, /* secret */
	PEOPLE_DISABLE,
	PEOPLE_ENABLE,
};

struct people_change {
	enum people_act act;
	struct bytes name;
	enum role role;
	struct bytes secret;
	struct wall now;
};

const char *people_act_label(enum people_act a);
bool people_act_of_label(struct bytes label, enum people_act *a);

/* ERR_USAGE: a name, role or secret that cannot be. ERR_ABSENT: no such account. ERR_REFUSED: the
 * rules forbid it (name taken, last administrator, already set up). ERR_LIMIT: ACCOUNTS_MAX. *p is
 * changed only on success. */
enum err people_apply(struct people *p, const struct people_change *c, struct why *why) MUST_CHECK;

/* 1 to 31 of a-z 0-9 . _ -, starting with a letter. */
bool account_name_ok(struct bytes name);

/* ERR_USAGE: too short, too long, too common, or made of the name; why says what to do better. */
enum err password_judge(struct bytes password, struct bytes name, struct why *why) MUST_CHECK;
