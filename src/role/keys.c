/* SPDX-License-Identifier: Apache-2.0 */
/* Role keys: holds the private keys, signs for the gateway, nothing else.
 * Descriptors: 3 the socket to the gate role, 4 the folder `gate` of the data directory.
 * Allow list: signatures by the gateway's own key over digests of TLS' lengths, KEYS_A_SECOND at
 * most; a new certificate for that same key under our own name. The authority's key signs nothing
 * that the gate can choose. The keys are made here where they are missing; after the sandbox is
 * closed there is no file, no other socket.
 * Ends: 0 the gate is gone; 3 it broke the protocol; 4 system trouble. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "crypto/ca.h"
#include "role/role.h"
#include "sys/clock.h"
#include "sys/sandbox.h"

enum { FD_GATE = 3, FD_DIR = 4, STATUS_INPUT = 3, STATUS_SYSTEM = 4 };
enum { KEYS_A_SECOND = 5000, CERTIFICATE_DAYS = 7, RENEWALS_A_MINUTE = 30 };

struct keys {
	struct ca *ca;
	struct buf authority;
	int64_t second, minute;
	unsigned signed_now, renewed_now;
};

/* Letters of the host's name that may stand in a name of ours. */
static void
own_name(char out[CERT_NAME_MAX])
{
	char host[128] = "";
	size_t n = 0;

	(void)gethostname(host, sizeof(host) - 1);
	for (const char *p = host; *p != 0 && n < CERT_NAME_MAX - 1; p++) {
		out[n] = *p;
		if (name_is_plain(bytes_of(out, n + 1)))
			n++;
	}
	out[n] = 0;
	if (n == 0)
		(void)snprintf(out, CERT_NAME_MAX, "hemostat");
}

static enum err
fill(struct keys *k, struct ipc_certificate *m, struct why *why)
{
	struct buf leaf = {0};
	struct cert_info info = {0};
	enum err e;

	*m = (struct ipc_certificate){0};
	if ((e = ca_leaf(k->ca, wall_now(), CERTIFICATE_DAYS, &leaf, why)) == ERR_OK &&
	    (e = cert_read(buf_bytes(&leaf), &info, why)) == ERR_OK &&
	    leaf.len + k->authority.len > sizeof(m->der))
		e = FAIL(why, ERR_LIMIT, "the certificates are too long");
	if (e == ERR_OK) {
		m->leaf_len = (uint16_t)leaf.len;
		m->authority_len = (uint16_t)k->authority.len;
		m->end_ns = info.not_after.ns;
		memcpy(m->name, info.name, sizeof(m->name));
		memcpy(m->der, leaf.ptr, leaf.len);
		memcpy(m->der + leaf.len, k->authority.ptr, k->authority.len);
	}
	buf_free(&leaf);
	return e;
}

static enum err
answer_sign(struct keys *k, struct bytes digest, struct why *why)
{
	uint8_t sig[SIGNATURE_MAX];
	int64_t second = mono_now().ns / NS_PER_S;
	size_t len = 0;

	if (second != k->second) {
		k->second = second;
		k->signed_now = 0;
	}
	if (++k->signed_now > KEYS_A_SECOND || ca_sign(k->ca, digest, sig, &len, why) != ERR_OK)
		len = 0; /* an empty answer is a no */
	return ipc_send(FD_GATE, IPC_SIG, IPC_SIG_signature, bytes_of(sig, len), -1, why);
}

static enum err
answer_certificate(struct keys *k, enum ipc_type type, struct why *why)
{
	struct ipc_certificate m;
	int64_t minute = mono_now().ns / (60 * NS_PER_S);
	enum err e;

	if (minute != k->minute) {
		k->minute = minute;
		k->renewed_now = 0;
	}
	if (++k->renewed_now > RENEWALS_A_MINUTE)
		return FAIL(why, ERR_INPUT, "the gate asks for certificates without end");
	if ((e = fill(k, &m, why)) != ERR_OK)
		return e;
	return ipc_send(FD_GATE, IPC_SIG, type, bytes_of(&m, sizeof(m)), -1, why);
}

static enum err
prepare(struct keys *k, struct why *why)
{
	char name[CERT_NAME_MAX];
	struct ipc_certificate warm;
	bool landlocked;
	enum err e;

	own_name(name);
	if ((e = ca_ensure(FD_DIR, name, wall_now(), why)) != ERR_OK ||
	    (e = ca_open(&k->ca, FD_DIR, why)) != ERR_OK ||
	    (e = ca_certificate(FD_DIR, &k->authority, why)) != ERR_OK)
		return e;
	(void)close(FD_DIR);
	/* The library reads what it wants of files with its first signature. */
	if ((e = fill(k, &warm, why)) != ERR_OK)
		return e;
	return sandbox_enter(SANDBOX_KEYS, -1, &landlocked, why);
}

static enum err
serve(struct keys *k, struct why *why)
{
	struct ipc_packet p;
	bool running = false;
	enum err e;

	while ((e = ipc_receive(FD_GATE, IPC_KEY, &running, &p, why)) == ERR_OK) {
		switch (p.type) {
		case IPC_KEY_hello:
			e = answer_certificate(k, IPC_SIG_certificate, why);
			break;
		case IPC_KEY_renew:
			e = answer_certificate(k, IPC_SIG_renewed, why);
			break;
		default:
			e = answer_sign(k, p.payload, why);
		}
		if (e != ERR_OK)
			break;
	}
	return e == ERR_ABSENT ? ERR_OK : e;
}

int
role_keys(int argc, char **argv)
{
	struct keys k = {0};
	struct why why = {0};
	enum err e;

	(void)argc;
	(void)argv;
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	if ((e = prepare(&k, &why)) == ERR_OK)
		e = serve(&k, &why);
	if (e != ERR_OK)
		role_say("keys", "%s", why.text);
	ca_close(k.ca);
	buf_free(&k.authority);
	return e == ERR_OK ? 0 : e == ERR_INPUT ? STATUS_INPUT : STATUS_SYSTEM;
}
