/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat gate run|pair|list|show|status|test|issue|trust|remove. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/open.h"
#include "crypto/ca.h"
#include "crypto/tls.h"
#include "gate/pairing.h"
#include "gate/peers.h"
#include "gate/status.h"
#include "role/guard.h"
#include "settings/settings.h"
#include "sys/clock.h"
#include "sys/fd.h"

enum {
	ISSUE_DAYS_DEFAULT = 397,
	ISSUE_DAYS_MAX = 1000,
	OFFER_MINUTES = 10,
	TEST_WAIT_MS = 5000,
	ALIVE_S = 3,
};

/* What most commands here work on. */
struct here {
	char data[DATA_DIR_PATH_MAX], config_room[DATA_DIR_PATH_MAX];
	const char *config;
	int dir; /* -1: this box has no gateway files */
	struct gate_link *links;
	size_t n_links;
	struct gate_peer *peers;
	size_t n_peers;
};

static void
leave(struct here *h)
{
	fd_close(&h->dir);
	free(h->links);
	free(h->peers);
}

/* -1: fine; else the exit status. */
static int
enter(struct cli *c, struct here *h, bool make)
{
	struct why why = {0};
	enum err e;

	*h = (struct here){.dir = -1};
	cli_data_path(c, h->data);
	h->config = cli_settings_path(c, h->config_room);
	e = gate_dir_open(h->data, make, &h->dir, &why);
	if (e == ERR_ABSENT)
		e = ERR_OK;
	if (e == ERR_OK)
		e = guard_read_links(h->data, h->config, &h->links, &h->n_links, &why);
	if (e == ERR_OK && h->dir != -1)
		e = peers_load(h->dir, &h->peers, &h->n_peers, &why);
	if (e == ERR_OK)
		return -1;
	leave(h);
	return cli_why(&why);
}

static const struct gate_peer *
peer_named(const struct here *h, const char *name)
{
	for (size_t i = 0; i < h->n_peers; i++) {
		if (strcmp(h->peers[i].name, name) == 0)
			return &h->peers[i];
	}
	return NULL;
}

static const struct gate_link *
link_named(const struct here *h, const char *name)
{
	for (size_t i = 0; i < h->n_links; i++) {
		if (strcmp(h->links[i].name, name) == 0)
			return &h->links[i];
	}
	return NULL;
}

static const char *
end_text(const struct gate_end *e, char out[96])
{
	char ip[IP_TEXT_MAX];

	(void)ip_format(e->ip, ip);
	(void)snprintf(out, 96, "%s%s%s:%u%s", ip_is_v4(e->ip) ? "" : "[", ip,
	    ip_is_v4(e->ip) ? "" : "]", e->port,
	    !e->tls      ? ""
	    : e->old_tls ? " TLS 1.2+"
			 : " TLS 1.3");
	return out;
}

static const char *const mode_names[] = {"observe", "warn", "block"};
static const char *const unsure_names[] = {"pass and alarm", "block"};

static const char *
own_name(char out[CERT_NAME_MAX])
{
	char host[128] = "";
	size_t n = 0;

	(void)gethostname(host, sizeof(host) - 1);
	for (const char *p = host; *p != 0 && n < CERT_NAME_MAX - 1; p++) {
		out[n] = *p;
		n += name_is_plain(bytes_of(out, n + 1));
	}
	out[n] = 0;
	if (n == 0)
		(void)snprintf(out, CERT_NAME_MAX, "hemostat");
	return out;
}

/* --- links.yaml --- */

/* Write the links that commands made; those of the settings file are not in it. */
static enum err
write_links(struct here *h, const struct gate_link *links, size_t n, struct why *why)
{
	struct buf text = {0};
	enum err e = ERR_OK;
	int fd;

	buf_text(&text,
	    "# Made by hemostat gate pair and gate remove. Links may be moved from here "
	    "to the\n# settings file, where comments stay.\n");
	buf_text(&text, n > 0 ? "links:\n" : "");
	for (size_t i = 0; i < n; i++)
		settings_write_link(&text, &links[i]);
	fd = openat(h->dir, "." GATE_LINKS ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		e = FAIL_SYS(why, "%s", GATE_LINKS);
	else if ((e = fd_write_all(fd, buf_bytes(&text), why)) == ERR_OK &&
		 (fsync(fd) == -1 ||
		     renameat(h->dir, "." GATE_LINKS ".new", h->dir, GATE_LINKS) == -1))
		e = FAIL_SYS(why, "%s", GATE_LINKS);
	fd_close(&fd);
	buf_free(&text);
	return e;
}

/* Only the links of links.yaml; *out malloc'ed. */
static enum err
made_links(const struct here *h, struct gate_link **out, size_t *n, struct why *why)
{
	return guard_read_links(h->data, NULL, out, n, why);
}

/* Add a link, or a peer to the one that listens and dials the same. */
static enum err
add_link(struct here *h, const struct gate_link *l, char name[GATE_NAME_MAX], struct why *why)
{
	struct gate_link *made = NULL, *more;
	size_t n = 0;
	enum err e;

	if ((e = made_links(h, &made, &n, why)) != ERR_OK)
		return e;
	for (size_t i = 0; i < n; i++) {
		struct gate_end *listen = &made[i].listen;

		if (listen->port != l->listen.port || !ip_eq(listen->ip, l->listen.ip))
			continue;
		if (made[i].dial.port != l->dial.port || !ip_eq(made[i].dial.ip, l->dial.ip) ||
		    !listen->tls || !l->listen.tls || listen->n_peers == GATE_LINK_PEERS) {
			e = FAIL(why, ERR_USAGE,
			    "link %s listens on port %u already; choose another with --listen",
			    made[i].name, listen->port);
			goto done;
		}
		for (size_t k = 0; k < listen->n_peers; k++) {
			if (strcmp(listen->peers[k], l->listen.peers[0]) == 0)
				listen->n_peers = (uint8_t)k;
		}
		memcpy(listen->peers[listen->n_peers++], l->listen.peers[0], GATE_NAME_MAX);
		(void)snprintf(name, GATE_NAME_MAX, "%s", made[i].name);
		e = write_links(h, made, n, why);
		goto done;
	}
	if ((more = realloc(made, (n + 1) * sizeof(*made))) == NULL) {
		e = FAIL(why, ERR_SYSTEM, "no memory");
		goto done;
	}
	made = more;
	made[n] = *l;
	for (unsigned k = 2; link_named(h, made[n].name) != NULL; k++)
		(void)snprintf(made[n].name, sizeof(made[n].name), "%.50s-%u", l->name, k);
	(void)snprintf(name, GATE_NAME_MAX, "%s", made[n].name);
	e = write_links(h, made, n + 1, why);
done:
	free(made);
	return e;
}

/* --- pair --- */

static const struct cli_option pair_options[] = {
    {"to", 0, "IP:PORT", "on the server's box: where the server is; shows a code and waits"},
    {"code", 0, "CODE", "on the device's box: the code that the other box shows"},
    {"at", 0, "HOST", "with --code: the other box"},
    {"listen", 0, "[IP:]PORT",
	"with --code: where the device connects (2575); with --to: the protected port (7700)"},
    {"name", 0, "NAME", "of the link (the other box's name)"},
    {"port", 0, "PORT", "the boxes meet here while they pair (7741)"},
    {0},
};

static enum err
our_card(struct here *h, uint16_t port, struct pairing_card *card, struct why *why)
{
	char name[CERT_NAME_MAX];
	struct buf der = {0};
	struct cert_info info;
	enum err e;

	*card = (struct pairing_card){.port = port};
	if ((e = ca_ensure(h->dir, own_name(name), wall_now(), why)) != ERR_OK ||
	    (e = ca_certificate(h->dir, &der, why)) != ERR_OK ||
	    (e = cert_read(buf_bytes(&der), &info, why)) != ERR_OK) {
		buf_free(&der);
		return e;
	}
	memcpy(card->name, info.name, sizeof(card->name));
	memcpy(card->authority, der.ptr, der.len);
	card->len = (uint16_t)der.len;
	buf_free(&der);
	return ERR_OK;
}

/* Keep the other box under its name, or that and a number where the name is taken by another. */
static enum err
keep_peer(
    struct here *h, const struct pairing_card *card, char name[GATE_NAME_MAX], struct why *why)
{
	struct gate_peer p = {.is_gateway = 1, .len = card->len};
	const struct gate_peer *known;

	memcpy(p.anchor, card->authority, card->len);
	(void)snprintf(p.name, sizeof(p.name), "%s", card->name);
	for (unsigned k = 2; (known = peer_named(h, p.name)) != NULL &&
			     (known->len != p.len || memcmp(known->anchor, p.anchor, p.len) != 0);
	     k++)
		(void)snprintf(p.name, sizeof(p.name), "%.50s-%u", card->name, k);
	(void)snprintf(name, GATE_NAME_MAX, "%s", p.name);
	return peers_save(h->dir, &p, why);
}

static int
listen_at(uint16_t port, struct why *why)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int on = 1, off = 0, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd != -1) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	}
	if (fd == -1 || bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1 || listen(fd, 4) == -1) {
		(void)FAIL_SYS(why, "port %u, where the boxes meet", port);
		fd_close(&fd);
	}
	return fd;
}

/* Wait for one box that knows the code. */
static enum err
offer(int listener, const char *code, const struct pairing_card *ours, struct pairing_card *theirs,
    struct why *why)
{
	int64_t end = mono_now().ns + OFFER_MINUTES * 60 * NS_PER_S;
	unsigned wrong = 0;
	enum err e = ERR_REFUSED;

	while (wrong < PAIRING_TRIES) {
		struct pollfd p = {.fd = listener, .events = POLLIN};
		int64_t left = (end - mono_now().ns) / NS_PER_MS;
		int fd;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return FAIL(why, ERR_REFUSED,
			    "nobody came within %d minutes; the code is "
			    "not valid any more",
			    OFFER_MINUTES);
		if ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) == -1)
			continue;
		e = pairing_offer(fd, bytes_str(code), ours, theirs, why);
		fd_close(&fd);
		if (e == ERR_OK)
			return ERR_OK;
		if (e == ERR_REFUSED)
			wrong++;
		(void)fprintf(stderr, "hemostat: a try failed: %s\n", why->text);
	}
	return FAIL(why, ERR_REFUSED,
	    "%u wrong codes; this code is not valid any more: start again", wrong);
}

static int
connect_host(const char *host, uint16_t port, struct ip *ip, struct why *why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
	char text[8];
	int fd = -1, r;

	(void)snprintf(text, sizeof(text), "%u", port);
	if ((r = getaddrinfo(host, text, &hints, &all)) != 0) {
		(void)FAIL(why, ERR_INPUT, "%.100s: %s", host, gai_strerror(r));
		return -1;
	}
	for (struct addrinfo *a = all; a != NULL && fd == -1; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd == -1)
			continue;
		if (connect(fd, a->ai_addr, a->ai_addrlen) == -1) {
			(void)FAIL_SYS(why, "%.100s port %u", host, port);
			fd_close(&fd);
			continue;
		}
		*ip = a->ai_family == AF_INET
			  ? ip_from_v4((const uint8_t *)&((struct sockaddr_in *)(void *)a->ai_addr)
					   ->sin_addr)
			  : ip_from_v6((const uint8_t *)&((struct sockaddr_in6 *)(void *)a->ai_addr)
					   ->sin6_addr);
	}
	freeaddrinfo(all);
	return fd;
}

static void
tell_paired(const struct cli *c, const char *peer, const struct gate_link *l, const char *name)
{
	char a[96], b[96];
	struct buf line = {0};
	struct json j = json_on(&line);

	if (!c->json) {
		printf("paired with %s\nlink %s: %s -> %s, mode %s\n"
		       "It is in force at once where hemostat run or hemostat gate run is running; "
		       "see hemostat gate status.\n",
		    peer, name, end_text(&l->listen, a), end_text(&l->dial, b),
		    mode_names[l->mode]);
		return;
	}
	json_object(&j);
	json_kstr(&j, "type", "paired");
	json_kstr(&j, "peer", peer);
	json_kstr(&j, "link", name);
	json_kstr(&j, "listen", end_text(&l->listen, a));
	json_kstr(&j, "dial", end_text(&l->dial, b));
	json_object_end(&j);
	cli_json_line(&line);
	buf_free(&line);
}

static void
show_code(const struct cli *c, const char *code, uint64_t port)
{
	if (c->json) {
		printf("{\"type\":\"code\",\"code\":\"%s\",\"port\":%u}\n", code, (unsigned)port);
	} else {
		printf("code: %s\n\non the device's box:\n"
		       "  hemostat gate pair --code %s --at THIS-BOX\n\n"
		       "waiting on port %u for %d minutes, %d tries\n",
		    code, code, (unsigned)port, OFFER_MINUTES, PAIRING_TRIES);
	}
	(void)fflush(stdout);
}

static enum err
pair_as_server(struct cli *c, struct here *h, struct gate_link *l, uint64_t port,
    struct pairing_card *theirs, struct why *why)
{
	const char *to = cli_value(c, "to"), *at = cli_value(c, "listen");
	char code[PAIRING_CODE_MAX];
	struct pairing_card ours;
	int listener = -1;
	enum err e;

	l->listen.port = PAIRING_TLS_PORT;
	l->listen.ip = ip_from_v4((const uint8_t[4]){0});
	if (!settings_parse_address(to, &l->dial.ip, &l->dial.port) || ip_is_zero(l->dial.ip))
		return FAIL(why, ERR_USAGE,
		    "--to %.60s: expected the server's address and port, as in 10.1.1.5:2575", to);
	if (at != NULL && !settings_parse_address(at, &l->listen.ip, &l->listen.port))
		return FAIL(why, ERR_USAGE, "--listen %.60s: expected a port, or IP:PORT", at);
	if (ip_is_zero(l->listen.ip))
		l->listen.ip = ip_from_v4((const uint8_t[4]){0});
	if ((e = our_card(h, l->listen.port, &ours, why)) != ERR_OK ||
	    (e = pairing_code(code, why)) != ERR_OK)
		return e;
	if ((listener = listen_at((uint16_t)port, why)) == -1)
		return ERR_SYSTEM;
	show_code(c, code, port);
	e = offer(listener, code, &ours, theirs, why);
	fd_close(&listener);
	explicit_bzero(code, sizeof(code));
	l->listen.tls = 1;
	l->listen.n_peers = 1;
	return e;
}

static enum err
pair_as_device(struct cli *c, struct here *h, struct gate_link *l, uint64_t port,
    struct pairing_card *theirs, struct why *why)
{
	const char *code = cli_value(c, "code"), *host = cli_value(c, "at"),
		   *at = cli_value(c, "listen");
	struct pairing_card ours;
	enum err e;
	int fd;

	l->listen.port = 2575;
	if (host == NULL)
		return FAIL(why, ERR_USAGE, "--code needs --at HOST: the box that shows the code");
	if (at != NULL && !settings_parse_address(at, &l->listen.ip, &l->listen.port))
		return FAIL(why, ERR_USAGE, "--listen %.60s: expected a port, or IP:PORT", at);
	if (ip_is_zero(l->listen.ip))
		l->listen.ip = ip_from_v4((const uint8_t[4]){0});
	if ((e = our_card(h, 0, &ours, why)) != ERR_OK)
		return e;
	if ((fd = connect_host(host, (uint16_t)port, &l->dial.ip, why)) == -1)
		return why->code;
	e = pairing_join(fd, bytes_str(code), &ours, theirs, why);
	fd_close(&fd);
	l->dial.tls = 1;
	l->dial.n_peers = 1;
	l->dial.port = theirs->port;
	return e;
}

static int
run_gate_pair(struct cli *c)
{
	struct gate_link l = {
	    .connections = GATE_CONNECTIONS_DEFAULT, .max_bytes = GATE_SIZE_DEFAULT};
	char name[GATE_NAME_MAX], peer[GATE_NAME_MAX];
	const char *wanted = cli_value(c, "name");
	struct pairing_card theirs = {0};
	struct here h;
	struct why why = {0};
	uint64_t port;
	enum err e;
	int status;

	if ((cli_value(c, "to") == NULL) == (cli_value(c, "code") == NULL))
		return cli_fail(EXIT_USAGE,
		    "gate pair takes --to IP:PORT on the server's box, then --code CODE --at HOST "
		    "on the device's box");
	if (wanted != NULL && !name_is_plain(bytes_str(wanted)))
		return cli_fail(EXIT_USAGE,
		    "--name %.70s: a name has 1 to 63 letters, digits, '-', '.' or '_'", wanted);
	if (!cli_number(c, "port", 1, UINT16_MAX, PAIRING_PORT, &port))
		return EXIT_USAGE;
	if ((status = enter(c, &h, true)) >= 0)
		return status;
	e = cli_value(c, "to") != NULL ? pair_as_server(c, &h, &l, port, &theirs, &why)
				       : pair_as_device(c, &h, &l, port, &theirs, &why);
	if (e == ERR_OK && (e = keep_peer(&h, &theirs, peer, &why)) == ERR_OK) {
		struct gate_end *protected = l.listen.tls ? &l.listen : &l.dial;

		memcpy(protected->peers[0], peer, sizeof(peer));
		(void)snprintf(l.name, sizeof(l.name), "%s", wanted != NULL ? wanted : peer);
		e = add_link(&h, &l, name, &why);
	}
	leave(&h);
	if (e != ERR_OK)
		return e == ERR_REFUSED ? cli_fail(EXIT_FOUND, "%s", why.text) : cli_why(&why);
	tell_paired(c, peer, &l, name);
	return EXIT_DONE;
}

/* --- list, show --- */

static void
json_end(struct json *j, const char *key, const struct gate_end *e)
{
	char ip[IP_TEXT_MAX];

	(void)ip_format(e->ip, ip);
	json_key(j, key);
	json_object(j);
	json_kstr(j, "ip", ip);
	json_ku64(j, "port", e->port);
	json_kbool(j, "tls", e->tls != 0);
	json_key(j, "peers");
	json_array(j);
	for (size_t i = 0; i < e->n_peers; i++)
		json_str(j, e->peers[i]);
	json_array_end(j);
	json_object_end(j);
}

static void
json_link(const struct gate_link *l)
{
	struct buf line = {0};
	struct json j = json_on(&line);

	json_object(&j);
	json_kstr(&j, "type", "link");
	json_kstr(&j, "name", l->name);
	json_end(&j, "listen", &l->listen);
	json_end(&j, "dial", &l->dial);
	json_kstr(&j, "mode", mode_names[l->mode]);
	json_kstr(&j, "when_unsure", l->unsure == GATE_REFUSE ? "block" : "pass");
	json_ku64(&j, "connections", l->connections);
	json_ku64(&j, "rules", l->n_rules);
	json_object_end(&j);
	cli_json_line(&line);
	buf_free(&line);
}

static void
json_peer(const struct gate_peer *p, const struct cert_info *info)
{
	struct buf line = {0};
	struct json j = json_on(&line);

	json_object(&j);
	json_kstr(&j, "type", "peer");
	json_kstr(&j, "name", p->name);
	json_kstr(&j, "subject", p->subject[0] != 0 ? p->subject : NULL);
	json_kbool(&j, "gateway", p->is_gateway != 0);
	json_kstr(&j, "authority", info->name);
	json_kstr(&j, "fingerprint", info->print);
	json_kwall(&j, "until", info->not_after);
	json_object_end(&j);
	cli_json_line(&line);
	buf_free(&line);
}

static bool
uses(const struct gate_end *e, const char *peer)
{
	for (size_t i = 0; i < e->n_peers; i++) {
		if (strcmp(e->peers[i], peer) == 0)
			return true;
	}
	return false;
}

static int
run_gate_list(struct cli *c)
{
	static const char *const link_heads[] = {"LINK", "LISTENS", "DIALS", "MODE", "WHEN UNSURE"};
	static const char *const peer_heads[] = {"PEER", "IS", "USED BY", "FINGERPRINT"};
	char a[96], b[96], used[128];
	struct cli_table *t = NULL;
	struct cert_info info;
	struct here h;
	int status;

	if ((status = enter(c, &h, false)) >= 0)
		return status;
	for (size_t i = 0; i < h.n_links; i++) {
		const struct gate_link *l = &h.links[i];

		if (c->json) {
			json_link(l);
			continue;
		}
		if (t == NULL)
			t = cli_table_new(c, link_heads, ARRAY_LEN(link_heads));
		cli_cell_str(t, l->name);
		cli_cell_str(t, end_text(&l->listen, a));
		cli_cell_str(t, end_text(&l->dial, b));
		cli_cell_str(t, mode_names[l->mode]);
		cli_cell_str(t, unsure_names[l->unsure]);
	}
	if (t != NULL)
		cli_table_end(t, "");
	else if (!c->json)
		printf("no links yet; see hemostat gate pair --help\n");
	t = NULL;
	for (size_t i = 0; i < h.n_peers; i++) {
		const struct gate_peer *p = &h.peers[i];

		if (cert_read(bytes_of(p->anchor, p->len), &info, NULL) != ERR_OK)
			continue;
		if (c->json) {
			json_peer(p, &info);
			continue;
		}
		if (t == NULL) {
			printf("\n");
			t = cli_table_new(c, peer_heads, ARRAY_LEN(peer_heads));
		}
		used[0] = 0;
		for (size_t k = 0; k < h.n_links; k++) {
			if (uses(&h.links[k].listen, p->name) || uses(&h.links[k].dial, p->name))
				(void)snprintf(used + strlen(used), sizeof(used) - strlen(used),
				    "%s%.40s", used[0] != 0 ? ", " : "", h.links[k].name);
		}
		cli_cell_str(t, p->name);
		cli_cell_str(t, p->is_gateway ? "gateway" : "device or server");
		cli_cell_str(t, used[0] != 0 ? used : "-");
		cli_cell(t, bytes_sub(bytes_str(info.print), 0, 16));
	}
	if (t != NULL)
		cli_table_end(t, "");
	leave(&h);
	return EXIT_DONE;
}

static void
show_link(const struct gate_link *l)
{
	struct buf text = {0};

	settings_write_link(&text, l);
	(void)fwrite(text.ptr, 1, text.len, stdout);
	buf_free(&text);
}

static int
show_peer(const struct cli *c, const struct gate_peer *p)
{
	char until[WALL_TEXT_MAX];
	struct cert_info info;
	struct why why;

	if (cert_read(bytes_of(p->anchor, p->len), &info, &why) != ERR_OK)
		return cli_why(&why);
	if (c->json) {
		json_peer(p, &info);
		return EXIT_DONE;
	}
	(void)wall_format(info.not_after, until);
	printf("peer         %s\nis           %s\nauthority    %s, until %s\nsha256       %s\n",
	    p->name, p->is_gateway ? "a gateway" : "a device or server", info.name, until,
	    info.print);
	if (p->subject[0] != 0)
		printf("must show    a certificate for %s\n", p->subject);
	return EXIT_DONE;
}

/* Our authority, for boxes and devices that are set up by hand. */
static int
show_own(struct here *h)
{
	struct buf der = {0}, pem = {0};
	struct why why;
	enum err e;

	if (h->dir == -1)
		return cli_fail(EXIT_INPUT,
		    "this box has no authority yet; hemostat gate pair or issue makes it");
	if ((e = ca_certificate(h->dir, &der, &why)) == ERR_OK)
		e = cert_to_pem(buf_bytes(&der), &pem, &why);
	if (e == ERR_OK)
		(void)fwrite(pem.ptr, 1, pem.len, stdout);
	buf_free(&der);
	buf_free(&pem);
	return e == ERR_OK ? EXIT_DONE : cli_why(&why);
}

static int
run_gate_show(struct cli *c)
{
	const struct gate_link *l;
	const struct gate_peer *p;
	struct here h;
	int status;

	if (c->n_args > 1)
		return cli_fail(EXIT_USAGE, "gate show takes one NAME of a link or peer at most");
	if ((status = enter(c, &h, false)) >= 0)
		return status;
	if (c->n_args == 0) {
		status = show_own(&h);
	} else {
		l = link_named(&h, c->args[0]);
		p = peer_named(&h, c->args[0]);
		status = EXIT_DONE;
		if (l != NULL && c->json)
			json_link(l);
		else if (l != NULL)
			show_link(l);
		if (p != NULL)
			status = show_peer(c, p);
		if (l == NULL && p == NULL)
			status = cli_fail(EXIT_INPUT,
			    "no link or peer is named %.70s; see hemostat "
			    "gate list",
			    c->args[0]);
	}
	leave(&h);
	return status;
}

/* --- status --- */

static bool
read_status(const struct here *h, struct gate_status *out)
{
	int fd = h->dir != -1 ? openat(h->dir, GATE_STATUS_FILE, O_RDONLY | O_CLOEXEC) : -1;
	bool ok = fd != -1 && read(fd, out, sizeof(*out)) == (ssize_t)sizeof(*out) &&
		  out->magic == GATE_STATUS_MAGIC && out->n_links <= GATE_LINKS_MAX;

	fd_close(&fd);
	return ok;
}

static const char *
state_of(const struct gate_link_status *s)
{
	return !s->listening    ? "not listening"
	       : s->server_down ? "server down"
	       : s->altered > 0 ? "ALTERED BYTES"
	       : s->open > 0    ? "in use"
				: "ready";
}

static void
json_status(const struct gate_link_status *s)
{
	struct buf line = {0};
	struct json j = json_on(&line);

	json_object(&j);
	json_kstr(&j, "type", "status");
	json_kstr(&j, "link", s->name);
	json_kstr(&j, "state", state_of(s));
	json_ku64(&j, "open", s->open);
	json_ku64(&j, "connections", s->total);
	json_ku64(&j, "units_to_server", s->units[0]);
	json_ku64(&j, "units_to_client", s->units[1]);
	json_ku64(&j, "bytes_to_server", s->bytes[0]);
	json_ku64(&j, "bytes_to_client", s->bytes[1]);
	json_ku64(&j, "refused", s->refused);
	json_ku64(&j, "warned", s->warned);
	json_ku64(&j, "alarms", s->alarms);
	json_ku64(&j, "failures", s->failures);
	json_ku64(&j, "strangers", s->strangers);
	json_ku64(&j, "altered", s->altered);
	json_kstr(&j, "peer", s->peer[0] != 0 ? s->peer : NULL);
	json_kstr(&j, "tls", s->version[0] != 0 ? s->version : NULL);
	json_kstr(&j, "trouble", s->trouble[0] != 0 ? s->trouble : NULL);
	if (s->last_ns != 0)
		json_kwall(&j, "last", (struct wall){s->last_ns});
	json_object_end(&j);
	cli_json_line(&line);
	buf_free(&line);
}

static int
run_gate_status(struct cli *c)
{
	static const char *const heads[] = {
	    "LINK", "STATE", "OPEN", "TO SERVER", "TO CLIENT", "REFUSED", "ALARMS", "LAST TROUBLE"};
	static struct gate_status st;
	char until[WALL_TEXT_MAX];
	struct cli_table *t;
	struct here h;
	int status;

	if ((status = enter(c, &h, false)) >= 0)
		return status;
	if (!read_status(&h, &st) || wall_now().ns - st.alive_ns > ALIVE_S * NS_PER_S) {
		leave(&h);
		return cli_fail(EXIT_FOUND,
		    "the gateway does not run; start it with hemostat run or "
		    "hemostat gate run");
	}
	leave(&h);
	t = c->json ? NULL : cli_table_new(c, heads, ARRAY_LEN(heads));
	for (size_t i = 0; i < st.n_links; i++) {
		const struct gate_link_status *s = &st.links[i];

		if (c->json) {
			json_status(s);
			continue;
		}
		cli_cell_str(t, s->name);
		cli_cell_str(t, state_of(s));
		cli_cell_u64(t, s->open);
		cli_cell_u64(t, s->units[0]);
		cli_cell_u64(t, s->units[1]);
		cli_cell_u64(t, s->refused);
		cli_cell_u64(t, s->alarms);
		cli_cell_str(t, s->trouble[0] != 0 ? s->trouble : "-");
	}
	if (c->json)
		return EXIT_DONE;
	cli_table_end(t, "no links yet");
	if (st.certificate_end_ns != 0) {
		(void)wall_format((struct wall){st.certificate_end_ns}, until);
		printf("our certificate is valid until %s and is renewed by itself\n", until);
	}
	if (st.lost_events > 0)
		printf("%llu bytes of events could not be recorded: the store was too slow\n",
		    (unsigned long long)st.lost_events);
	return EXIT_DONE;
}

/* --- test --- */

static bool
sign_here(void *ctx, struct bytes digest, uint8_t *sig, size_t *len)
{
	struct why why;

	return ca_sign(ctx, digest, sig, len, &why) == ERR_OK;
}

static bool
wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, TEST_WAIT_MS) == 1;
}

static int
connect_end(const struct gate_end *e, struct why *why)
{
	char host[IP_TEXT_MAX];
	struct ip ip;
	int fd;

	(void)ip_format(e->ip, host);
	if ((fd = connect_host(host, e->port, &ip, why)) != -1)
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* A handshake with what this side of the link would dial. */
static enum err
try_tls(struct here *h, const struct gate_end *end, int fd, struct tls_peer *seen, struct why *why)
{
	struct bytes anchors[TLS_ANCHORS_MAX];
	struct buf leaf = {0}, authority = {0};
	struct tls_context *context = NULL;
	struct tls *t = NULL;
	struct ca *ca = NULL;
	enum tls_io io = TLS_FAILED;
	size_t n = 0;
	enum err e;

	for (size_t i = 0; i < h->n_peers && n < TLS_ANCHORS_MAX; i++) {
		if (uses(end, h->peers[i].name))
			anchors[n++] = bytes_of(h->peers[i].anchor, h->peers[i].len);
	}
	if ((e = ca_open(&ca, h->dir, why)) != ERR_OK ||
	    (e = ca_leaf(ca, wall_now(), 1, &leaf, why)) != ERR_OK ||
	    (e = ca_certificate(h->dir, &authority, why)) != ERR_OK ||
	    (e = tls_context_new(&context,
		 &(struct tls_spec){.role = TLS_CLIENT,
		     .old = end->old_tls,
		     .certificate = buf_bytes(&leaf),
		     .authority = buf_bytes(&authority),
		     .anchors = anchors,
		     .n_anchors = n,
		     .sign = sign_here,
		     .ctx = ca},
		 why)) != ERR_OK)
		goto done;
	if ((t = tls_new(context, fd)) == NULL) {
		e = FAIL(why, ERR_SYSTEM, "no memory for TLS");
		goto done;
	}
	(void)FAIL(why, ERR_SYSTEM, "no answer in time");
	while ((io = tls_handshake(t, why)) == TLS_WANT_READ || io == TLS_WANT_WRITE) {
		if (!wait_for(fd, io == TLS_WANT_READ ? POLLIN : POLLOUT))
			break;
	}
	e = io == TLS_OK ? tls_peer(t, seen, why) : why->code != ERR_OK ? why->code : ERR_INPUT;
	/* TLS 1.3: the server's refusal of us comes after our side is done. */
	if (e == ERR_OK && wait_for(fd, POLLIN)) {
		char byte;
		size_t got;

		if (tls_read(t, &byte, 1, &got, why) == TLS_FAILED)
			e = ERR_REFUSED;
	}
done:
	tls_free(t);
	tls_context_free(context);
	ca_close(ca);
	buf_free(&leaf);
	buf_free(&authority);
	return e;
}

static int
run_gate_test(struct cli *c)
{
	const struct gate_link *l;
	struct tls_peer seen = {0};
	struct why why = {0};
	struct here h;
	enum err e = ERR_OK;
	char text[96];
	int status, fd;

	if (c->n_args != 1)
		return cli_fail(EXIT_USAGE, "gate test takes one NAME of a link");
	if ((status = enter(c, &h, false)) >= 0)
		return status;
	if ((l = link_named(&h, c->args[0])) == NULL) {
		leave(&h);
		return cli_fail(
		    EXIT_INPUT, "no link is named %.70s; see hemostat gate list", c->args[0]);
	}
	if ((fd = connect_end(&l->dial, &why)) == -1)
		e = ERR_SYSTEM;
	else if (l->dial.tls)
		e = try_tls(&h, &l->dial, fd, &seen, &why);
	fd_close(&fd);
	if (c->json)
		printf("{\"type\":\"test\",\"link\":\"%s\",\"ok\":%s}\n", l->name,
		    e == ERR_OK ? "true" : "false");
	else if (e == ERR_OK && l->dial.tls)
		printf("%s: %s answers; it is %s; %s, %s\n", l->name, end_text(&l->dial, text),
		    seen.name, seen.version, seen.cipher);
	else if (e == ERR_OK)
		printf("%s: %s answers\n", l->name, end_text(&l->dial, text));
	status = e == ERR_OK ? EXIT_DONE
			     : cli_fail(EXIT_FOUND, "%s: %s: %s", l->name, end_text(&l->dial, text),
				   why.text);
	leave(&h);
	return status;
}

/* --- issue, trust, remove --- */

static const struct cli_option issue_options[] = {
    {"out", 0, "DIR", "where NAME.key.pem, NAME.pem and ca.pem go (the folder one is in)"},
    {"days", 0, "N", "how long it is valid (397)"},
    {0},
};

static enum err
write_pem(
    int dir, const char *name, const char *end, const struct buf *pem, mode_t mode, struct why *why)
{
	char path[GATE_NAME_MAX + 16];
	int fd;
	enum err e;

	(void)snprintf(path, sizeof(path), "%s%s", name, end);
	if ((fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)) ==
	    -1)
		return FAIL_SYS(why, "%s", path);
	(void)fchmod(fd, mode);
	e = fd_write_all(fd, buf_bytes(pem), why);
	fd_close(&fd);
	return e;
}

static enum err
issue(struct here *h, const char *name, const char *out, uint64_t days, struct why *why)
{
	struct buf key = {0}, cert = {0}, der = {0}, authority = {0};
	struct gate_peer p = {0};
	struct ca *ca = NULL;
	char own[CERT_NAME_MAX];
	int dir = -1;
	enum err e;

	if ((e = ca_ensure(h->dir, own_name(own), wall_now(), why)) != ERR_OK ||
	    (e = ca_open(&ca, h->dir, why)) != ERR_OK ||
	    (e = ca_issue(ca, name, wall_now(), (unsigned)days, &key, &cert, why)) != ERR_OK ||
	    (e = ca_certificate(h->dir, &der, why)) != ERR_OK ||
	    (e = cert_to_pem(buf_bytes(&der), &authority, why)) != ERR_OK)
		goto done;
	if ((dir = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		e = FAIL_SYS(why, "%.100s", out);
		goto done;
	}
	if ((e = write_pem(dir, name, ".key.pem", &key, 0600, why)) != ERR_OK ||
	    (e = write_pem(dir, name, ".pem", &cert, 0644, why)) != ERR_OK ||
	    (e = write_pem(dir, "ca", ".pem", &authority, 0644, why)) != ERR_OK)
		goto done;
	(void)snprintf(p.name, sizeof(p.name), "%s", name);
	(void)snprintf(p.subject, sizeof(p.subject), "%s", name);
	memcpy(p.anchor, der.ptr, der.len);
	p.len = (uint16_t)der.len;
	e = peers_save(h->dir, &p, why);
done:
	if (key.ptr != NULL)
		explicit_bzero(key.ptr, key.room);
	buf_free(&key);
	buf_free(&cert);
	buf_free(&der);
	buf_free(&authority);
	ca_close(ca);
	fd_close(&dir);
	return e;
}

static int
run_gate_issue(struct cli *c)
{
	const char *out = cli_value(c, "out");
	struct why why = {0};
	struct here h;
	uint64_t days;
	enum err e;
	int status;

	if (c->n_args != 1)
		return cli_fail(EXIT_USAGE, "gate issue takes one NAME for the device");
	if (!cli_number(c, "days", 1, ISSUE_DAYS_MAX, ISSUE_DAYS_DEFAULT, &days))
		return EXIT_USAGE;
	if ((status = enter(c, &h, true)) >= 0)
		return status;
	if (peer_named(&h, c->args[0]) != NULL)
		e = FAIL(
		    &why, ERR_USAGE, "a peer is named %.60s already; remove it first", c->args[0]);
	else
		e = issue(&h, c->args[0], out != NULL ? out : ".", days, &why);
	leave(&h);
	if (e != ERR_OK)
		return cli_why(&why);
	if (!c->json)
		printf("%s.key.pem, %s.pem and ca.pem are for the device: move them there, keep no "
		       "copy of the key.\nName it in a link: peers: [%s]\n",
		    c->args[0], c->args[0], c->args[0]);
	return EXIT_DONE;
}

static const struct cli_option trust_options[] = {
    {"subject", 0, "NAME", "only a certificate with this common name"},
    {0},
};

static int
run_gate_trust(struct cli *c)
{
	const char *subject = cli_value(c, "subject");
	struct buf text = {.cap = 1 << 16}, der = {0};
	struct gate_peer p = {0};
	struct why why = {0};
	struct here h;
	size_t got = 1;
	enum err e = ERR_OK;
	int status, fd;

	if (c->n_args != 2)
		return cli_fail(EXIT_USAGE,
		    "gate trust takes a NAME and a FILE with a certificate in PEM form: the "
		    "peer's own, or its authority's");
	if (subject != NULL && strlen(subject) >= sizeof(p.subject))
		return cli_fail(
		    EXIT_USAGE, "--subject: expected at most %zu bytes", sizeof(p.subject) - 1);
	if ((status = enter(c, &h, true)) >= 0)
		return status;
	if ((fd = open(c->args[1], O_RDONLY | O_CLOEXEC)) == -1)
		e = FAIL(&why, ERR_INPUT, "%.150s: %s", c->args[1], strerror(errno));
	while (e == ERR_OK && got > 0) {
		if (!buf_reserve(&text, 4096))
			e = FAIL(&why, ERR_INPUT, "%.150s is too long", c->args[1]);
		else if ((e = fd_read_some(fd, text.ptr + text.len, 4096, &got, &why)) == ERR_OK)
			text.len += got;
	}
	fd_close(&fd);
	if (e == ERR_OK && (e = cert_from_pem(buf_bytes(&text), &der, &why)) == ERR_OK) {
		(void)snprintf(p.name, sizeof(p.name), "%s", c->args[0]);
		(void)snprintf(p.subject, sizeof(p.subject), "%s", subject != NULL ? subject : "");
		if (der.len > GATE_CERT_MAX)
			e = FAIL(&why, ERR_INPUT, "a certificate of %zu bytes", der.len);
	}
	if (e == ERR_OK) {
		memcpy(p.anchor, der.ptr, der.len);
		p.len = (uint16_t)der.len;
		e = peers_save(h.dir, &p, &why);
	}
	buf_free(&text);
	buf_free(&der);
	leave(&h);
	if (e != ERR_OK)
		return cli_why(&why);
	if (!c->json)
		printf("%s is trusted; name it in a link: peers: [%s]\n", c->args[0], c->args[0]);
	return EXIT_DONE;
}

static int
run_gate_remove(struct cli *c)
{
	struct gate_link *made = NULL;
	struct why why = {0};
	struct here h;
	size_t n = 0, kept = 0;
	enum err e;
	bool was_peer;
	int status;

	if (c->n_args != 1)
		return cli_fail(EXIT_USAGE, "gate remove takes one NAME of a link or peer");
	if ((status = enter(c, &h, false)) >= 0)
		return status;
	was_peer = peer_named(&h, c->args[0]) != NULL;
	if (h.dir == -1 || (!was_peer && link_named(&h, c->args[0]) == NULL)) {
		leave(&h);
		return cli_fail(EXIT_INPUT,
		    "no link or peer is named %.70s; see hemostat gate list", c->args[0]);
	}
	if ((e = made_links(&h, &made, &n, &why)) == ERR_OK) {
		for (size_t i = 0; i < n; i++) {
			if (strcmp(made[i].name, c->args[0]) != 0)
				made[kept++] = made[i];
		}
		if (kept < n)
			e = write_links(&h, made, kept, &why);
		else if (!was_peer)
			e = FAIL(&why, ERR_USAGE,
			    "link %s stands in the settings file; remove it there", c->args[0]);
	}
	if (e == ERR_OK && was_peer)
		e = peers_remove(h.dir, c->args[0], &why);
	free(made);
	leave(&h);
	if (e != ERR_OK)
		return cli_why(&why);
	if (!c->json)
		printf("%s %s removed; %s\n", was_peer ? "peer" : "link", c->args[0],
		    was_peer ? "where it was connected, that ends within two seconds"
			     : "its connections end within two seconds");
	return EXIT_DONE;
}

const struct cli_command command_gate_pair = {.noun = "gate",
    .verb = "pair",
    .args = "",
    .summary = "make a protected link between two boxes with a short code",
    .detail = "On the box beside the server:   hemostat gate pair --to 10.1.1.5:2575\n"
	      "On the box beside the device:   hemostat gate pair --code 482-177-306 --at BOX\n"
	      "Both boxes then hold each other's authority, a link, and nothing else.",
    .options = pair_options,
    .run = run_gate_pair};

const struct cli_command command_gate_list = {.noun = "gate",
    .verb = "list",
    .args = "",
    .summary = "links and the peers they trust",
    .run = run_gate_list};

const struct cli_command command_gate_show = {.noun = "gate",
    .verb = "show",
    .args = "[NAME]",
    .summary = "a link as the settings have it, or a peer; without NAME, our own certificate",
    .run = run_gate_show};

const struct cli_command command_gate_status = {.noun = "gate",
    .verb = "status",
    .args = "",
    .summary = "what the links are doing now",
    .run = run_gate_status};

const struct cli_command command_gate_test = {.noun = "gate",
    .verb = "test",
    .args = "NAME",
    .summary = "connect to where a link dials and prove both sides",
    .run = run_gate_test};

const struct cli_command command_gate_issue = {.noun = "gate",
    .verb = "issue",
    .args = "NAME",
    .summary = "a key and certificate for a device that speaks TLS itself",
    .options = issue_options,
    .run = run_gate_issue};

const struct cli_command command_gate_trust = {.noun = "gate",
    .verb = "trust",
    .args = "NAME FILE",
    .summary = "trust a certificate of others as a peer",
    .options = trust_options,
    .run = run_gate_trust};

const struct cli_command command_gate_remove = {.noun = "gate",
    .verb = "remove",
    .args = "NAME",
    .summary = "end a link, or the trust in a peer, within seconds",
    .run = run_gate_remove};
