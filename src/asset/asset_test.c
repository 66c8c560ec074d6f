/* SPDX-License-Identifier: Apache-2.0 */
#include "asset/asset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "rng.h"

/* A book, a clock, and the device events that came out, as text. */
struct bench {
	struct budget budget;
	struct asset_book *book;
	struct event_sink sink;
	struct buf told;
	int64_t ns;
	uint64_t packet;
};

static void
told(void *ctx, enum event_kind kind, const struct event_head *head, const void *fields)
{
	struct bench *t = ctx;
	const struct ev_device *d = fields;

	(void)head;
	assert_int_equal(kind, EV_device);
	buf_printf(
	    &t->told, "%.*s %u", (int)d->what.len, (const char *)d->what.ptr, (unsigned)d->id);
	if (d->attr != 0)
		buf_printf(&t->told, " %s", name_label(NAMES_attr, d->attr));
	if (d->before.len > 0 || d->after.len > 0)
		buf_printf(&t->told, " %.*s>%.*s", (int)d->before.len, (const char *)d->before.ptr,
		    (int)d->after.len, (const char *)d->after.ptr);
	buf_text(&t->told, "\n");
}

static void
bench_init_with(struct bench *t, const struct asset_limits *limits)
{
	*t = (struct bench){.budget = {.cap = 64 << 20}};
	t->sink = (struct event_sink){t, told};
	t->ns = INT64_C(1767225600000000000);
	t->book = asset_book_new(&t->budget, limits);
	assert_non_null(t->book);
}

static void
bench_init(struct bench *t)
{
	bench_init_with(t, NULL);
}

static void
bench_free(struct bench *t)
{
	asset_book_free(t->book);
	assert_int_equal(t->budget.used, 0);
	buf_free(&t->told);
}

static void
give(struct bench *t, struct event *ev)
{
	ev->head.time.ns = t->ns += NS_PER_MS;
	ev->head.packet = ++t->packet;
	asset_book_event(t->book, ev, &t->sink);
}

static void
after_s(struct bench *t, int64_t s)
{
	t->ns += s * NS_PER_S;
}

static struct ip
ip(const char *text)
{
	struct ip a = {{0}};

	if (text[0] != 0)
		assert_true(ip_parse(bytes_str(text), &a));
	return a;
}

/* A MAC that ends in n. */
static struct mac
mac(uint8_t n)
{
	return (struct mac){{0x02, 0, 0, 0, 0, n}};
}

static void
binding(struct bench *t, const char *source, const char *a, struct mac m, const char *host)
{
	struct event ev = {.kind = EV_binding};

	ev.u.binding = (struct ev_binding){
	    .ip = ip(a), .mac = m, .source = bytes_str(source), .host = bytes_str(host)};
	give(t, &ev);
}

static void
flow(struct bench *t, const char *orig, struct mac om, const char *resp, struct mac rm)
{
	struct event ev = {.kind = EV_flow};

	ev.u.flow = (struct ev_flow){.orig = ip(orig),
	    .resp = ip(resp),
	    .orig_mac = om,
	    .resp_mac = rm,
	    .transport = transport_tcp,
	    .state = state_closed,
	    .resp_port = 445,
	    .orig_packets = 3,
	    .resp_packets = 3};
	give(t, &ev);
}

static void
make_link(struct bench *t, uint64_t id, const char *client, const char *server, enum proto proto)
{
	struct event ev = {.kind = EV_link};

	ev.u.link = (struct ev_link){.id = id,
	    .client = ip(client),
	    .server = ip(server),
	    .port = 2575,
	    .proto = proto,
	    .transport = transport_tcp};
	give(t, &ev);
}

static void
message(struct bench *t, uint64_t link, enum name_value dir, enum name_value category)
{
	struct event ev = {.kind = EV_message, .head = {.link = link, .dir = dir}};

	ev.u.message = (struct ev_message){.proto = PROTO_hl7, .category = category};
	give(t, &ev);
}

static void
claim(struct bench *t, const char *a, enum name_value attr, const char *value, const char *source,
    unsigned confidence)
{
	struct event ev = {.kind = EV_claim};

	ev.u.claim = (struct ev_claim){.ip = ip(a),
	    .attr = attr,
	    .value = bytes_str(value),
	    .source = bytes_str(source),
	    .confidence = confidence};
	give(t, &ev);
}

static uint64_t
id_of(struct bench *t, const char *a)
{
	return asset_of_ip(t->book, ip(a));
}

static size_t
assets(struct bench *t)
{
	size_t n = 0;

	for (uint64_t id = 0; (id = asset_next(t->book, id)) != 0;)
		n++;
	return n;
}

static void
best_is(struct bench *t, const char *a, enum name_value attr, const char *want)
{
	struct bytes v = asset_best(t->book, id_of(t, a), attr);

	if (!bytes_eq(v, bytes_str(want)))
		fail_msg("%s of %s is \"%.*s\", not \"%s\"", name_label(NAMES_attr, attr), a,
		    (int)v.len, (const char *)v.ptr, want);
}

static void
told_is(struct bench *t, const char *want)
{
	buf_byte(&t->told, 0);
	assert_string_equal((const char *)t->told.ptr, want);
	buf_reset(&t->told);
}

static size_t
told_count(struct bench *t, const char *needle)
{
	struct bytes rest = buf_bytes(&t->told), n = bytes_str(needle);
	size_t count = 0, at;

	while ((at = bytes_find_seq(rest, n)) < rest.len) {
		count++;
		rest = bytes_from(rest, at + n.len);
	}
	return count;
}

/* --- identity --- */

static void
one_mac_bound_to_two_addresses_is_one(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	binding(&t, "arp", "10.0.0.5", mac(5), "");
	binding(&t, "arp", "10.0.0.6", mac(5), "");
	assert_int_equal(assets(&t), 1);
	assert_int_equal(id_of(&t, "10.0.0.5"), id_of(&t, "10.0.0.6"));
	told_is(&t, "new 1\nnew 2\nmerge 1 2>1\nchange 1 10.0.0.5>10.0.0.6\n");
	/* The id that went still leads to it. */
	assert_int_equal(asset_resolve(t.book, 2), 1);
	bench_free(&t);
}

static void
mac_before_address(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	binding(&t, "dhcp", "", mac(5), "xn-550");
	binding(&t, "dhcp", "10.0.0.5", mac(5), "xn-550");
	assert_int_equal(assets(&t), 1);
	best_is(&t, "10.0.0.5", attr_hostname, "xn-550");
	told_is(&t, "new 1\n");
	bench_free(&t);
}

static void
ipv6_on_the_link_is_the_same(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	binding(&t, "arp", "10.0.0.5", mac(5), "");
	flow(&t, "fe80::1234", mac(5), "ff02::fb", mac(9));
	flow(&t, "2001:db8::ff:fe00:5", mac(5), "10.0.0.5", mac(5));
	assert_int_equal(assets(&t), 1);
	bench_free(&t);
}

static void
router_ties_nothing(void **state)
{
	struct bench t;
	struct asset_view v;

	(void)state;
	bench_init(&t);
	binding(&t, "arp", "10.0.0.1", mac(1), "");
	flow(&t, "10.0.1.7", mac(1), "10.0.0.5", mac(5));
	flow(&t, "10.0.2.7", mac(1), "10.0.0.5", mac(5));
	flow(&t, "10.0.2.8", mac(1), "10.0.0.5", mac(5));
	flow(&t, "8.8.8.8", mac(1), "10.0.0.5", mac(5));
	assert_int_equal(assets(&t), 5); /* no asset for 8.8.8.8 */
	assert_int_not_equal(id_of(&t, "10.0.2.7"), id_of(&t, "10.0.2.8"));
	assert_true(asset_get(t.book, id_of(&t, "10.0.0.1"), &v));
	assert_true(v.router);
	assert_int_equal(v.class, ASSET_NETWORK);
	assert_true(asset_get(t.book, id_of(&t, "10.0.1.7"), &v));
	assert_true(mac_is_zero(v.mac));
	assert_int_equal(told_count(&t, "merge"), 0);
	bench_free(&t);
}

/* Behind a router whose own address was never seen, it is an asset known by its MAC. */
static void
router_without_address(void **state)
{
	struct bench t;
	uint64_t id;

	(void)state;
	bench_init(&t);
	flow(&t, "10.0.1.7", mac(1), "10.0.0.5", mac(5));
	flow(&t, "10.0.2.7", mac(1), "10.0.0.5", mac(5));
	id = asset_of_mac(t.book, mac(1));
	assert_int_not_equal(id, 0);
	assert_int_equal(asset_class_of(t.book, id), ASSET_NETWORK);
	assert_int_equal(assets(&t), 4);
	bench_free(&t);
}

static void
proxy_arp_is_taken_apart(void **state)
{
	struct bench t;
	char text[32];

	(void)state;
	bench_init(&t);
	for (int i = 1; i <= ASSET_ROUTER_IPS; i++) {
		snprintf(text, sizeof(text), "10.0.0.%d", i);
		binding(&t, "arp", text, mac(1), "");
	}
	assert_int_equal(assets(&t), 1);
	binding(&t, "arp", "10.0.0.99", mac(1), "");
	assert_int_not_equal(id_of(&t, "10.0.0.1"), id_of(&t, "10.0.0.99"));
	assert_int_not_equal(id_of(&t, "10.0.0.1"), id_of(&t, "10.0.0.2"));
	bench_free(&t);
}

static void
router_by_its_word(void **state)
{
	struct event ev = {.kind = EV_binding};
	struct bench t;

	(void)state;
	bench_init(&t);
	ev.u.binding = (struct ev_binding){
	    .ip = ip("fe80::1"), .mac = mac(1), .source = BYTES("nd"), .flags = BINDING_ROUTER};
	give(&t, &ev);
	flow(&t, "10.0.7.7", mac(1), "10.0.0.5", mac(5));
	assert_int_not_equal(id_of(&t, "10.0.7.7"), id_of(&t, "fe80::1"));
	assert_int_equal(asset_class_of(t.book, id_of(&t, "fe80::1")), ASSET_NETWORK);
	bench_free(&t);
}

static void
address_after_address_and_back(void **state)
{
	struct bench t;
	uint64_t first;

	(void)state;
	bench_init(&t);
	flow(&t, "10.0.0.5", mac(5), "10.0.0.9", mac(9));
	first = id_of(&t, "10.0.0.5");
	after_s(&t, ASSET_QUIET_S + 1);
	flow(&t, "10.0.0.6", mac(5), "10.0.0.9", mac(9));
	assert_int_equal(id_of(&t, "10.0.0.6"), first);
	/* Both speak: it was a router, or two things, after all. The first keeps its id. */
	flow(&t, "10.0.0.5", mac(5), "10.0.0.9", mac(9));
	assert_int_equal(id_of(&t, "10.0.0.5"), first);
	assert_int_not_equal(id_of(&t, "10.0.0.6"), first);
	assert_int_equal(told_count(&t, "split"), 1);
	bench_free(&t);
}

static void
addresses_side_by_side_stay_two(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	for (int i = 0; i < 3; i++) {
		flow(&t, "10.0.0.5", mac(5), "10.0.0.9", mac(9));
		flow(&t, "10.0.0.6", mac(5), "10.0.0.9", mac(9));
		after_s(&t, 10);
	}
	assert_int_not_equal(id_of(&t, "10.0.0.5"), id_of(&t, "10.0.0.6"));
	bench_free(&t);
}

static void
address_goes_to_another_mac(void **state)
{
	struct bench t;
	uint64_t first;

	(void)state;
	bench_init(&t);
	binding(&t, "arp", "10.0.0.5", mac(5), "");
	claim(&t, "10.0.0.5", attr_model, "XN-550", "LIS02 H-5.1", 80);
	first = id_of(&t, "10.0.0.5");
	binding(&t, "arp", "10.0.0.5", mac(6), "");
	assert_int_not_equal(id_of(&t, "10.0.0.5"), first);
	best_is(&t, "10.0.0.5", attr_model, "");
	assert_int_equal(asset_of_mac(t.book, mac(5)), first);
	assert_int_equal(told_count(&t, "change 2 02:00:00:00:00:05>02:00:00:00:00:06"), 1);
	/* Flapping makes nothing new. */
	for (int i = 0; i < 10; i++) {
		binding(&t, "arp", "10.0.0.5", mac(5), "");
		binding(&t, "arp", "10.0.0.5", mac(6), "");
	}
	assert_int_equal(assets(&t), 2);
	bench_free(&t);
}

/* A packet seen behind a router does not move an address that ARP has bound. */
static void
packet_does_not_move_an_address(void **state)
{
	struct bench t;
	struct asset_view v;

	(void)state;
	bench_init(&t);
	binding(&t, "arp", "10.0.0.5", mac(5), "");
	flow(&t, "10.0.0.5", mac(1), "10.0.0.9", mac(9));
	assert_true(asset_get(t.book, id_of(&t, "10.0.0.5"), &v));
	assert_true(mac_eq(v.mac, mac(5)));
	bench_free(&t);
}

static void
serial_and_model_join(void **state)
{
	struct bench t;
	uint64_t first;

	(void)state;
	bench_init(&t);
	claim(&t, "10.0.0.5", attr_model, "XN-550", "LIS02 H-5.1", 80);
	claim(&t, "10.0.0.5", attr_serial, "BD634545", "LIS02 H-5.3", 70);
	first = id_of(&t, "10.0.0.5");
	after_s(&t, ASSET_QUIET_S);
	claim(&t, "10.9.0.5", attr_serial, "BD634545", "LIS02 H-5.3", 70);
	assert_int_not_equal(id_of(&t, "10.9.0.5"), first); /* the model is not known yet */
	claim(&t, "10.9.0.5", attr_model, "xn-550", "LIS02 H-5.1", 80);
	assert_int_equal(id_of(&t, "10.9.0.5"), first);
	assert_int_equal(told_count(&t, "10.0.0.5>10.9.0.5"), 1);
	bench_free(&t);
}

static void
serials_that_do_not_join(void **state)
{
	static const struct {
		const char *serial_x, *serial_y, *model_y;
		int64_t pause_s;
	} cases[] = {
	    {"BD634545", "BD634546", "XN-550", 1000},
	    {"BD634545", "BD634545", "XN-1000", 1000},
	    {"BD634545", "BD634545", "XN-550", 10}, /* both speak: a clone or a middleware */
	    {"0000", "0000", "XN-550", 1000},
	    {"123", "123", "XN-550", 1000},
	    {"UNKNOWN", "UNKNOWN", "XN-550", 1000},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bench t;

		bench_init(&t);
		claim(&t, "10.0.0.5", attr_model, "XN-550", "LIS02 H-5.1", 80);
		claim(&t, "10.0.0.5", attr_serial, cases[i].serial_x, "LIS02 H-5.3", 70);
		after_s(&t, cases[i].pause_s);
		claim(&t, "10.0.0.6", attr_model, cases[i].model_y, "LIS02 H-5.1", 80);
		claim(&t, "10.0.0.6", attr_serial, cases[i].serial_y, "LIS02 H-5.3", 70);
		assert_int_equal(assets(&t), 2);
		assert_int_equal(told_count(&t, "serial 10.0.0.5>BD634545"), i == 2);
		bench_free(&t);
	}
}

static void
host_name_joins(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	binding(&t, "nbns", "10.0.0.5", (struct mac){{0}}, "LAB-PC7");
	after_s(&t, ASSET_QUIET_S);
	binding(&t, "nbns", "10.0.0.6", (struct mac){{0}}, "lab-pc7");
	assert_int_equal(assets(&t), 1);
	binding(&t, "nbns", "10.0.0.7", (struct mac){{0}}, "lab-pc7"); /* at the same time */
	assert_int_equal(assets(&t), 2);
	binding(&t, "nbns", "10.0.0.8", (struct mac){{0}}, "localhost");
	after_s(&t, ASSET_QUIET_S);
	binding(&t, "nbns", "10.0.0.9", (struct mac){{0}}, "localhost");
	assert_int_equal(assets(&t), 4);
	bench_free(&t);
}

static void
scan_makes_no_devices(void **state)
{
	struct event ev = {.kind = EV_flow};
	struct bench t;
	char text[32];

	(void)state;
	bench_init(&t);
	for (int i = 1; i < 255; i++) {
		snprintf(text, sizeof(text), "10.0.0.%d", i);
		ev.u.flow = (struct ev_flow){.orig = ip("10.0.0.250"),
		    .resp = ip(text),
		    .resp_mac = mac(1),
		    .state = state_unanswered,
		    .orig_packets = 1};
		if (i != 250)
			give(&t, &ev);
	}
	assert_int_equal(assets(&t), 1);
	bench_free(&t);
}

/* --- claims --- */

static void
best_by_confidence_then_recency(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	claim(&t, "10.0.0.5", attr_maker, "Hint", "guess", 30);
	claim(&t, "10.0.0.5", attr_maker, "Sysmex", "LIS02 H-5.1", 80);
	claim(&t, "10.0.0.5", attr_maker, "Other hint", "guess2", 40);
	best_is(&t, "10.0.0.5", attr_maker, "Sysmex");
	told_is(&t, "new 1\n"); /* better knowledge is not a change */
	claim(&t, "10.0.0.5", attr_software, "00-24", "LIS02 H-5.2", 70);
	claim(&t, "10.0.0.5", attr_software, "00-25", "LIS02 H-5.2", 70);
	best_is(&t, "10.0.0.5", attr_software, "00-25");
	told_is(&t, "change 1 software 00-24>00-25\n");
	bench_free(&t);
}

/* A middleware that names a model a message does not make a change of each message. */
static void
values_side_by_side(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	for (int i = 0; i < 20; i++) {
		claim(&t, "10.0.0.5", attr_model, "XN-550", "HL7 MSH-3.1", 60);
		claim(&t, "10.0.0.5", attr_model, "c311", "HL7 MSH-3.1", 60);
		claim(&t, "10.0.0.5", attr_model, "H500", "HL7 MSH-3.1", 60);
	}
	assert_true(told_count(&t, "change") <= 2);
	bench_free(&t);
}

static void
value_comes_back_after_a_run(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	claim(&t, "10.0.0.5", attr_software, "1.0", "x", 60);
	claim(&t, "10.0.0.5", attr_software, "2.0", "x", 60);
	after_s(&t, ASSET_RUN_S + 1);
	claim(&t, "10.0.0.5", attr_software, "1.0", "x", 60);
	best_is(&t, "10.0.0.5", attr_software, "1.0");
	told_is(&t, "new 1\nchange 1 software 1.0>2.0\nchange 1 software 2.0>1.0\n");
	bench_free(&t);
}

static void
behind_is_kept_but_never_best(void **state)
{
	struct event ev = {.kind = EV_claim};
	struct buf out = {0};
	struct json j = json_on(&out);
	struct bench t;

	(void)state;
	bench_init(&t);
	ev.u.claim = (struct ev_claim){.ip = ip("10.0.0.5"),
	    .attr = attr_model,
	    .value = BYTES("c503"),
	    .source = BYTES("HL7 OBX-18"),
	    .confidence = 90,
	    .behind = 1};
	give(&t, &ev);
	best_is(&t, "10.0.0.5", attr_model, "");
	asset_json(t.book, 1, &j);
	assert_true(bytes_find_seq(buf_bytes(&out), BYTES("\"behind\":true")) < out.len);
	assert_true(bytes_find_seq(buf_bytes(&out), BYTES("\"model\":null")) < out.len);
	buf_free(&out);
	bench_free(&t);
}

static void
claims_are_bounded(void **state)
{
	struct asset_limits limits = {.claims = 8};
	struct asset_stats stats;
	struct bench t;
	char text[32];

	(void)state;
	bench_init_with(&t, &limits);
	claim(&t, "10.0.0.5", attr_maker, "Sysmex", "LIS02 H-5.1", 80);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "app%d", i);
		claim(&t, "10.0.0.5", attr_application, text, "HL7 MSH-3.1", 50);
	}
	asset_book_stats(t.book, &stats);
	assert_int_equal(stats.claims, 8);
	best_is(&t, "10.0.0.5", attr_maker, "Sysmex");
	bench_free(&t);
}

static void
empty_and_odd_claims(void **state)
{
	struct bench t;
	struct event ev = {.kind = EV_claim};

	(void)state;
	bench_init(&t);
	claim(&t, "10.0.0.5", attr_maker, "   ", "x", 50);
	claim(&t, "10.0.0.5", 0, "x", "x", 50);
	claim(&t, "224.0.0.1", attr_maker, "x", "x", 50);
	claim(&t, "255.255.255.255", attr_maker, "x", "x", 50);
	claim(&t, "", attr_maker, "x", "x", 50);
	ev.u.claim = (struct ev_claim){.ip = ip("10.0.0.5"),
	    .attr = attr_maker,
	    .value = BYTES("y"),
	    .confidence = UINT64_MAX,
	    .behind = 77};
	give(&t, &ev);
	assert_int_equal(assets(&t), 1);
	best_is(&t, "10.0.0.5", attr_maker, "");
	bench_free(&t);
}

/* --- class and state --- */

static void
class_by_roles(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	make_link(&t, 11, "10.0.0.5", "10.0.0.20", PROTO_astm);
	message(&t, 11, dir_orig, category_result);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.5")), ASSET_ANALYZER);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.20")), ASSET_LIS);
	/* What was taken for the LIS sends them on. */
	make_link(&t, 12, "10.0.0.20", "10.0.0.30", PROTO_hl7);
	message(&t, 12, dir_orig, category_result);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.20")), ASSET_MIDDLEWARE);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.30")), ASSET_LIS);
	/* The host dials the device. */
	make_link(&t, 13, "10.0.0.20", "10.0.0.7", PROTO_astm);
	message(&t, 13, dir_resp, category_result);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.7")), ASSET_ANALYZER);
	make_link(&t, 14, "10.0.0.8", "10.0.0.40", PROTO_dicom);
	message(&t, 14, dir_orig, category_image);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.8")), ASSET_IMAGING);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.40")), ASSET_PACS);
	claim(&t, "10.0.0.7", attr_class, "glucose_meter", "person", 100);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.7")), ASSET_GLUCOSE_METER);
	claim(&t, "10.0.0.9", attr_os, "Windows Server 2016", "NTLM", 70);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.9")), ASSET_SERVER);
	claim(&t, "10.0.0.11", attr_os, "Windows 7 Professional 7601", "SMB NativeOS", 70);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.11")), ASSET_WORKSTATION);
	claim(&t, "10.0.0.12", attr_os, "Windows 10.0.17763", "NTLM", 70);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.12")), ASSET_UNKNOWN);
	claim(&t, "10.0.0.13", attr_model, "XN-550", "LIS02 H-5.1", 70);
	best_is(&t, "10.0.0.13", attr_maker, "Sysmex"); /* by the table of models */
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.13")), ASSET_ANALYZER);
	claim(&t, "10.0.0.10", attr_class, "spaceship", "x", 90);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.10")), ASSET_UNKNOWN);
	bench_free(&t);
}

/* The analyzer behind a serial server is not the serial server. */
static void
serial_server_speaks_for_another(void **state)
{
	struct event ev = {.kind = EV_setup};
	struct bench t;

	(void)state;
	bench_init(&t);
	claim(&t, "10.0.0.5", attr_model, "XN-550", "LIS02 H-5.1", 80);
	ev.u.setup = (struct ev_setup){.ip = ip("10.0.0.5"), .proto = PROTO_moxa};
	give(&t, &ev);
	claim(&t, "10.0.0.5", attr_model, "NPort 5110", "Moxa", 90);
	assert_int_equal(asset_class_of(t.book, id_of(&t, "10.0.0.5")), ASSET_SERIAL_SERVER);
	best_is(&t, "10.0.0.5", attr_model, "NPort 5110");
	bench_free(&t);
}

static void
state_by_a_person(void **state)
{
	struct event ev = {.kind = EV_device};
	struct bench t;

	(void)state;
	bench_init(&t);
	binding(&t, "arp", "10.0.0.5", mac(5), "");
	assert_int_equal(asset_state_of(t.book, 1), ASSET_STAGED);
	ev.u.device = (struct ev_device){
	    .id = 1, .what = BYTES("state"), .after = BYTES("approved"), .who = BYTES("ada")};
	give(&t, &ev);
	assert_int_equal(asset_state_of(t.book, 1), ASSET_APPROVED);
	ev.u.device.after = BYTES("loved");
	give(&t, &ev);
	ev.u.device.id = 77;
	give(&t, &ev);
	ev.u.device = (struct ev_device){.id = 1, .what = BYTES("new"), .after = BYTES("blocked")};
	give(&t, &ev);
	assert_int_equal(asset_state_of(t.book, 1), ASSET_APPROVED);
	/* A merge keeps the stronger state. */
	binding(&t, "arp", "10.0.0.6", mac(5), "");
	assert_int_equal(asset_state_of(t.book, id_of(&t, "10.0.0.6")), ASSET_APPROVED);
	bench_free(&t);
}

/* --- snapshots and replay --- */

/* A busy, odd little network; the same for the same seed. */
static void
random_event(struct bench *t, struct rng *rng)
{
	static const char *const models[] = {"XN-550", "c311", "H500", "DCA"};
	static const char *const serials[] = {"A12345", "B23456", "C34567"};
	static const char *const hosts[] = {"lab-1", "lab-2", "pacs", "localhost"};
	char a[32], o[32];

	snprintf(a, sizeof(a), "10.0.%d.%d", (int)rng_below(rng, 3), (int)rng_below(rng, 20) + 1);
	snprintf(o, sizeof(o), "10.0.%d.%d", (int)rng_below(rng, 2), (int)rng_below(rng, 20) + 1);
	if (rng_below(rng, 20) == 0)
		after_s(t, (int64_t)rng_below(rng, 700));
	switch (rng_below(rng, 9)) {
	case 0:
		binding(t, "arp", a, mac((uint8_t)rng_below(rng, 20)), "");
		break;
	case 1:
		binding(t, "dhcp", rng_below(rng, 4) == 0 ? "" : a,
		    mac((uint8_t)rng_below(rng, 20)), hosts[rng_below(rng, 4)]);
		break;
	case 2:
	case 3:
		flow(t, a, mac((uint8_t)rng_below(rng, 20)), o, mac((uint8_t)rng_below(rng, 20)));
		break;
	case 4:
		make_link(t, 1 + rng_below(rng, 50), a, o, PROTO_hl7);
		break;
	case 5:
		claim(t, a, attr_serial, serials[rng_below(rng, 3)], "HL7 MSH-3.2", 70);
		break;
	case 6:
		claim(t, a, attr_model, models[rng_below(rng, 4)], "HL7 MSH-3.1", 70);
		break;
	case 7:
		claim(t, a, attr_software, models[rng_below(rng, 4)], "HL7 SFT-2", 70);
		break;
	default:
		message(t, 1 + rng_below(rng, 50), rng_below(rng, 2) ? dir_resp : dir_orig,
		    (enum name_value)rng_below(rng, 14));
	}
}

static void
json_all(struct bench *t, struct buf *out)
{
	struct json j = json_on(out);

	json_array(&j);
	for (uint64_t id = 0; (id = asset_next(t->book, id)) != 0;)
		asset_json(t->book, id, &j);
	json_array_end(&j);
}

/* What is invariant: every endpoint is found, ids agree both ways. */
static void
check_book(struct bench *t)
{
	struct asset_view v;

	for (uint64_t id = 0; (id = asset_next(t->book, id)) != 0;) {
		assert_true(asset_get(t->book, id, &v));
		assert_int_equal(v.id, id);
		assert_true(!ip_is_zero(v.ip) || !mac_is_zero(v.mac));
	}
}

static void
restore_goes_on_as_before(void **state)
{
	struct asset_limits small = {.assets = 30, .endpoints = 40, .links = 30, .claims = 5};
	const struct asset_limits *limits[] = {NULL, &small};

	(void)state;
	for (size_t round = 0; round < 40; round++) {
		struct bench x, y;
		struct rng rng = rng_new(1000 + round), same;
		struct buf snap = {0}, jx = {0}, jy = {0};
		struct why why;

		bench_init_with(&x, limits[round % 2]);
		bench_init_with(&y, limits[round % 2]);
		for (int i = 0; i < 600; i++)
			random_event(&x, &rng);
		check_book(&x);
		assert_true(asset_encode(x.book, &snap));
		if (asset_restore(y.book, buf_bytes(&snap), &why) != ERR_OK)
			fail_msg("%s", why.text);
		y.ns = x.ns;
		y.packet = x.packet;
		buf_reset(&x.told);
		same = rng;
		for (int i = 0; i < 600; i++)
			random_event(&x, &rng);
		for (int i = 0; i < 600; i++)
			random_event(&y, &same);
		json_all(&x, &jx);
		json_all(&y, &jy);
		assert_true(bytes_eq(buf_bytes(&x.told), buf_bytes(&y.told)));
		assert_true(bytes_eq(buf_bytes(&jx), buf_bytes(&jy)));
		check_book(&y);
		buf_free(&snap);
		buf_free(&jx);
		buf_free(&jy);
		bench_free(&x);
		bench_free(&y);
	}
}

static void
hostile_snapshots(void **state)
{
	struct bench t, y;
	struct buf snap = {0};
	struct rng rng = rng_new(7);
	size_t held = 0;

	(void)state;
	bench_init(&t);
	for (int i = 0; i < 400; i++)
		random_event(&t, &rng);
	assert_true(asset_encode(t.book, &snap));
	for (int i = 0; i < 3000; i++) {
		size_t n = i % 3 == 0 ? rng_below(&rng, snap.len) : snap.len;
		struct guard g = guard_new(bytes_of(snap.ptr, n));
		uint8_t *p = (uint8_t *)(uintptr_t)g.view.ptr;
		enum err e;

		if (i % 3 != 0)
			p[rng_below(&rng, n)] ^= (uint8_t)(1 + rng_below(&rng, 255));
		bench_init(&y);
		e = asset_restore(y.book, g.view, NULL);
		assert_true(n == snap.len || e != ERR_OK);
		if (e == ERR_OK) {
			held++;
			y.ns = t.ns;
			for (int k = 0; k < 50; k++)
				random_event(&y, &rng);
		}
		bench_free(&y);
		guard_free(&g);
	}
	assert_true(held > 0);
	buf_free(&snap);
	bench_free(&t);
}

static void
dirty_tells_each_once(void **state)
{
	struct bench t;

	(void)state;
	bench_init(&t);
	binding(&t, "arp", "10.0.0.5", mac(5), "");
	binding(&t, "arp", "10.0.0.7", mac(7), "");
	binding(&t, "arp", "10.0.0.5", mac(5), "");
	assert_int_equal(asset_dirty_take(t.book), 1);
	assert_int_equal(asset_dirty_take(t.book), 2);
	assert_int_equal(asset_dirty_take(t.book), 0);
	binding(&t, "arp", "10.0.0.6", mac(5), ""); /* asset 3, merged into 1 */
	assert_int_equal(asset_dirty_take(t.book), 3);
	assert_int_equal(asset_resolve(t.book, 3), 1);
	assert_int_equal(asset_dirty_take(t.book), 1);
	assert_int_equal(asset_dirty_take(t.book), 0);
	bench_free(&t);
}

/* A flood of made-up sources pushes out made-up sources, not the devices of the lab. */
static void
flood_of_sources(void **state)
{
	struct asset_limits limits = {.assets = 100};
	struct asset_stats stats;
	struct event ev = {.kind = EV_flow};
	struct bench t;

	(void)state;
	bench_init_with(&t, &limits);
	claim(&t, "10.0.0.5", attr_model, "XN-550", "LIS02 H-5.1", 80);
	for (unsigned i = 0; i < 5000; i++) {
		uint8_t v4[4] = {10, 1, (uint8_t)(i >> 8), (uint8_t)i};

		ev.u.flow = (struct ev_flow){.orig = ip_from_v4(v4),
		    .orig_mac = {{2, 1, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}},
		    .resp = ip("10.0.0.5"),
		    .state = state_unanswered};
		give(&t, &ev);
	}
	asset_book_stats(t.book, &stats);
	assert_true(stats.assets <= 100);
	assert_true(stats.evicted > 4000);
	best_is(&t, "10.0.0.5", attr_model, "XN-550");
	bench_free(&t);
}

static void
memory_of_ten_thousand(void **state)
{
	struct bench t;
	char text[32];

	(void)state;
	bench_init(&t);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(
		    text, sizeof(text), "10.%u.%u.%u", 1 + i / 62500, i / 250 % 250, i % 250 + 1);
		for (unsigned k = 1; k <= 12; k++)
			claim(&t, text, (enum name_value)k, "a value of usual length",
			    "HL7 MSH-3.1", 60);
		make_link(&t, i + 1, text, "10.0.0.9", PROTO_hl7);
		make_link(&t, 100000 + i, "10.0.0.9", text, PROTO_hl7);
	}
	print_message("# 10,000 assets, 120,000 claims, 20,000 links: %zu KiB, high %zu KiB\n",
	    t.budget.used >> 10, t.budget.high >> 10);
	assert_true(t.budget.high < 60 << 20);
	bench_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_mac_bound_to_two_addresses_is_one),
	    cmocka_unit_test(mac_before_address),
	    cmocka_unit_test(ipv6_on_the_link_is_the_same),
	    cmocka_unit_test(router_ties_nothing),
	    cmocka_unit_test(router_without_address),
	    cmocka_unit_test(proxy_arp_is_taken_apart),
	    cmocka_unit_test(router_by_its_word),
	    cmocka_unit_test(address_after_address_and_back),
	    cmocka_unit_test(addresses_side_by_side_stay_two),
	    cmocka_unit_test(address_goes_to_another_mac),
	    cmocka_unit_test(packet_does_not_move_an_address),
	    cmocka_unit_test(serial_and_model_join),
	    cmocka_unit_test(serials_that_do_not_join),
	    cmocka_unit_test(host_name_joins),
	    cmocka_unit_test(scan_makes_no_devices),
	    cmocka_unit_test(best_by_confidence_then_recency),
	    cmocka_unit_test(values_side_by_side),
	    cmocka_unit_test(value_comes_back_after_a_run),
	    cmocka_unit_test(behind_is_kept_but_never_best),
	    cmocka_unit_test(claims_are_bounded),
	    cmocka_unit_test(empty_and_odd_claims),
	    cmocka_unit_test(class_by_roles),
	    cmocka_unit_test(serial_server_speaks_for_another),
	    cmocka_unit_test(state_by_a_person),
	    cmocka_unit_test(restore_goes_on_as_before),
	    cmocka_unit_test(hostile_snapshots),
	    cmocka_unit_test(dirty_tells_each_once),
	    cmocka_unit_test(flood_of_sources),
	    cmocka_unit_test(memory_of_ten_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
