/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants:
 * 1. A session is found only by its token, compared in constant time; a token is 128 random bits.
 * 2. It is over after SESSION_IDLE_S without a request, or SESSION_LONGEST_S after log-in, or when
 *    its account changed (epoch), whichever comes first.
 * 3. Sessions live in memory only: a restart signs everybody out. */
#include <stdlib.h>

#include "api/inner.h"
#include "crypto/random.h"

enum { SESSIONS_MAX = 256, BUCKETS = 1024, RATE_PER_S = 50, RATE_BURST = 200 };
enum { THROTTLE_FREE = 5, THROTTLE_MAX_S = 300 };

struct rate {
	uint64_t key;
	int64_t allowance;
	struct mono filled;
};

struct throttle {
	uint64_t key;
	unsigned failures;
	struct mono until;
};

struct session_table {
	struct session rows[SESSIONS_MAX];
	uint64_t last_serial;
	struct rate rates[BUCKETS];
	struct throttle throttles[BUCKETS];
};

struct session_table *
sessions_new(void)
{
	return calloc(1, sizeof(struct session_table));
}

void
sessions_free(struct session_table *t)
{
	if (t != NULL)
		crypto_wipe(t, sizeof(*t));
	free(t);
}

static bool
is_over(const struct session *s, struct wall now)
{
	return s->serial == 0 || now.ns - s->seen.ns > SESSION_IDLE_S * NS_PER_S ||
	       now.ns - s->started.ns > SESSION_LONGEST_S * NS_PER_S;
}

static enum err
random_word(char out[API_TOKEN_MAX], struct why *why)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t b[16];
	enum err e = crypto_random(b, sizeof(b), why);

	for (size_t i = 0; i < sizeof(b); i++) {
		out[2 * i] = hex[b[i] >> 4];
		out[2 * i + 1] = hex[b[i] & 15];
	}
	out[2 * sizeof(b)] = 0;
	return e;
}

struct session *
session_start(struct session_table *t, const struct account *who, struct wall now, struct why *why)
{
	struct session *s = &t->rows[0];

	for (size_t i = 0; i < SESSIONS_MAX && !is_over(s, now); i++) {
		if (is_over(&t->rows[i], now) || t->rows[i].seen.ns < s->seen.ns)
			s = &t->rows[i];
	}
	session_end(s);
	if (random_word(s->token, why) != ERR_OK || random_word(s->csrf, why) != ERR_OK) {
		session_end(s);
		return NULL;
	}
	memcpy(s->name, who->name, sizeof(s->name));
	s->epoch = who->epoch;
	s->started = s->seen = now;
	s->serial = ++t->last_serial;
	return s;
}

struct session *
session_of(struct session_table *t, struct bytes token, struct wall now)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct session *s = &t->rows[i];

		if (s->serial == 0 || !bytes_eq_secret(token, bytes_str(s->token)))
			continue;
		if (!is_over(s, now))
			return s;
		session_end(s);
	}
	return NULL;
}

struct session *
session_numbered(struct session_table *t, uint64_t serial, struct wall now)
{
	for (size_t i = 0; i < SESSIONS_MAX && serial != 0; i++) {
		if (t->rows[i].serial == serial)
			return is_over(&t->rows[i], now) ? NULL : &t->rows[i];
	}
	return NULL;
}

void
session_end(struct session *s)
{
	if (s != NULL)
		crypto_wipe(s, sizeof(*s));
}

size_t
sessions_live(const struct session_table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < SESSIONS_MAX; i++)
		n += t->rows[i].serial != 0;
	return n;
}

/* --- rates --- */

static bool
take(int64_t *allowance, struct mono *filled, struct mono now)
{
	const int64_t cost = NS_PER_S / RATE_PER_S, most = cost * RATE_BURST;
	int64_t more = now.ns - filled->ns;

	*allowance = filled->ns == 0 || more > most - *allowance ? most : *allowance + more;
	*filled = now;
	if (*allowance < cost)
		return false;
	*allowance -= cost;
	return true;
}

bool
rate_take(struct session_table *t, struct session *s, uint64_t address, struct mono now)
{
	struct rate *r = &t->rates[address % BUCKETS];

	if (s != NULL)
		return take(&s->allowance, &s->filled, now);
	if (r->key != address)
		*r = (struct rate){.key = address};
	return take(&r->allowance, &r->filled, now);
}

unsigned
throttle_wait(const struct session_table *t, uint64_t key, struct mono now)
{
	const struct throttle *h = &t->throttles[key % BUCKETS];

	if (h->key != key || h->until.ns <= now.ns)
		return 0;
	return (unsigned)((h->until.ns - now.ns + NS_PER_S - 1) / NS_PER_S);
}

void
throttle_failed(struct session_table *t, uint64_t key, struct mono now)
{
	struct throttle *h = &t->throttles[key % BUCKETS];
	int64_t wait_s = 0;

	/* A neighbour in the table must not wash a long wait away. */
	if (h->key != key && h->until.ns <= now.ns)
		*h = (struct throttle){.key = key};
	h->failures++;
	if (h->failures >= THROTTLE_FREE) {
		unsigned doubled = h->failures - THROTTLE_FREE;

		wait_s = doubled > 8 ? THROTTLE_MAX_S : INT64_C(1) << doubled;
		if (wait_s > THROTTLE_MAX_S)
			wait_s = THROTTLE_MAX_S;
	}
	h->until.ns = now.ns + wait_s * NS_PER_S;
}

void
throttle_cleared(struct session_table *t, uint64_t key)
{
	struct throttle *h = &t->throttles[key % BUCKETS];

	if (h->key == key)
		*h = (struct throttle){0};
}
