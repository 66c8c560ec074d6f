/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/pairing.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "crypto/ca.h"
#include "crypto/pake.h"
#include "crypto/random.h"
#include "sys/fd.h"

enum { SALT = 16, DIGITS = 9, MESSAGE_MAX = PAIRING_CARD_MAX + 2 * PAKE_PROOF };

#define MAGIC     BYTES("hemostat pairing 1\n")
#define MAGIC_LEN 19

static const struct bytes name_a = BYTES_INIT("joiner"), name_b = BYTES_INIT("offerer");

enum err
pairing_code(char out[PAIRING_CODE_MAX], struct why *why)
{
	uint64_t random;
	enum err e = crypto_random(&random, sizeof(random), why);
	unsigned n = (unsigned)(random % 1000000000);

	(void)snprintf(
	    out, PAIRING_CODE_MAX, "%03u-%03u-%03u", n / 1000000, n / 1000 % 1000, n % 1000);
	return e;
}

/* Digits only: people type blanks and dashes as they like. */
static struct bytes
plain_code(struct bytes code, uint8_t out[PAIRING_CODE_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < code.len && n < PAIRING_CODE_MAX; i++) {
		if (code.ptr[i] >= '0' && code.ptr[i] <= '9')
			out[n++] = code.ptr[i];
	}
	return bytes_of(out, n);
}

/* --- messages --- */

static enum err
send_bytes(int fd, struct bytes data, struct why *why)
{
	uint8_t out[2 + MESSAGE_MAX] = {(uint8_t)(data.len >> 8), (uint8_t)data.len};

	memcpy(out + 2, data.ptr, data.len);
	return fd_write_all(fd, bytes_of(out, 2 + data.len), why);
}

static enum err
read_all(int fd, uint8_t *to, size_t n, struct why *why)
{
	enum err e = ERR_OK;
	size_t got;

	for (; n > 0; to += got, n -= got) {
		if ((e = fd_read_some(fd, to, n, &got, why)) != ERR_OK)
			return FAIL(why, ERR_INPUT, "the other box did not answer");
		if (got == 0)
			return FAIL(why, ERR_INPUT, "the other box ended the connection");
	}
	return e;
}

static enum err
receive(int fd, uint8_t *to, size_t min, size_t max, size_t *len, struct why *why)
{
	uint8_t head[2];
	enum err e;

	if ((e = read_all(fd, head, 2, why)) != ERR_OK)
		return e;
	*len = (size_t)head[0] << 8 | head[1];
	if (*len < min || *len > max)
		return FAIL(why, ERR_INPUT,
		    "what answers there is no hemostat gate pair (%zu bytes, expected %zu to %zu)",
		    *len, min, max);
	return read_all(fd, to, *len, why);
}

static void
set_patience(int fd)
{
	struct timeval wait = {PAIRING_STEP_S, 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
}

/* --- cards: MAC, u8 length and name, u16 port, certificate --- */

/* The side is under the MAC, so that a card cannot be sent back to who made it. */
static void
seal(const uint8_t key[PAKE_KEY], char side, struct bytes body, uint8_t mac[PAKE_PROOF])
{
	uint8_t room[1 + PAIRING_CARD_MAX];

	room[0] = (uint8_t)side;
	memcpy(room + 1, body.ptr, body.len);
	pake_mac(key, bytes_of(room, 1 + body.len), mac);
}

static size_t
write_card(const struct pairing_card *c, const uint8_t key[PAKE_KEY], char side,
    uint8_t out[PAKE_PROOF + PAIRING_CARD_MAX])
{
	uint8_t *p = out + PAKE_PROOF;
	size_t n = strlen(c->name), at = 0;

	p[at++] = (uint8_t)n;
	memcpy(p + at, c->name, n);
	at += n;
	p[at++] = (uint8_t)(c->port >> 8);
	p[at++] = (uint8_t)c->port;
	memcpy(p + at, c->authority, c->len);
	at += c->len;
	seal(key, side, bytes_of(p, at), out);
	return PAKE_PROOF + at;
}

static enum err
read_card(struct bytes in, const uint8_t key[PAKE_KEY], char side, struct pairing_card *c,
    struct why *why)
{
	struct bytes mac = bytes_sub(in, 0, PAKE_PROOF), body = bytes_from(in, PAKE_PROOF), name;
	uint8_t want[PAKE_PROOF];
	struct cert_info info;
	enum err e;

	*c = (struct pairing_card){0};
	if (body.len == 0 || body.len > PAIRING_CARD_MAX)
		return FAIL(why, ERR_INPUT, "the other box sent a broken card");
	seal(key, side, body, want);
	if (!bytes_eq_secret(mac, bytes_of(want, PAKE_PROOF)))
		return FAIL(why, ERR_REFUSED, "the other box's card was changed on the way");
	name = bytes_sub(body, 1, body.ptr[0]);
	if (!name_is_plain(name) || body.len < 4 + name.len)
		return FAIL(why, ERR_INPUT, "the other box's name cannot be read");
	memcpy(c->name, name.ptr, name.len);
	body = bytes_from(body, 1 + name.len);
	c->port = (uint16_t)(body.ptr[0] << 8 | body.ptr[1]);
	body = bytes_from(body, 2);
	if (body.len > GATE_CERT_MAX || (e = cert_read(body, &info, why)) != ERR_OK ||
	    !info.authority) {
		*c = (struct pairing_card){0};
		return FAIL(why, ERR_INPUT, "the other box's certificate cannot be read");
	}
	memcpy(c->authority, body.ptr, body.len);
	c->len = (uint16_t)body.len;
	return ERR_OK;
}

/* --- the two sides --- */

enum err
pairing_offer(int fd, struct bytes code, const struct pairing_card *ours,
    struct pairing_card *theirs, struct why *why)
{
	uint8_t hello[MAGIC_LEN + SALT], in[MESSAGE_MAX], out[MESSAGE_MAX], key[PAKE_KEY] = {0};
	uint8_t digits[PAIRING_CODE_MAX];
	struct pake *p = NULL;
	size_t n;
	enum err e;

	set_patience(fd);
	memcpy(hello, MAGIC.ptr, MAGIC_LEN);
	if ((e = crypto_random(hello + MAGIC_LEN, SALT, why)) != ERR_OK ||
	    (e = send_bytes(fd, bytes_of(hello, sizeof(hello)), why)) != ERR_OK ||
	    (e = receive(fd, in, PAKE_SHARE, PAKE_SHARE, &n, why)) != ERR_OK ||
	    (e = pake_new(&p, PAKE_B, plain_code(code, digits), bytes_of(hello, sizeof(hello)),
		 name_a, name_b, why)) != ERR_OK)
		goto done;
	/* Our proof goes out only after theirs was right. */
	if ((e = pake_meet(p, bytes_of(in, n), out, why)) != ERR_OK)
		goto done;
	pake_share(p, in);
	if ((e = send_bytes(fd, bytes_of(in, PAKE_SHARE), why)) != ERR_OK ||
	    (e = receive(fd, in, PAKE_PROOF, PAKE_PROOF, &n, why)) != ERR_OK ||
	    (e = pake_finish(p, bytes_of(in, n), key, why)) != ERR_OK)
		goto done;
	n = PAKE_PROOF + write_card(ours, key, 'B', out + PAKE_PROOF);
	if ((e = send_bytes(fd, bytes_of(out, n), why)) != ERR_OK ||
	    (e = receive(fd, in, PAKE_PROOF + 4, PAKE_PROOF + PAIRING_CARD_MAX, &n, why)) !=
		ERR_OK ||
	    (e = read_card(bytes_of(in, n), key, 'A', theirs, why)) != ERR_OK)
		goto done;
	e = send_bytes(fd, BYTES("done"), why);
done:
	crypto_wipe(key, sizeof(key));
	crypto_wipe(digits, sizeof(digits));
	pake_free(p);
	return e;
}

enum err
pairing_join(int fd, struct bytes code, const struct pairing_card *ours,
    struct pairing_card *theirs, struct why *why)
{
	uint8_t hello[MAGIC_LEN + SALT], in[MESSAGE_MAX], out[MESSAGE_MAX], key[PAKE_KEY] = {0};
	uint8_t digits[PAIRING_CODE_MAX];
	struct pake *p = NULL;
	size_t n;
	enum err e;

	set_patience(fd);
	if ((e = receive(fd, hello, sizeof(hello), sizeof(hello), &n, why)) != ERR_OK)
		goto done;
	if (memcmp(hello, MAGIC.ptr, MAGIC_LEN) != 0) {
		e = FAIL(why, ERR_INPUT, "what answers there is no hemostat gate pair");
		goto done;
	}
	if ((e = pake_new(&p, PAKE_A, plain_code(code, digits), bytes_of(hello, sizeof(hello)),
		 name_a, name_b, why)) != ERR_OK)
		goto done;
	pake_share(p, out);
	if ((e = send_bytes(fd, bytes_of(out, PAKE_SHARE), why)) != ERR_OK ||
	    (e = receive(fd, in, PAKE_SHARE, PAKE_SHARE, &n, why)) != ERR_OK ||
	    (e = pake_meet(p, bytes_of(in, n), out, why)) != ERR_OK ||
	    (e = send_bytes(fd, bytes_of(out, PAKE_PROOF), why)) != ERR_OK)
		goto done;
	if (receive(fd, in, 2 * PAKE_PROOF + 4, MESSAGE_MAX, &n, why) != ERR_OK) {
		e = FAIL(why, ERR_REFUSED, "the other box did not accept the code");
		goto done;
	}
	if ((e = pake_finish(p, bytes_of(in, PAKE_PROOF), key, why)) != ERR_OK ||
	    (e = read_card(bytes_of(in + PAKE_PROOF, n - PAKE_PROOF), key, 'B', theirs, why)) !=
		ERR_OK)
		goto done;
	n = write_card(ours, key, 'A', out);
	if ((e = send_bytes(fd, bytes_of(out, n), why)) == ERR_OK)
		e = receive(fd, in, 4, 4, &n, why);
done:
	crypto_wipe(key, sizeof(key));
	crypto_wipe(digits, sizeof(digits));
	pake_free(p);
	return e;
}
