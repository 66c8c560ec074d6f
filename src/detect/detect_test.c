/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "rng.h"

#define HOUR_S INT64_C(3600)
#define DAY_S  INT64_C(86400)

/* A book and an engine as the store wires them, a clock, and what was told. */
struct bench {
	struct budget budget;
	struct asset_book *book;
	struct detect *d;
	struct event_sink book_sink, sink;
	struct buf told; /* "new clear_phi medium 1: text" and a line end */
	int64_t ns;
	uint64_t packet;
	size_t n_told;
};

static void
told(void *ctx, enum event_kind kind, const struct event_head *head, const void *fields)
{
	const struct ev_finding *f = fields;
	struct bench *t = ctx;

	assert_int_equal(kind, EV_finding);
	assert_int_equal(head->packet, t->packet);
	assert_true(f->text.len > 0 && f->id > 0);
	t->n_told++;
	buf_printf(&t->told, "%.*s %.*s %s %u: %.*s\n", (int)f->what.len, (const char *)f->what.ptr,
	    (int)f->detector.len, (const char *)f->detector.ptr,
	    name_label(NAMES_severity, f->severity), (unsigned)f->count, (int)f->text.len,
	    (const char *)f->text.ptr);
}

static void
from_book(void *ctx, enum event_kind kind, const struct event_head *head, const void *fields)
{
	struct bench *t = ctx;
	struct event ev = {.kind = kind, .head = *head};

	ev.u.device = *(const struct ev_device *)fields;
	detect_event(t->d, &ev, t->book, &t->sink);
}

static void
bench_init_with(struct bench *t, const struct detect_config *config)
{
	*t = (struct bench){.budget = {.cap = 64 << 20}, .ns = INT64_C(1767225600000000000)};
	t->book_sink = (struct event_sink){t, from_book};
	t->sink = (struct event_sink){t, told};
	t->book = asset_book_new(&t->budget, NULL);
	t->d = detect_new(&t->budget, config);
	assert_non_null(t->book);
	assert_non_null(t->d);
}

static void
bench_init(struct bench *t)
{
	bench_init_with(t, NULL);
}

static void
bench_free(struct bench *t)
{
	detect_free(t->d);
	asset_book_free(t->book);
	assert_int_equal(t->budget.used, 0);
	buf_free(&t->told);
}

static void
give(struct bench *t, struct event *ev)
{
	ev->head.time.ns = t->ns += NS_PER_MS;
	ev->head.packet = ++t->packet;
	ev->head.source = ev->head.source == 0 ? 1 : ev->head.source;
	asset_book_event(t->book, ev, &t->book_sink);
	detect_event(t->d, ev, t->book, &t->sink);
}

static void
after_s(struct bench *t, int64_t s)
{
	t->ns += s * NS_PER_S;
}

static size_t
count_of(struct bench *t, const char *needle)
{
	struct bytes rest = buf_bytes(&t->told), n = bytes_str(needle);
	size_t count = 0, at;

	while ((at = bytes_find_seq(rest, n)) < rest.len) {
		count++;
		rest = bytes_from(rest, at + n.len);
	}
	return count;
}

/* How often a detector said something new, again or reopened. */
static void
expect(struct bench *t, const char *detector, size_t times)
{
	char needle[64];
	size_t n;

	snprintf(needle, sizeof(needle), "new %s ", detector);
	n = count_of(t, needle);
	if (n != times)
		fail_msg("%s: %zu new findings, expected %zu; told:\n%.*s", detector, n, times,
		    (int)t->told.len, (const char *)t->told.ptr);
}

static void
expect_text(struct bench *t, const char *needle)
{
	if (count_of(t, needle) == 0)
		fail_msg(
		    "\"%s\" is not in:\n%.*s", needle, (int)t->told.len, (const char *)t->told.ptr);
}

static struct ip
ip(const char *text)
{
	struct ip a = {{0}};

	if (text[0] != 0)
		assert_true(ip_parse(bytes_str(text), &a));
	return a;
}

static struct mac
mac(uint8_t n)
{
	return (struct mac){{0x02, 0, 0, 0, 0, n}};
}

static void
binding(struct bench *t, const char *source, const char *a, struct mac m, uint64_t flags)
{
	struct event ev = {.kind = EV_binding};

	ev.u.binding =
	    (struct ev_binding){.ip = ip(a), .mac = m, .source = bytes_str(source), .flags = flags};
	give(t, &ev);
}

static void
make_link(struct bench *t, uint64_t id, const char *client, const char *server, enum proto proto)
{
	struct event ev = {.kind = EV_link, .head = {.link = id, .flow = id}};

	ev.u.link = (struct ev_link){.id = id,
	    .client = ip(client),
	    .server = ip(server),
	    .port = 2575,
	    .proto = proto,
	    .transport = transport_tcp};
	give(t, &ev);
}

static struct ev_flow
flow(const char *orig, const char *resp, uint64_t port, enum name_value state)
{
	return (struct ev_flow){.orig = ip(orig),
	    .resp = ip(resp),
	    .resp_port = port,
	    .transport = transport_tcp,
	    .state = state,
	    .orig_packets = 2,
	    .resp_packets = state == state_unanswered ? 0 : 2};
}

static void
give_flow(struct bench *t, struct ev_flow f)
{
	struct event ev = {.kind = EV_flow};

	ev.u.flow = f;
	give(t, &ev);
}

static void
give_message(struct bench *t, uint64_t link, enum name_value dir, struct ev_message m)
{
	struct event ev = {.kind = EV_message, .head = {.link = link, .flow = link, .dir = dir}};

	ev.u.message = m;
	give(t, &ev);
}

static struct hash128
hash(uint64_t n)
{
	struct hash128 h = {{0}};
	uint64_t a = mix64(n + 1), b = mix64(a);

	memcpy(h.b, &a, 8);
	memcpy(h.b + 8, &b, 8);
	return h;
}

static void
claim(struct bench *t, const char *a, enum name_value attr, const char *value, const char *source)
{
	struct event ev = {.kind = EV_claim};

	ev.u.claim = (struct ev_claim){.ip = ip(a),
	    .attr = attr,
	    .value = bytes_str(value),
	    .source = bytes_str(source),
	    .confidence = 80};
	give(t, &ev);
}

static void
person(struct bench *t, uint64_t id, const char *state)
{
	struct event ev = {.kind = EV_device};

	ev.u.device = (struct ev_device){
	    .id = id, .what = BYTES("state"), .after = bytes_str(state), .who = BYTES("ada")};
	give(t, &ev);
}

static void
anomaly(struct bench *t, uint64_t link, enum anomaly name)
{
	struct event ev = {.kind = EV_anomaly, .head = {.link = link}};

	ev.u.anomaly = (struct ev_anomaly){.name = name, .proto = PROTO_hl7, .count = 1};
	give(t, &ev);
}

/* An analyzer at .5 that sends results to a LIS at .20 over link 1. */
static void
small_lab(struct bench *t)
{
	struct ev_message m = {.proto = PROTO_hl7, .category = category_result};

	make_link(t, 1, "10.0.0.5", "10.0.0.20", PROTO_hl7);
	give_message(t, 1, dir_orig, m);
}

/* --- one case that fires and some that do not, for each detector --- */

static void
clear_phi(void **state)
{
	struct ev_message m = {.proto = PROTO_hl7, .category = category_result, .phi = 3};
	struct event tls = {.kind = EV_tls, .head = {.link = 1, .flow = 1}};
	struct bench t;

	(void)state;
	bench_init(&t);
	small_lab(&t);
	expect(&t, "clear_phi", 0); /* no patient data in it */
	tls.u.tls.version = BYTES("TLS 1.3");
	give(&t, &tls);
	give_message(&t, 1, dir_orig, m); /* the gateway ended this one's TLS */
	expect(&t, "clear_phi", 0);
	make_link(&t, 2, "10.0.0.6", "10.0.0.20", PROTO_hl7);
	for (int i = 0; i < 100; i++)
		give_message(&t, 2, dir_orig, m);
	expect(&t, "clear_phi", 1);
	expect_text(&t, "new clear_phi medium 1: HL7 v2 to 10.0.0.20 carries");
	assert_int_equal(count_of(&t, "again clear_phi"), 6); /* 2, 4, ... 64 */
	make_link(&t, 3, "10.0.0.7", "10.0.0.20", PROTO_hl7);
	give_message(&t, 3, dir_orig, m); /* the same server: the same finding */
	expect(&t, "clear_phi", 1);
	bench_free(&t);
}

static void
clear_credentials(void **state)
{
	struct event ev = {.kind = EV_credential, .head = {.link = 1, .flow = 1}};
	struct event tls = {.kind = EV_tls, .head = {.link = 1, .flow = 9}};
	struct bench t;

	(void)state;
	bench_init(&t);
	small_lab(&t);
	give(&t, &tls);
	ev.u.credential = (struct ev_credential){.proto = PROTO_http, .scheme = BYTES("Basic")};
	ev.head.flow = 9;
	give(&t, &ev); /* inside TLS */
	expect(&t, "clear_credentials", 0);
	ev.head.flow = 1;
	give(&t, &ev);
	give(&t, &ev);
	expect(&t, "clear_credentials", 1);
	ev.u.credential = (struct ev_credential){
	    .proto = PROTO_ftp, .scheme = BYTES("PASS"), .account = BYTES("admin")};
	give(&t, &ev);
	expect_text(&t, "new clear_credentials critical 1: FTP to 10.0.0.20");
	expect_text(&t, "account admin");
	ev.u.credential = (struct ev_credential){.proto = PROTO_snmp, .scheme = BYTES("community")};
	give(&t, &ev);
	expect_text(&t, "new clear_credentials low 1: SNMP");
	bench_free(&t);
}

static void
weak_tls(void **state)
{
	static const struct {
		const char *name;
		struct ev_tls tls;
		const char *told; /* empty: quiet */
	} cases[] = {
#define GOOD                                                                                       \
	.version = BYTES_INIT("TLS 1.2"),                                                          \
	.cipher = BYTES_INIT("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),                             \
	.key = BYTES_INIT("RSA 2048"), .signature = BYTES_INIT("sha256WithRSAEncryption"),         \
	.not_before = {1}, .not_after = {INT64_C(1900000000000000000)}
	    {"good", {GOOD}, ""},
	    {"nothing known", {.alert = 1}, ""},
	    {"1.3",
		{.version = BYTES_INIT("TLS 1.3"), .cipher = BYTES_INIT("TLS_AES_128_GCM_SHA256")},
		""},
	    {"client's offer only", {.version = BYTES_INIT("TLS 1.0"), .flags = TLS_CLIENT_ONLY},
		""},
	    {"P-256", {.key = BYTES_INIT("EC P-256")}, ""},
	    {"Ed25519", {.key = BYTES_INIT("Ed25519")}, ""},
	    {"SSL 3", {.version = BYTES_INIT("SSL 3.0")}, "high 1: 10.0.0.20 still speaks"},
	    {"1.0", {.version = BYTES_INIT("TLS 1.0")}, "medium 1: 10.0.0.20 still speaks"},
	    {"1.1", {.version = BYTES_INIT("TLS 1.1")}, "(TLS 1.1)"},
	    {"RC4", {.cipher = BYTES_INIT("TLS_RSA_WITH_RC4_128_SHA")},
		"cipher that can be broken"},
	    {"3DES", {.cipher = BYTES_INIT("TLS_RSA_WITH_3DES_EDE_CBC_SHA")}, "can be broken"},
	    {"NULL", {.cipher = BYTES_INIT("TLS_RSA_WITH_NULL_SHA256")}, "can be broken"},
	    {"expired", {.not_after = {INT64_C(1500000000000000000)}}, "no longer valid"},
	    {"not yet", {.not_before = {INT64_C(1800000000000000000)}}, "not valid yet"},
	    {"RSA 1024", {.key = BYTES_INIT("RSA 1024")}, "short key (RSA 1024)"},
	    {"P-192", {.key = BYTES_INIT("EC P-192")}, "short key (EC P-192)"},
	    {"SHA-1", {.signature = BYTES_INIT("sha1WithRSAEncryption")}, "broken hash"},
	    {"ECDSA SHA-1", {.signature = BYTES_INIT("ecdsa-with-SHA1")}, "broken hash"},
	    {"self-signed", {.flags = TLS_SELF_SIGNED},
		"low 1: 10.0.0.20 has a certificate that only"},
	    {"self-signed SHA-1 root",
		{.flags = TLS_SELF_SIGNED, .signature = BYTES_INIT("sha1WithRSAEncryption")},
		"only itself"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct event ev = {.kind = EV_tls, .head = {.link = 1, .flow = 1, .dir = dir_resp}};
		struct bench t;

		print_message("# %s\n", cases[i].name);
		bench_init(&t);
		make_link(&t, 1, "10.0.0.5", "10.0.0.20", PROTO_tls);
		ev.u.tls = cases[i].tls;
		give(&t, &ev);
		expect(&t, "weak_tls", cases[i].told[0] != 0);
		if (cases[i].told[0] != 0)
			expect_text(&t, cases[i].told);
		bench_free(&t);
	}
}

#define YEAR_2020 INT64_C(1578960000000000000) /* 2020-01-14 */
#define YEAR_2030 INT64_C(1894492800000000000)

static bool
some_support(struct bytes claim, struct os_support *out)
{
	*out = (struct os_support){.name = claim, .end = {YEAR_2020}, .latest = {YEAR_2020}};
	if (bytes_eq(claim, BYTES("Windows 10")))
		out->latest.ns = YEAR_2030;
	else if (bytes_eq(claim, BYTES("Windows 11")))
		out->end.ns = out->latest.ns = 0;
	return claim.len > 0 && !bytes_eq(claim, BYTES("PotatOS"));
}

static void
os_unsupported(void **state)
{
	struct detect_config config = {.os_support = some_support};
	struct bench t;

	(void)state;
	bench_init_with(&t, &config);
	claim(&t, "10.0.0.9", attr_os, "Windows 11", "NTLM");
	claim(&t, "10.0.0.9", attr_model, "Windows 7", "x");
	claim(&t, "10.0.0.7", attr_os, "PotatOS", "NTLM"); /* unknown is no guess */
	expect(&t, "os_unsupported", 0);
	claim(&t, "10.0.0.8", attr_os, "Windows 7", "NTLM");
	claim(&t, "10.0.0.8", attr_os, "Windows 7", "SMB");
	expect(&t, "os_unsupported", 1);
	expect_text(
	    &t, "medium 1: 10.0.0.8 runs Windows 7; security updates for it ended on 2020-01-14");
	claim(&t, "10.0.0.6", attr_os, "Windows 10", "NTLM");
	expect_text(
	    &t, "low 1: 10.0.0.6 runs Windows 10; security updates for its common editions");
	bench_free(&t);
	bench_init(&t); /* by the tables of the product */
	claim(&t, "10.0.0.8", attr_os, "Windows 5.1.2600", "NTLM");
	claim(&t, "10.0.0.9", attr_os, "Windows 99.9.99999", "NTLM");
	expect(&t, "os_unsupported", 1);
	bench_free(&t);
}

static void
new_device(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	for (uint8_t i = 1; i < 60; i++)
		binding(&t, "arp", "10.0.0.5", mac(i), 0); /* odd, and all while learning */
	assert_int_equal(detect_count(t.d, DETECTOR_new_device), 1);
	after_s(&t, DAY_S + 1);
	binding(&t, "arp", "10.0.0.5", mac(1), 0);
	expect(&t, "new_device", 1);
	binding(&t, "arp", "10.0.0.77", mac(77), 0);
	expect(&t, "new_device", 2);
	expect_text(&t, "never seen before: 10.0.0.77");
	person(&t, asset_of_ip(t.book, ip("10.0.0.77")), "approved");
	assert_int_equal(count_of(&t, "closed new_device"), 1);
	bench_free(&t);
}

static void
device_changed(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	claim(&t, "10.0.0.5", attr_software, "00-24", "LIS02 H-5.2");
	claim(&t, "10.0.0.5", attr_software, "00-24", "LIS02 H-5.2");
	claim(&t, "10.0.0.5", attr_software, "XN 24", "HL7 SFT-2"); /* another source */
	claim(&t, "10.0.0.5", attr_application, "A", "HL7 MSH-3.1");
	claim(&t, "10.0.0.5", attr_application, "B", "HL7 MSH-3.1");
	expect(&t, "device_changed", 0);
	claim(&t, "10.0.0.5", attr_software, "00-25", "LIS02 H-5.2");
	expect(&t, "device_changed", 1);
	expect_text(&t, "low 1: The software of 10.0.0.5 went from \"00-24\" to \"00-25\"");
	binding(&t, "arp", "10.0.0.30", mac(30), 0);
	binding(&t, "arp", "10.0.0.31", mac(30), 0);
	expect_text(&t, "medium 1: The address of");
	bench_free(&t);
}

static void
unknown_talker(void **state)
{
	struct ip managers[1];
	struct detect_config config = {.managers = managers, .n_managers = 1};
	struct bench t;

	(void)state;
	managers[0] = ip("10.0.0.99");
	bench_init_with(&t, &config);
	small_lab(&t);
	make_link(&t, 2, "10.0.0.6", "10.0.0.20", PROTO_hl7); /* learning */
	after_s(&t, DAY_S + 1);
	make_link(&t, 1, "10.0.0.5", "10.0.0.20", PROTO_hl7);  /* a sensor restarted */
	make_link(&t, 3, "10.0.0.99", "10.0.0.20", PROTO_hl7); /* a manager */
	make_link(&t, 4, "10.0.0.66", "10.0.0.20", PROTO_dns); /* nothing clinical */
	expect(&t, "unknown_talker", 0);
	make_link(&t, 5, "10.0.0.66", "10.0.0.20", PROTO_hl7);
	expect(&t, "unknown_talker", 1);
	expect_text(&t, "10.0.0.66 talks HL7 v2 to 10.0.0.20 and never did before");
	/* To a server that is itself new, everyone is. */
	make_link(&t, 6, "10.0.0.5", "10.0.0.50", PROTO_hl7);
	expect(&t, "unknown_talker", 1);
	person(&t, asset_of_ip(t.book, ip("10.0.0.6")), "blocked");
	make_link(&t, 2, "10.0.0.6", "10.0.0.20", PROTO_hl7);
	expect_text(&t, "unknown_talker critical 1: 10.0.0.6, which was blocked");
	/* An approved server needs no more learning. */
	person(&t, asset_of_ip(t.book, ip("10.0.0.50")), "approved");
	make_link(&t, 7, "10.0.0.67", "10.0.0.50", PROTO_astm);
	expect(&t, "unknown_talker", 3);
	bench_free(&t);
}

static void
outside_zone(void **state)
{
	struct detect_cidr lab, office;
	struct detect_zone zones[2];
	struct detect_config config = {.zones = zones, .n_zones = 2};
	struct bench t;

	(void)state;
	lab = (struct detect_cidr){ip("10.0.0.0"), 96 + 24};
	office = (struct detect_cidr){ip("10.0.0.0"), 96 + 8};
	zones[0] = (struct detect_zone){"office", &office, 1, false};
	zones[1] = (struct detect_zone){"lab", &lab, 1, true};
	assert_ptr_equal(detect_zone_of(&config, ip("10.0.0.7")), &zones[1]);
	assert_ptr_equal(detect_zone_of(&config, ip("10.9.0.7")), &zones[0]);
	assert_null(detect_zone_of(&config, ip("192.168.0.7")));
	bench_init_with(&t, &config);
	small_lab(&t);
	make_link(&t, 2, "10.9.0.7", "10.8.0.20", PROTO_hl7); /* office to office */
	expect(&t, "outside_zone", 0);
	make_link(&t, 3, "10.9.0.7", "10.0.0.20", PROTO_hl7);
	expect(&t, "outside_zone", 1);
	expect_text(&t, "10.0.0.20 is reached by HL7 v2 from 10.9.0.7, which is in zone office");
	give_flow(&t, flow("192.168.0.7", "10.0.0.20", 445, state_closed));
	expect(&t, "outside_zone", 2);
	give_flow(&t, flow("192.168.0.8", "10.0.0.20", 445, state_rejected));
	expect(&t, "outside_zone", 2);
	bench_free(&t);

	bench_init(&t); /* without zones */
	small_lab(&t);
	make_link(&t, 2, "192.168.7.7", "10.0.0.20", PROTO_hl7);
	give_flow(&t, flow("10.0.0.20", "8.8.8.8", 443, state_closed)); /* updates */
	make_link(&t, 4, "8.8.4.4", "8.8.8.8", PROTO_hl7);              /* not ours */
	expect(&t, "outside_zone", 0);
	give_flow(&t, flow("8.8.8.8", "10.0.0.20", 3389, state_closed));
	give_flow(&t, flow("8.8.8.9", "10.0.0.20", 3389, state_closed));
	expect(&t, "outside_zone", 1);
	make_link(&t, 3, "10.0.0.5", "8.8.8.8", PROTO_dicom);
	expect_text(&t, "10.0.0.5 talks DICOM to 8.8.8.8, outside the network");
	bench_free(&t);
}

static void
scan(void **state)
{
	struct ip managers[1];
	struct detect_config config = {.managers = managers, .n_managers = 1};
	struct bench t;
	char text[32];

	(void)state;
	managers[0] = ip("10.0.0.99");
	bench_init_with(&t, &config);
	for (int i = 0; i < 500; i++) {
		give_flow(&t, flow("10.0.0.5", "10.0.0.20", 2575, state_unanswered)); /* dead LIS */
		snprintf(text, sizeof(text), "10.0.1.%d", i % 250 + 1);
		give_flow(&t, flow("10.0.0.99", text, 80, state_unanswered)); /* manager */
		give_flow(&t, flow("10.0.0.98", text, 80, state_closed));     /* all answer */
	}
	expect(&t, "scan", 0);
	for (int i = 0; i < 40; i++) { /* slow enough to be chance */
		snprintf(text, sizeof(text), "10.0.1.%d", i + 1);
		give_flow(&t, flow("10.0.0.7", text, 80, state_unanswered));
		after_s(&t, 60);
	}
	expect(&t, "scan", 0);
	for (int i = 0; i < 250; i++) {
		snprintf(text, sizeof(text), "10.0.1.%d", i + 1);
		give_flow(&t, flow("10.0.0.8", text, 104, state_unanswered));
	}
	expect(&t, "scan", 1);
	expect_text(&t, "10.0.0.8 tried about 20 addresses within 300 s");
	for (unsigned i = 0; i < 1000; i++)
		give_flow(&t, flow("10.0.0.9", "10.0.0.5", i, state_rejected));
	expect(&t, "scan", 2);
	expect_text(&t, "ports of one address");
	bench_free(&t);
}

static void
login(struct bench *t, uint64_t link, enum name_value outcome)
{
	struct event ev = {.kind = EV_login, .head = {.link = link, .dir = dir_resp}};

	ev.u.login = (struct ev_login){.proto = PROTO_ftp, .outcome = outcome};
	give(t, &ev);
}

static void
login_brute_force(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	make_link(&t, 1, "10.0.0.5", "10.0.0.20", PROTO_ftp);
	make_link(&t, 2, "10.0.0.6", "10.0.0.20", PROTO_ftp);
	for (int i = 0; i < 50; i++) { /* a person who mistypes */
		login(&t, 1, outcome_failure);
		login(&t, 1, outcome_failure);
		login(&t, 1, outcome_success);
	}
	for (int i = 0; i < 50; i++) { /* an old password in a nightly job */
		login(&t, 1, outcome_failure);
		after_s(&t, HOUR_S);
	}
	expect(&t, "login_brute_force", 0);
	for (int i = 0; i < 30; i++)
		login(&t, 2, outcome_failure);
	expect(&t, "login_brute_force", 1);
	login(&t, 2, outcome_success);
	expect(&t, "login_brute_force", 2);
	expect_text(&t, "critical 1: 10.0.0.6 got into 10.0.0.20 by FTP after many failed");
	login(&t, 77, outcome_failure); /* an unknown link */
	bench_free(&t);
}

static void
flood(void **state)
{
	struct ev_message m = {.proto = PROTO_hl7, .category = category_result};
	struct bench t;

	(void)state;
	bench_init(&t);
	small_lab(&t);
	for (int i = 0; i < 900; i++)
		give_message(&t, 1, dir_orig, m);
	after_s(&t, 10);
	for (int i = 0; i < 5000; i++) { /* much, but not 8 times what was seen */
		give_message(&t, 1, dir_orig, m);
	}
	expect(&t, "flood", 0);
	make_link(&t, 2, "10.0.0.6", "10.0.0.20", PROTO_hl7);
	for (int i = 0; i < 1500; i++)
		give_message(&t, 2, dir_orig, m);
	expect(&t, "flood", 1);
	expect_text(&t, "10.0.0.20 got 1000 messages within 10 s from 10.0.0.6");
	for (int i = 0; i < 1000; i++)
		give_flow(&t, flow("10.0.0.7", "10.0.0.30", 80, state_closed)); /* not clinical */
	expect(&t, "flood", 1);
	for (int i = 0; i < 400; i++)
		give_flow(&t, flow("10.0.0.7", "10.0.0.20", 2575, state_unanswered));
	expect(&t, "flood", 2);
	bench_free(&t);
}

static void
protocol_attack(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	small_lab(&t);
	anomaly(&t, 1, ANOMALY_packet_malformed); /* a deviation */
	anomaly(&t, 1, ANOMALY_tcp_gap);          /* a loss */
	anomaly(&t, 1, ANOMALY_tcp_conflict);     /* another detector's */
	anomaly(&t, 1, (enum anomaly)999);        /* none */
	expect(&t, "protocol_attack", 0);
	anomaly(&t, 1, ANOMALY_unit_too_large);
	anomaly(&t, 1, ANOMALY_unit_too_large);
	anomaly(&t, 77, ANOMALY_unit_too_large); /* on no known link: told without an address */
	expect(&t, "protocol_attack", 2);
	expect_text(&t, "10.0.0.5 to 10.0.0.20 by HL7 v2: a protocol unit passed its size cap");
	bench_free(&t);
}

static void
hidden_executable(void **state)
{
	static const struct {
		const char *place;
		enum name_value magic;
		bool fires;
	} cases[] = {
	    {"OBX-5", magic_pdf, false},
	    {"OBX-5", magic_image, false},
	    {"OBX-5", magic_zip, false},
	    {"OBX-5", magic_html, false},
	    {"FHIR Attachment", magic_text, false},
	    {"DICOM preamble", magic_zero, false},
	    {"DICOM preamble", magic_tiff, false},
	    {"DICOM preamble", magic_other, false},
	    {"OBX-5", magic_pe, true},
	    {"FHIR Attachment", magic_script, true},
	    {"DICOM preamble", magic_pe, true},
	    {"DICOM preamble", magic_elf, true},
	    {"DICOM preamble", magic_macho, true},
	    {"DICOM preamble", magic_pdf, true},
	    {"DICOM preamble", magic_zip, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct event ev = {.kind = EV_attachment, .head = {.link = 1}};
		struct bench t;

		bench_init(&t);
		small_lab(&t);
		ev.u.attachment = (struct ev_attachment){.proto = PROTO_hl7,
		    .place = bytes_str(cases[i].place),
		    .magic = cases[i].magic};
		give(&t, &ev);
		expect(&t, "hidden_executable", cases[i].fires);
		bench_free(&t);
	}
}

static void
arp_takeover(void **state)
{
	struct mac vrrp = {{0, 0, 0x5e, 0, 1, 7}};
	struct bench t;

	(void)state;
	bench_init(&t);
	for (int i = 0; i < 5; i++)
		binding(&t, "arp", "10.0.0.20", mac(20), 0);
	binding(&t, "arp", "10.0.0.30", mac(30), 0);
	after_s(&t, HOUR_S);
	binding(&t, "arp", "10.0.0.30", mac(31), 0); /* a replaced device */
	binding(&t, "dhcp", "10.0.0.30", mac(32), 0);
	binding(&t, "arp", "10.0.0.30", mac(32), 0); /* a new lease */
	binding(&t, "arp", "10.0.0.1", mac(1), 0);
	binding(&t, "arp", "10.0.0.1", vrrp, 0); /* router redundancy */
	binding(&t, "mdns", "10.0.0.20", mac(66), 0);
	expect(&t, "arp_takeover", 0);
	binding(&t, "arp", "10.0.0.20", mac(20), 0);
	binding(&t, "arp", "10.0.0.20", mac(66), BINDING_GRATUITOUS);
	expect(&t, "arp_takeover", 1);
	expect_text(&t,
	    "10.0.0.20 was at 02:00:00:00:00:14 and is now claimed by 02:00:00:00:00:42 unasked");
	for (int i = 0; i < 50; i++) {
		binding(&t, "arp", "10.0.0.20", mac(20), 0);
		binding(&t, "arp", "10.0.0.20", mac(66), BINDING_GRATUITOUS);
	}
	assert_true(detect_count(t.d, DETECTOR_arp_takeover) <= 2); /* seen from either side */
	bench_free(&t);
}

static void
dhcp_takeover(void **state)
{
	struct mac none = {{0}};
	struct bench t;

	(void)state;
	bench_init(&t);
	binding(&t, "dhcp", "10.0.0.1", none, BINDING_SERVER);
	binding(&t, "dhcp", "10.0.0.2", none, BINDING_SERVER); /* a pair */
	after_s(&t, DAY_S);
	binding(&t, "dhcp", "10.0.0.1", none, BINDING_SERVER);
	binding(&t, "dhcp", "10.0.0.2", none, BINDING_SERVER);
	binding(&t, "dhcp", "10.0.0.55", mac(55), 0);            /* a lease */
	binding(&t, "dhcp", "10.0.0.254", none, BINDING_ROUTER); /* a router it names */
	expect(&t, "dhcp_takeover", 0);
	binding(&t, "dhcp", "10.0.0.66", none, BINDING_SERVER);
	binding(&t, "dhcp", "10.0.0.66", none, BINDING_SERVER);
	expect(&t, "dhcp_takeover", 1);
	bench_free(&t);
}

static void
open_setup_port(void **state)
{
	struct event ev = {.kind = EV_setup};
	struct bench t;

	(void)state;
	bench_init(&t);
	small_lab(&t); /* a device without such a service */
	expect(&t, "open_setup_port", 0);
	ev.u.setup = (struct ev_setup){.ip = ip("10.0.0.40"),
	    .proto = PROTO_lantronix,
	    .what = BYTES("UDP 30718"),
	    .password = 3};
	give(&t, &ev);
	give(&t, &ev);
	expect(&t, "open_setup_port", 1);
	expect_text(&t,
	    "high 1: 10.0.0.40 answers on its set-up service (UDP 30718), and shows its password");
	ev.u.setup.ip = ip("10.0.0.41");
	ev.u.setup.password = 1;
	give(&t, &ev);
	expect_text(&t, "low 1: 10.0.0.41");
	ev.u.setup.password = 99;
	give(&t, &ev);
	bench_free(&t);
}

static void
tcp_conflict(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	small_lab(&t);
	anomaly(&t, 1, ANOMALY_tcp_gap);
	anomaly(&t, 1, ANOMALY_ip_fragment_overlap);
	expect(&t, "tcp_conflict", 0);
	anomaly(&t, 1, ANOMALY_tcp_conflict);
	expect(&t, "tcp_conflict", 1);
	expect_text(&t, "critical 1: 10.0.0.5 sent two different versions");
	bench_free(&t);
}

static void
poct1a_directive(void **state)
{
	struct ev_message dtv = {
	    .proto = PROTO_poct1a, .category = category_directive, .type = BYTES("DTV.R02")};
	struct ev_message obs = {.proto = PROTO_poct1a, .category = category_result};
	struct bench t;

	(void)state;
	bench_init(&t);
	make_link(&t, 1, "10.0.0.5", "10.0.0.20", PROTO_poct1a); /* the meter dials its manager */
	give_message(&t, 1, dir_resp, dtv);
	after_s(&t, DAY_S + 1);
	give_message(&t, 1, dir_resp, dtv);
	give_message(&t, 1, dir_orig, obs);
	expect(&t, "poct1a_directive", 0);
	make_link(&t, 2, "10.0.0.66", "10.0.0.5", PROTO_poct1a); /* somebody dials in */
	give_message(&t, 2, dir_orig, dtv);
	expect(&t, "poct1a_directive", 1);
	expect_text(&t, "10.0.0.66 told 10.0.0.5 what to do (DTV.R02)");
	make_link(&t, 3, "10.0.0.5", "10.0.0.67", PROTO_poct1a); /* led to a false manager */
	give_message(&t, 3, dir_resp, dtv);
	assert_int_equal(
	    detect_count(t.d, DETECTOR_poct1a_directive), 1); /* same device and kind */
	assert_int_equal(count_of(&t, "again poct1a_directive"), 1);
	expect_text(&t, "10.0.0.67 told");
	bench_free(&t);
}

static void
bulk_query(void **state)
{
	struct ev_message m = {.proto = PROTO_hl7, .category = category_query};
	struct bench t;

	(void)state;
	bench_init(&t);
	make_link(&t, 1, "10.0.0.5", "10.0.0.20", PROTO_hl7);
	for (unsigned i = 0; i < 500; i++) { /* a busy analyzer asks for each tube */
		m.specimen = hash(i);
		give_message(&t, 1, dir_orig, m);
	}
	m.specimen = hash(0);
	m.patient = hash(7);
	for (unsigned i = 0; i < 5000; i++) /* always the same */
		give_message(&t, 1, dir_orig, m);
	m.specimen = (struct hash128){{0}};
	for (unsigned i = 0; i < 300; i++) { /* a ward, over a day */
		m.patient = hash(i);
		give_message(&t, 1, dir_orig, m);
		after_s(&t, 200);
	}
	expect(&t, "bulk_query", 0);
	make_link(&t, 2, "10.0.0.66", "10.0.0.20", PROTO_hl7);
	for (unsigned i = 0; i < 300; i++) {
		m.patient = hash(i);
		give_message(&t, 2, dir_orig, m);
	}
	expect(&t, "bulk_query", 1);
	expect_text(&t, "10.0.0.66 asked 10.0.0.20 for about 60 different patients");
	m.patient = (struct hash128){{0}};
	for (unsigned i = 0; i < 60; i++)
		give_message(&t, 2, dir_orig, m);
	expect(&t, "bulk_query", 2);
	bench_free(&t);
}

static void
bulk_query_by_transfer(void **state)
{
	struct ev_message m = {
	    .proto = PROTO_dicom, .category = category_transfer, .sender = BYTES("VIEWER1")};
	struct bench t;

	(void)state;
	bench_init(&t);
	make_link(&t, 1, "10.0.0.5", "10.0.0.40", PROTO_dicom);
	give_message(&t, 1, dir_orig, m);
	after_s(&t, DAY_S + 1);
	give_message(&t, 1, dir_orig, m);
	m.ack = BYTES("0000");
	m.sender = BYTES("PACS");
	give_message(&t, 1, dir_resp, m);
	expect(&t, "bulk_query", 0);
	m.ack = (struct bytes){NULL, 0};
	m.sender = BYTES("EVIL");
	give_message(&t, 1, dir_orig, m);
	expect(&t, "bulk_query", 1);
	expect_text(&t, "10.0.0.5 (EVIL) had images moved");
	bench_free(&t);
}

static void
capture_loss(void **state)
{
	struct event ev = {.kind = EV_capture, .head = {.source = 3}};
	struct bench t;

	(void)state;
	bench_init(&t);
	small_lab(&t);
	for (int i = 0; i < 10; i++)
		anomaly(&t, 1, ANOMALY_tcp_gap);
	ev.u.capture =
	    (struct ev_capture){.what = BYTES("stats"), .packets = 1000000, .dropped = 5};
	give(&t, &ev);
	ev.u.capture.packets = 2000000; /* the same five */
	give(&t, &ev);
	expect(&t, "capture_loss", 0);
	ev.u.capture.packets = 2100000;
	ev.u.capture.dropped = 5000;
	give(&t, &ev);
	expect(&t, "capture_loss", 1);
	for (int i = 0; i < 20; i++)
		anomaly(&t, 1, ANOMALY_tcp_gap);
	expect(&t, "capture_loss", 2); /* another capture */
	ev.u.capture = (struct ev_capture){.what = BYTES("stats"), .dropped = UINT64_MAX};
	give(&t, &ev);
	bench_free(&t);
}

static void
smb1_in_use(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	claim(&t, "10.0.0.9", attr_service, "SMB 3.1.1", "SMB negotiate");
	claim(&t, "10.0.0.9", attr_software, "SMB 1", "x");
	expect(&t, "smb1_in_use", 0);
	claim(&t, "10.0.0.9", attr_service, "SMB 1", "SMB negotiate");
	claim(&t, "10.0.0.9", attr_service, "SMB 1", "SMB negotiate");
	expect(&t, "smb1_in_use", 1);
	expect_text(&t, "medium 1: 10.0.0.9 shares files");
	bench_free(&t);
}

static void
remote_access(void **state)
{
	struct ip managers[1];
	struct detect_config config = {.managers = managers, .n_managers = 1};
	struct ev_flow f;
	struct bench t;

	(void)state;
	managers[0] = ip("10.0.0.99");
	bench_init_with(&t, &config);
	small_lab(&t);
	make_link(&t, 2, "10.0.0.7", "10.0.0.8", PROTO_rdp); /* two office machines */
	make_link(&t, 3, "10.0.0.99", "10.0.0.20", PROTO_rdp);
	make_link(&t, 4, "10.0.0.7", "10.0.0.20", PROTO_http);
	f = flow("10.0.0.7", "10.0.0.20", 3389, state_rejected);
	f.proto = PROTO_rdp;
	give_flow(&t, f);
	expect(&t, "remote_access", 0);
	make_link(&t, 5, "10.0.0.7", "10.0.0.20", PROTO_rdp);
	f.state = state_closed;
	give_flow(&t, f); /* the same */
	expect(&t, "remote_access", 1);
	expect_text(
	    &t, "medium 1: 10.0.0.20 is used from afar by remote desktop (RDP), from 10.0.0.7");
	f = flow("10.0.0.5", "8.8.8.8", 5938, state_closed);
	f.proto = PROTO_other;
	f.app = BYTES("TeamViewer");
	give_flow(&t, f);
	expect_text(&t, "high 1: 10.0.0.5 is used from afar by TeamViewer, through 8.8.8.8");
	bench_free(&t);
}

/* --- results --- */

struct sent {
	uint64_t link;
	const char *value, *units, *status, *observed;
	bool corrects;
};

static void
send_result(struct bench *t, const struct sent *s, uint64_t key)
{
	struct ev_result r = {.key = hash(key),
	    .code = BYTES("GLU"),
	    .value = bytes_str(s->value),
	    .units = bytes_str(s->units),
	    .status = bytes_str(s->status),
	    .observed = bytes_str(s->observed),
	    .corrects = s->corrects};
	struct ev_message m = {.proto = PROTO_hl7, .category = category_result, .n_results = 1};
	struct buf list = {0};

	if (key == 0)
		r.key = (struct hash128){{0}};
	assert_true(result_encode(&list, &r));
	m.results = buf_bytes(&list);
	give_message(t, s->link, dir_orig, m);
	buf_free(&list);
}

#define SENT(link, value, units, status, observed)                                                 \
	{                                                                                          \
		link, value, units, status, observed, false                                        \
	}
#define FIXED(link, value, units, status, observed)                                                \
	{                                                                                          \
		link, value, units, status, observed, true                                         \
	}

static void
result_changed(void **state)
{
	static const struct {
		const char *name;
		struct sent sent[5];
		const char *told; /* NULL: quiet */
	} cases[] = {
	    {"sent again, the same",
		{SENT(1, "5.0", "mmol/L", "F", "2026"), SENT(1, "5.0", "mmol/L", "F", "2026")},
		NULL},
	    {"passed on, the same",
		{SENT(1, "5.0", "mmol/L", "F", "2026"), SENT(2, "5.0", "mmol/L", "F", "2026")},
		NULL},
	    {"written otherwise",
		{SENT(1, "5.0", "mmol/L", "F", ""), SENT(2, "05.00", " mmol/L", "", "")}, NULL},
	    {"zeros", {SENT(1, "0", "", "F", ""), SENT(2, "-0.00", "", "F", "")}, NULL},
	    {"a zero more", {SENT(1, "5.0", "", "F", ""), SENT(2, "50", "", "F", "")},
		"critical 1: A result (test GLU"},
	    {"a point moved", {SENT(1, "12.5", "", "F", ""), SENT(2, "1.25", "", "F", "")},
		"on the way"},
	    {"a sign", {SENT(1, "-5", "", "F", ""), SENT(2, "5", "", "F", "")}, "on the way"},
	    {"words", {SENT(1, "NEG", "", "F", ""), SENT(2, "POS", "", "F", "")}, "on the way"},
	    {"longer words",
		{SENT(1, "Klebsiella oxytoca", "", "F", ""),
		    SENT(2, "Klebsiella variicola", "", "F", "")},
		"on the way"},
	    {"value taken out", {SENT(1, "5.0", "", "F", ""), SENT(2, "", "", "F", "")},
		"on the way"},
	    {"units left out", {SENT(1, "5.0", "mmol/L", "F", ""), SENT(2, "5.0", "", "F", "")},
		NULL},
	    {"units changed", {SENT(1, "5.0", "mmol/L", "F", ""), SENT(2, "5.0", "mg/dL", "F", "")},
		"on the way"},
	    {"units in another case are others",
		{SENT(1, "5.0", "mmol/L", "F", ""), SENT(2, "5.0", "Mmol/L", "F", "")},
		"on the way"},
	    {"changed on its own link",
		{SENT(1, "5.0", "", "F", "2026"), SENT(1, "7.0", "", "F", "2026")},
		"high 1: 10.0.0.5 sent a result (test GLU"},
	    {"changed, no times", {SENT(1, "5.0", "", "F", ""), SENT(1, "7.0", "", "F", "")},
		"sent a result"},
	    {"corrected", {SENT(1, "5.0", "", "F", "2026"), FIXED(1, "7.0", "", "C", "2026")},
		NULL},
	    {"corrected and passed on",
		{SENT(1, "5.0", "", "F", ""), SENT(2, "5.0", "", "F", ""),
		    FIXED(1, "7.0", "", "C", ""), FIXED(2, "7.0", "", "C", "")},
		NULL},
	    {"correction passed on without its mark",
		{SENT(1, "5.0", "", "F", ""), SENT(2, "5.0", "", "F", ""),
		    FIXED(1, "7.0", "", "C", ""), SENT(2, "7.0", "", "F", "")},
		NULL},
	    {"old one passed on after the correction",
		{SENT(1, "5.0", "", "F", ""), FIXED(1, "7.0", "", "C", ""),
		    SENT(2, "5.0", "", "F", ""), FIXED(2, "7.0", "", "C", "")},
		NULL},
	    {"taken back after the correction",
		{SENT(1, "5.0", "", "F", ""), FIXED(1, "7.0", "", "C", ""),
		    SENT(1, "5.0", "", "F", "")},
		"sent a result"},
	    {"measured again",
		{SENT(1, "5.0", "", "F", "2026"), SENT(1, "5.2", "", "F", "2027"),
		    SENT(2, "5.0", "", "F", "2026"), SENT(2, "5.2", "", "F", "2027")},
		NULL},
	    {"preliminary, then final", {SENT(1, "5.0", "", "P", ""), SENT(1, "7.0", "", "F", "")},
		NULL},
	    {"preliminary, final elsewhere",
		{SENT(1, "5.0", "", "P", ""), SENT(2, "7.0", "", "F", "")}, NULL},
	    {"changed after passing on",
		{SENT(1, "5.0", "", "F", ""), SENT(2, "5.0", "", "F", ""),
		    SENT(2, "7.0", "", "F", "")},
		"10.0.0.20 sent a result"},
	    {"three taps",
		{SENT(1, "5.0", "", "F", ""), SENT(2, "5.0", "", "F", ""),
		    SENT(3, "6.0", "", "F", "")},
		"on the way"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bench t;

		print_message("# %s\n", cases[i].name);
		bench_init(&t);
		make_link(&t, 1, "10.0.0.5", "10.0.0.20", PROTO_astm);
		make_link(&t, 2, "10.0.0.20", "10.0.0.30", PROTO_hl7);
		make_link(&t, 3, "10.0.0.30", "10.0.0.40", PROTO_hl7);
		for (size_t k = 0; k < 5 && cases[i].sent[k].link != 0; k++) {
			send_result(&t, &cases[i].sent[k], 1);
			send_result(
			    &t, &(struct sent){cases[i].sent[k].link, "1", "", "F", "", false}, 2);
			send_result(&t, &cases[i].sent[k], 0); /* nothing to know it by */
		}
		expect(&t, "result_changed", cases[i].told != NULL);
		if (cases[i].told != NULL)
			expect_text(&t, cases[i].told);
		bench_free(&t);
	}
}

/* Thousands of others in between do not make it forget; tens of thousands may, quietly. */
static void
result_memory_is_bounded(void **state)
{
	struct detect_config config = {.result_keys = 1024};
	struct sent a = {1, "5.0", "", "F", "", false}, b = {2, "5.0", "", "F", "", false};
	struct bench t;
	size_t used;

	(void)state;
	bench_init_with(&t, &config);
	make_link(&t, 1, "10.0.0.5", "10.0.0.20", PROTO_astm);
	make_link(&t, 2, "10.0.0.20", "10.0.0.30", PROTO_hl7);
	send_result(&t, &a, 1);
	used = t.budget.used;
	for (uint64_t i = 2; i < 500; i++)
		send_result(&t, &a, i);
	b.value = "9.9";
	send_result(&t, &b, 1);
	expect(&t, "result_changed", 1);
	for (uint64_t i = 500; i < 20000; i++)
		send_result(&t, &a, i);
	assert_true(t.budget.used <= used + 64 * 1024);
	bench_free(&t);
}

/* --- findings --- */

static void
set_finding(struct bench *t, uint64_t id, const char *what, const char *who)
{
	struct event ev = {.kind = EV_finding};

	ev.u.finding =
	    (struct ev_finding){.id = id, .what = bytes_str(what), .who = bytes_str(who)};
	give(t, &ev);
}

static void
life_of_a_finding(void **state)
{
	struct finding_view f;
	struct bench t;

	(void)state;
	bench_init(&t);
	small_lab(&t);
	anomaly(&t, 1, ANOMALY_unit_too_large);
	assert_int_equal(t.n_told, 3); /* and twice that devices were met */
	assert_true(detect_finding(t.d, 2, &f));
	assert_int_equal(f.detector, DETECTOR_protocol_attack);
	assert_int_equal(f.first.packet, t.packet);
	set_finding(&t, 2, "closed", ""); /* not a person: ours, told again by a rebuild */
	assert_true(detect_finding(t.d, 2, &f));
	assert_int_equal(f.state, FINDING_OPEN);
	set_finding(&t, 2, "closed", "ada");
	set_finding(&t, 99, "closed", "ada");
	anomaly(&t, 1, ANOMALY_unit_too_large);
	assert_int_equal(count_of(&t, "reopened protocol_attack high 2"), 1);
	set_finding(&t, 2, "accepted", "ada");
	for (int i = 0; i < 100; i++)
		anomaly(&t, 1, ANOMALY_unit_too_large);
	assert_int_equal(count_of(&t, "protocol_attack"), 2);
	assert_true(detect_finding(t.d, 2, &f));
	assert_int_equal(f.count, 102);
	assert_int_equal(f.state, FINDING_ACCEPTED);
	bench_free(&t);
}

/* A month of clear text from five analyzers: a handful of lines a day at most. */
static void
small_lab_sees_a_few(void **state)
{
	struct ev_message m = {.proto = PROTO_hl7, .category = category_result, .phi = 3};
	struct bench t;
	char text[32];

	(void)state;
	bench_init(&t);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i + 5);
		make_link(&t, i + 1, text, "10.0.0.20", PROTO_hl7);
	}
	for (unsigned day = 0; day < 30; day++) {
		for (unsigned i = 0; i < 500; i++) {
			give_message(&t, i % 5 + 1, dir_orig, m);
			after_s(&t, DAY_S / 500);
		}
	}
	assert_true(t.n_told < 60);
	assert_int_equal(detect_count(t.d, DETECTOR_clear_phi), 1);
	bench_free(&t);
}

static void
findings_follow_a_merge(void **state)
{
	struct event ev = {.kind = EV_setup};
	struct finding_view f;
	struct bench t;

	(void)state;
	bench_init(&t);
	binding(&t, "arp", "10.0.0.5", mac(5), 0);
	binding(&t, "packet", "10.0.0.6", (struct mac){{0}}, 0);
	ev.u.setup =
	    (struct ev_setup){.ip = ip("10.0.0.6"), .proto = PROTO_moxa, .what = BYTES("UDP")};
	give(&t, &ev);
	assert_int_equal(detect_next(t.d, 0), 1);
	assert_true(detect_finding(t.d, 2, &f));
	assert_int_equal(f.device, 2);
	binding(&t, "arp", "10.0.0.6", mac(5), 0);
	assert_true(detect_finding(t.d, 2, &f));
	assert_int_equal(f.device, 1);
	give(&t, &ev);
	expect(&t, "open_setup_port", 1);
	bench_free(&t);
}

static void
many_causes_stay_bounded(void **state)
{
	struct event ev = {.kind = EV_setup};
	struct bench t;
	char what[32];
	size_t n = 0;

	(void)state;
	bench_init(&t);
	for (unsigned i = 0; i < FINDINGS_MAX + 500; i++) {
		snprintf(what, sizeof(what), "port %u", i);
		ev.u.setup = (struct ev_setup){
		    .ip = ip("10.0.0.6"), .proto = PROTO_moxa, .what = bytes_str(what)};
		give(&t, &ev);
	}
	for (uint64_t id = 0; (id = detect_next(t.d, id)) != 0;)
		n++;
	assert_int_equal(n, FINDINGS_MAX);
	assert_true(detect_forgotten(t.d) >= 500);
	bench_free(&t);
}

static void
json_of_a_finding(void **state)
{
	static const char *const keys[] = {"\"id\":2", "\"detector\":\"protocol_attack\"",
	    "\"severity\":\"high\"", "\"state\":\"open\"", "\"why\":\"", "\"todo\":\"",
	    "\"evidence\":{", "\"count\":1"};
	struct buf out = {0};
	struct json j = json_on(&out);
	struct bench t;

	(void)state;
	bench_init(&t);
	small_lab(&t);
	anomaly(&t, 1, ANOMALY_unit_too_large);
	json_array(&j);
	detect_finding_json(t.d, 2, &j);
	detect_finding_json(t.d, 77, &j);
	json_array_end(&j);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (bytes_find_seq(buf_bytes(&out), bytes_str(keys[i])) == out.len)
			fail_msg("%s is not in %.*s", keys[i], (int)out.len, (const char *)out.ptr);
	}
	buf_free(&out);
	bench_free(&t);
}

/* --- any events, snapshots --- */

static void
random_event(struct bench *t, struct rng *rng)
{
	static const char *const words[] = {"", "new", "change", "merge", "state", "arp", "dhcp",
	    "nd", "SMB 1", "TLS 1.0", "RSA 512", "OBX-5", "approved", "stats", "1", "2", "F", "5.0",
	    "7.0", "DICOM preamble", "TeamViewer", "admin"};
	struct event ev = {
	    .head = {
		.link = rng_below(rng, 12), .flow = rng_below(rng, 12), .dir = rng_below(rng, 2)}};
	struct buf list = {0};
	char a[32], o[32];

#define WORD bytes_str(words[rng_below(rng, ARRAY_LEN(words))])
#define ANY  (rng_below(rng, 8) == 0 ? rng_next(rng) : rng_below(rng, 20))
	snprintf(a, sizeof(a), "10.0.0.%d", (int)rng_below(rng, 12) + 1);
	snprintf(
	    o, sizeof(o), "%s.0.0.%d", rng_below(rng, 6) ? "10" : "8", (int)rng_below(rng, 12) + 1);
	if (rng_below(rng, 50) == 0)
		after_s(t, (int64_t)rng_below(rng, 90000));
	switch (rng_below(rng, 14)) {
	case 0:
	case 1: {
		struct ev_result r = {
		    .key = hash(rng_below(rng, 30)), .value = WORD, .status = WORD};

		assert_true(result_encode(&list, &r));
		ev.kind = EV_message;
		ev.u.message = (struct ev_message){.proto = ANY,
		    .category = rng_below(rng, 14),
		    .phi = rng_below(rng, 2),
		    .type = WORD,
		    .sender = WORD,
		    .ack = WORD,
		    .patient = hash(rng_below(rng, 500)),
		    .results = buf_bytes(&list)};
		break;
	}
	case 2:
		ev.kind = EV_claim;
		ev.u.claim = (struct ev_claim){.ip = ip(a),
		    .attr = rng_below(rng, 18),
		    .value = WORD,
		    .source = WORD,
		    .confidence = ANY};
		break;
	case 3:
		ev.kind = EV_anomaly;
		ev.u.anomaly = (struct ev_anomaly){.name = ANY, .proto = ANY, .count = ANY};
		break;
	case 4:
		ev.kind = EV_credential;
		ev.u.credential =
		    (struct ev_credential){.proto = ANY, .scheme = WORD, .account = WORD};
		break;
	case 5:
		ev.kind = EV_login;
		ev.u.login = (struct ev_login){.proto = ANY, .outcome = rng_below(rng, 4)};
		break;
	case 6:
		ev.kind = EV_tls;
		ev.u.tls = (struct ev_tls){.version = WORD,
		    .cipher = WORD,
		    .key = WORD,
		    .signature = WORD,
		    .flags = ANY,
		    .not_after = {(int64_t)rng_next(rng)}};
		break;
	case 7:
		ev.kind = EV_attachment;
		ev.u.attachment =
		    (struct ev_attachment){.proto = ANY, .place = WORD, .magic = ANY, .size = ANY};
		break;
	case 8:
		ev.kind = EV_binding;
		ev.u.binding = (struct ev_binding){.ip = ip(a),
		    .mac = mac((uint8_t)rng_below(rng, 12)),
		    .source = WORD,
		    .flags = ANY};
		break;
	case 9:
		ev.kind = EV_setup;
		ev.u.setup =
		    (struct ev_setup){.ip = ip(a), .proto = ANY, .what = WORD, .password = ANY};
		break;
	case 10:
		ev.kind = EV_flow;
		ev.u.flow = flow(a, o, ANY & 0xffff, (enum name_value)rng_below(rng, 8));
		ev.u.flow.proto = ANY;
		ev.u.flow.app = WORD;
		break;
	case 11:
		ev.kind = EV_link;
		ev.u.link = (struct ev_link){.id = rng_below(rng, 12),
		    .client = ip(a),
		    .server = ip(o),
		    .proto = rng_below(rng, 40),
		    .app = WORD};
		break;
	case 12:
		ev.kind = EV_capture;
		ev.u.capture = (struct ev_capture){.what = WORD, .packets = ANY, .dropped = ANY};
		break;
	default:
		ev.kind = rng_below(rng, 2) ? EV_device : EV_finding;
		if (ev.kind == EV_device)
			ev.u.device = (struct ev_device){.id = ANY,
			    .what = WORD,
			    .before = WORD,
			    .after = WORD,
			    .who = BYTES("x")};
		else
			ev.u.finding = (struct ev_finding){.id = ANY,
			    .what = rng_below(rng, 2) ? BYTES("closed") : BYTES("accepted"),
			    .who = WORD};
	}
	give(t, &ev);
	buf_free(&list);
}

static void
restore_goes_on_as_before(void **state)
{
	struct detect_config config = {.result_keys = 64,
	    .scan_hosts = 3,
	    .login_failures = 3,
	    .flood_messages = 20,
	    .query_patients = 20};

	(void)state;
	for (size_t round = 0; round < 20; round++) {
		struct buf book = {0}, found = {0}, jx = {0}, jy = {0};
		struct json x_json = json_on(&jx), y_json = json_on(&jy);
		struct rng rng = rng_new(500 + round), same;
		struct bench x, y;
		struct why why;

		bench_init_with(&x, &config);
		bench_init_with(&y, &config);
		for (int i = 0; i < 1500; i++)
			random_event(&x, &rng);
		assert_true(asset_encode(x.book, &book) && detect_encode(x.d, &found));
		assert_int_equal(asset_restore(y.book, buf_bytes(&book), &why), ERR_OK);
		if (detect_restore(y.d, buf_bytes(&found), &why) != ERR_OK)
			fail_msg("%s", why.text);
		y.ns = x.ns;
		y.packet = x.packet;
		buf_reset(&x.told);
		same = rng;
		for (int i = 0; i < 1500; i++)
			random_event(&x, &rng);
		for (int i = 0; i < 1500; i++)
			random_event(&y, &same);
		assert_true(bytes_eq(buf_bytes(&x.told), buf_bytes(&y.told)));
		json_array(&x_json);
		json_array(&y_json);
		for (uint64_t id = 0; (id = detect_next(x.d, id)) != 0;) {
			detect_finding_json(x.d, id, &x_json);
			detect_finding_json(y.d, id, &y_json);
		}
		assert_true(bytes_eq(buf_bytes(&jx), buf_bytes(&jy)));
		buf_free(&book);
		buf_free(&found);
		buf_free(&jx);
		buf_free(&jy);
		bench_free(&x);
		bench_free(&y);
	}
}

static void
hostile_snapshots(void **state)
{
	struct detect_config config = {.result_keys = 64};
	struct rng rng = rng_new(9);
	struct buf snap = {0};
	struct bench t, y;

	(void)state;
	bench_init_with(&t, &config);
	for (int i = 0; i < 1500; i++)
		random_event(&t, &rng);
	assert_true(detect_encode(t.d, &snap));
	for (int i = 0; i < 1500; i++) {
		size_t n = i % 3 == 0 ? rng_below(&rng, snap.len) : snap.len;
		struct guard g = guard_new(bytes_of(snap.ptr, n));
		uint8_t *p = (uint8_t *)(uintptr_t)g.view.ptr;

		if (i % 3 != 0)
			p[rng_below(&rng, n)] ^= (uint8_t)(1 + rng_below(&rng, 255));
		bench_init_with(&y, &config);
		if (detect_restore(y.d, g.view, NULL) == ERR_OK) {
			assert_true(n == snap.len);
			y.ns = t.ns;
			for (int k = 0; k < 50; k++)
				random_event(&y, &rng);
		}
		bench_free(&y);
		guard_free(&g);
	}
	buf_free(&snap);
	bench_free(&t);
}

/* --- the catalogue --- */

static void
every_detector_is_explained(void **state)
{
	const char *root = getenv("HEMOSTAT_SOURCE");
	char path[512];

	(void)state;
	for (size_t i = 1; i < DETECTORS; i++) {
		const struct detector_info *info = detector_info((enum detector_id)i);
		struct bytes page;

		assert_non_null(info);
		assert_true(strlen(info->name) <= 32);
		assert_true(strlen(info->why) > 40 && strlen(info->todo) > 40);
		assert_ptr_equal(detector_named(bytes_str(info->name)), info);
		if (root == NULL)
			continue;
		snprintf(path, sizeof(path), "%s/doc/detectors/%s.md", root, info->name);
		page = file_slurp(path);
		if (page.ptr == NULL)
			fail_msg("%s is missing", path);
		if (bytes_find_seq(page, bytes_str(info->technique)) == page.len ||
		    bytes_find_seq(page, bytes_str(info->text + 1)) == page.len || /* capital */
		    bytes_find_seq(page, bytes_str(info->todo)) == page.len)
			fail_msg("%s says other than the tables", path);
		free((void *)(uintptr_t)page.ptr);
	}
	assert_null(detector_info(DETECTOR_NONE));
	assert_null(detector_info(DETECTORS));
	assert_null(detector_named(BYTES("no_such")));
}

/* The techniques exist in MITRE's own file. */
static void
techniques_exist(void **state)
{
	const char *path = shared_path("attack/ics-attack.json");
	struct bytes file = path == NULL ? (struct bytes){NULL, 0} : file_slurp(path);
	char needle[32];

	(void)state;
	if (file.ptr == NULL) {
		print_message("# skipped: ATT&CK for ICS is not there\n");
		return; /* not skip(): meson takes cmocka's "not ok # SKIP" for a failure */
	}
	for (size_t i = 1; i < DETECTORS; i++) {
		snprintf(needle, sizeof(needle), "\"%s\"",
		    detector_info((enum detector_id)i)->technique);
		if (bytes_find_seq(file, bytes_str(needle)) == file.len)
			fail_msg("%s is no technique", needle);
	}
	free((void *)(uintptr_t)file.ptr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(clear_phi),
	    cmocka_unit_test(clear_credentials),
	    cmocka_unit_test(weak_tls),
	    cmocka_unit_test(os_unsupported),
	    cmocka_unit_test(new_device),
	    cmocka_unit_test(device_changed),
	    cmocka_unit_test(unknown_talker),
	    cmocka_unit_test(outside_zone),
	    cmocka_unit_test(scan),
	    cmocka_unit_test(login_brute_force),
	    cmocka_unit_test(flood),
	    cmocka_unit_test(protocol_attack),
	    cmocka_unit_test(hidden_executable),
	    cmocka_unit_test(arp_takeover),
	    cmocka_unit_test(dhcp_takeover),
	    cmocka_unit_test(open_setup_port),
	    cmocka_unit_test(tcp_conflict),
	    cmocka_unit_test(poct1a_directive),
	    cmocka_unit_test(bulk_query),
	    cmocka_unit_test(bulk_query_by_transfer),
	    cmocka_unit_test(capture_loss),
	    cmocka_unit_test(smb1_in_use),
	    cmocka_unit_test(remote_access),
	    cmocka_unit_test(result_changed),
	    cmocka_unit_test(result_memory_is_bounded),
	    cmocka_unit_test(life_of_a_finding),
	    cmocka_unit_test(small_lab_sees_a_few),
	    cmocka_unit_test(findings_follow_a_merge),
	    cmocka_unit_test(many_causes_stay_bounded),
	    cmocka_unit_test(json_of_a_finding),
	    cmocka_unit_test(restore_goes_on_as_before),
	    cmocka_unit_test(hostile_snapshots),
	    cmocka_unit_test(every_detector_is_explained),
	    cmocka_unit_test(techniques_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
