/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "conversation.h"
#include "guard.h"
#include "proto/tls/hello.h"
#include "proto/tls/tls.h"
#include "proto/tls/x509.h"
#include "trace.h"

/* Conversations recorded between openssl s_client and s_server with names made for this test. */
struct recorded {
	const char *name;
	unsigned hellos, certificates;
	const char *has[8]; /* texts that must stand in the one EV_tls */
};

static const struct recorded recorded[] = {
    {"tls/tls12-mutual", 2, 2,
	{"\"version\":\"TLS 1.2\"", "\"cipher\":\"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\"",
	    "\"sni\":\"lis.synthetic.example\"", "\"alpn\":\"http/1.1\"",
	    "\"subject\":\"CN=lis.synthetic.example, O=Synthetic Lab\"", "\"key\":\"RSA 2048\"",
	    "\"signature\":\"sha256WithRSAEncryption\"", "\"flags\":3"}},
    {"tls/tls13", 2, 0,
	{"\"version\":\"TLS 1.3\"", "\"cipher\":\"TLS_AES_256_GCM_SHA384\"", "\"alpn\":\"h2\"",
	    "\"ja4\":\"t13d"}},
    {"tls/tls13-retry", 4, 0, {"\"version\":\"TLS 1.3\"", "\"ja4\":\"t13i"}},
    {"tls/tls12-resume", 2, 1, {"\"version\":\"TLS 1.2\"", "\"flags\":1"}},
    {"tls/tls12-resume-1", 2, 0, {"\"version\":\"TLS 1.2\"", "\"flags\":4"}},
    {"tls/tls10", 2, 1,
	{"\"version\":\"TLS 1.0\"", "\"cipher\":\"TLS_RSA_WITH_AES_128_CBC_SHA\"",
	    "\"key\":\"RSA 1024\"", "\"signature\":\"sha1WithRSAEncryption\""}},
    {"tls/tls12-null", 2, 1, {"\"cipher\":\"TLS_RSA_WITH_NULL_SHA256\""}},
    {"tls/tls12-alert", 2, 1, {"\"alert\":"}},
    {"tls/sslv2", 2, 0, {"\"version\":\"SSL 2.0\"", "\"ja4\":\"ts2i0200"}},
};

static void
recorded_handshakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		const struct recorded *r = &recorded[i];
		struct conversation c = conversation_load(r->name);
		struct trace t;

		trace_init(&t);
		trace_feed(&t, &tls_protocol, c.turns, c.n, NULL, false);
		if (t.n_kind[EV_tls] != 1)
			fail_msg("%s: %s", r->name, trace_text(&t));
		assert_int_equal(t.observer.units[UNIT_tls_hellos], r->hellos);
		assert_int_equal(t.observer.units[UNIT_tls_certificates], r->certificates);
		for (size_t k = 0; k < ARRAY_LEN(r->has) && r->has[k] != NULL; k++) {
			if (trace_count(&t, r->has[k]) != 1)
				fail_msg("%s lacks %s: %s", r->name, r->has[k], trace_text(&t));
		}
		trace_free(&t);
		trace_check_cuts(&tls_protocol, c.turns, c.n, 20);
		conversation_free(&c);
	}
}

static void
feed(struct trace *t, const char *name, size_t n_turns)
{
	struct conversation c = conversation_load(name);

	trace_init(t);
	trace_feed(t, &tls_protocol, c.turns, n_turns < c.n ? n_turns : c.n, NULL, false);
	conversation_free(&c);
}

static void
weakness_is_named(void **state)
{
	struct trace t;

	(void)state;
	feed(&t, "tls/tls10", 99);
	assert_int_equal(trace_count(&t, "tls_version_old"), 1);
	assert_int_equal(trace_count(&t, "tls_certificate_weak"), 1);
	assert_int_equal(trace_count(&t, "tls_cipher_weak"), 0);
	trace_free(&t);
	feed(&t, "tls/tls12-null", 99);
	assert_int_equal(trace_count(&t, "tls_cipher_weak"), 1);
	trace_free(&t);
	feed(&t, "tls/sslv2", 99);
	assert_int_equal(trace_count(&t, "tls_sslv2"), 2);
	assert_int_equal(trace_count(&t, "tls_version_old"), 1);
	trace_free(&t);
	feed(&t, "tls/heartbleed", 99);
	assert_int_equal(trace_count(&t, "tls_heartbeat_overread"), 1);
	trace_free(&t);
	feed(&t, "tls/tls12-mutual", 99);
	assert_int_equal(t.n_kind[EV_anomaly], 0);
	assert_int_equal(trace_count(&t, "analyzer-7"), 1);
	trace_free(&t);
}

static void
one_side_alone(void **state)
{
	struct trace t;

	(void)state;
	feed(&t, "tls/tls13", 1);
	assert_int_equal(t.n_kind[EV_tls], 1);
	assert_int_equal(trace_count(&t, "\"flags\":8"), 1);
	trace_free(&t);
}

/* Streams that are not what they should be: the anomaly each must give, and no EV_tls unless
 * a hello was whole. */
static void
hostile_streams(void **state)
{
	static const struct {
		const char *name;
		struct bytes data;
		const char *anomaly;
		unsigned n_tls;
	} cases[] = {
	    {"plain text", BYTES_INIT("MSH|^~\\&|"), "tls_record_bad", 0},
	    {"type 25", BYTES_INIT("\x19\x03\x03\x00\x01\x00"), "tls_record_bad", 0},
	    {"version 4.0", BYTES_INIT("\x16\x04\x00\x00\x01\x00"), "tls_record_bad", 0},
	    {"version 3.5", BYTES_INIT("\x16\x03\x05\x00\x01\x00"), "tls_record_bad", 0},
	    {"empty handshake record", BYTES_INIT("\x16\x03\x01\x00\x00"), "tls_record_bad", 0},
	    {"record of 64 KiB", BYTES_INIT("\x16\x03\x01\xff\xff\x01"), "tls_record_too_large", 0},
	    {"hello of 16 MiB", BYTES_INIT("\x16\x03\x01\x00\x05\x01\xff\xff\xff\x03"),
		"unit_too_large", 0},
	    {"empty client hello", BYTES_INIT("\x16\x03\x01\x00\x04\x01\x00\x00\x00"),
		"tls_handshake_bad", 0},
	    {"empty server hello", BYTES_INIT("\x16\x03\x01\x00\x04\x02\x00\x00\x00"),
		"tls_handshake_bad", 0},
	    {"empty certificate", BYTES_INIT("\x16\x03\x01\x00\x04\x0b\x00\x00\x00"),
		"tls_handshake_bad", 0},
	    {"certificate list past its end",
		BYTES_INIT("\x16\x03\x01\x00\x07\x0b\x00\x00\x03\xff\xff\xff"), "tls_handshake_bad",
		0},
	    {"certificate of rubbish",
		BYTES_INIT("\x16\x03\x01\x00\x0c\x0b\x00\x00\x08\x00\x00\x05\x00\x00\x02\x30\x05"),
		"tls_certificate_bad", 0},
	    {"cut in a header", BYTES_INIT("\x16\x03\x01"), "tls_handshake_cut", 0},
	    {"cut in a message", BYTES_INIT("\x16\x03\x01\x00\x06\x01\x00\x00\x40\x03\x03"),
		"tls_handshake_cut", 0},
	    {"v2 hello with a length not of 3",
		BYTES_INIT("\x80\x0b\x01\x00\x02\x00\x02\x00\x00"
			   "\x00\x00\x01\x02"),
		"tls_handshake_bad", 0},
	    {"v2 hello cut", BYTES_INIT("\x80\x2e\x01\x00\x02\x00\x03"), "tls_handshake_cut", 0},
	    {"heartbeat over-read", BYTES_INIT("\x18\x03\x02\x00\x03\x01\x40\x00"),
		"tls_heartbeat_overread", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct turn turn = {dir_orig, cases[i].data, 0};
		struct trace t;

		trace_init(&t);
		trace_feed(&t, &tls_protocol, &turn, 1, NULL, false);
		if (trace_count(&t, cases[i].anomaly) != 1 || t.n_kind[EV_tls] != cases[i].n_tls)
			fail_msg("%s: %s", cases[i].name, trace_text(&t));
		trace_free(&t);
		trace_check_cuts(&tls_protocol, &turn, 1, 4);
	}
}

static void
holes(void **state)
{
	struct conversation c = conversation_load("tls/tls12-mutual");
	struct bytes server = c.turns[1].data;
	struct turn turns[4] = {c.turns[0], {dir_resp, bytes_sub(server, 0, 300), 0},
	    {dir_resp, bytes_from(server, 400), 100}, c.turns[2]};
	struct trace t;

	(void)state;
	/* Inside the certificate: it is lost, the rest is read. */
	trace_init(&t);
	trace_feed(&t, &tls_protocol, turns, 4, NULL, false);
	assert_int_equal(t.n_kind[EV_tls], 1);
	assert_int_equal(trace_count(&t, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), 1);
	assert_int_equal(trace_count(&t, "RSA 2048"), 0);
	trace_free(&t);
	trace_check_cuts(&tls_protocol, turns, 4, 10);
	/* Over a record's end: nothing after it is believed. */
	turns[2] = (struct turn){dir_resp, bytes_from(server, 900), 60000};
	trace_init(&t);
	trace_feed(&t, &tls_protocol, turns, 4, NULL, false);
	assert_int_equal(t.n_kind[EV_tls], 1);
	assert_int_equal(t.n_kind[EV_anomaly], 0);
	trace_free(&t);
	conversation_free(&c);
}

/* The example of the JA4 description, put together from its two hashed texts. */
static void
ja4_vector(void **state)
{
	static const uint8_t ciphers[] = {0x0a, 0x0a, 0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xc0,
	    0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9, 0xcc, 0xa8, 0xc0, 0x13, 0xc0,
	    0x14, 0x00, 0x9c, 0x00, 0x9d, 0x00, 0x2f, 0x00, 0x35};
	static const uint16_t types[] = {0x8a8a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017,
	    0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0x0a0a};
	static const uint8_t signatures[] = {0x04, 0x03, 0x08, 0x04, 0x04, 0x01, 0x05, 0x03, 0x08,
	    0x05, 0x05, 0x01, 0x08, 0x06, 0x06, 0x01};
	uint8_t extensions[4 * ARRAY_LEN(types)] = {0};
	struct tls_hello h = {.version = 0x0304, .has_sni = 1, .alpn = BYTES("h2")};
	char text[JA4_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		extensions[4 * i] = (uint8_t)(types[i] >> 8);
		extensions[4 * i + 1] = (uint8_t)types[i];
	}
	h.ciphers = bytes_of(ciphers, sizeof(ciphers));
	h.extensions = bytes_of(extensions, sizeof(extensions));
	h.signatures = bytes_of(signatures, sizeof(signatures));
	assert_int_equal(tls_ja4(&h, text), 36);
	assert_string_equal(text, "t13d1516h2_8daaf6152771_e5627efa2ab1");
	h = (struct tls_hello){.version = 0x0303, .alpn = BYTES("\xab")};
	(void)tls_ja4(&h, text);
	assert_string_equal(text, "t12i0000ab_000000000000_000000000000");
}

static void
certificates(void **state)
{
	const char *source = getenv("HEMOSTAT_SOURCE");
	struct x509 x;
	struct bytes der;
	struct rng rng = rng_new(11);
	char path[1024];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/tests/corpus/tls/certificate.der", source);
	der = file_slurp(path);
	assert_true(der.len > 0);
	assert_true(x509_read(der, &x));
	assert_string_equal(x.subject, "CN=lis.synthetic.example, O=Synthetic Lab");
	assert_int_equal(x.key_bits, 2048);
	assert_int_equal(x.n_alt_names, 2);
	assert_true(x.self_issued && x.is_ca && !x.weak);
	assert_true(x.not_after.ns > x.not_before.ns);
	/* Cut anywhere, it is refused; with one bit turned it is read or refused. */
	for (size_t n = 0; n < der.len; n++) {
		struct guard g = guard_new(bytes_sub(der, 0, n));

		assert_false(x509_read(g.view, &x));
		guard_free(&g);
	}
	for (int i = 0; i < 20000; i++) {
		uint8_t *p = (uint8_t *)(uintptr_t)der.ptr + rng_below(&rng, der.len);
		uint8_t bit = (uint8_t)(1u << rng_below(&rng, 8));

		*p ^= bit;
		(void)x509_read(der, &x);
		*p ^= bit;
	}
	free((void *)(uintptr_t)der.ptr);
}

static void
probing(void **state)
{
	static const struct {
		struct bytes orig, resp;
		enum probe want;
	} cases[] = {
	    {BYTES_INIT("\x16\x03\x01\x02\x00\x01"), BYTES_INIT(""), PROBE_YES},
	    {BYTES_INIT("\x16\x03"), BYTES_INIT(""), PROBE_MAYBE},
	    {BYTES_INIT(""), BYTES_INIT("\x16\x03\x03\x00\x7a\x02"), PROBE_YES},
	    {BYTES_INIT("\x16\x03\x01\x02\x00\x07"), BYTES_INIT(""), PROBE_NO},
	    {BYTES_INIT("\x16\x02"), BYTES_INIT(""), PROBE_NO},
	    {BYTES_INIT("\x0bMSH"), BYTES_INIT("\x15\x03\x03\x00\x02\x02\x0a"), PROBE_NO},
	    {BYTES_INIT("\x80\x2e\x01\x00\x02\x00\x03\x00"), BYTES_INIT(""), PROBE_YES},
	    {BYTES_INIT("\x80\x2e\x07\x00\x02\x00\x03\x00"), BYTES_INIT(""), PROBE_NO},
	    {BYTES_INIT("\x17\x03\x03\x00\x02zz\x17\x03\x03"), BYTES_INIT(""), PROBE_YES},
	    {BYTES_INIT("\x17\x03\x03\x00\x02zzGET"), BYTES_INIT(""), PROBE_NO},
	    {BYTES_INIT("GET / HTTP/1.1"), BYTES_INIT(""), PROBE_NO},
	    {BYTES_INIT("\x16\x03\x01\x00\x00\x01"), BYTES_INIT(""), PROBE_NO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct guard a = guard_new(cases[i].orig), b = guard_new(cases[i].resp);
		struct probe_view v = {{a.view, b.view}, {0, 0}, false};

		assert_int_equal(tls_protocol.probe(&v), cases[i].want);
		guard_free(&a);
		guard_free(&b);
	}
}

static void
suites(void **state)
{
	(void)state;
	assert_string_equal(tls_cipher(0x1301)->name, "TLS_AES_128_GCM_SHA256");
	assert_null(tls_cipher(0x0a0a));
	assert_null(tls_cipher(0xffff));
	for (unsigned n = 0, last = 0; n <= 0xffff; n++) {
		const struct tls_cipher *c = tls_cipher((uint16_t)n);

		if (c == NULL)
			continue;
		assert_true(n == 0 || n > last); /* sorted: each is found */
		last = n;
		assert_ptr_equal(tls_cipher_named(bytes_str(c->name)), c);
	}
	assert_true(tls_cipher_is_weak(BYTES("TLS_RSA_WITH_RC4_128_SHA")));
	assert_true(tls_cipher_is_weak(BYTES("TLS_RSA_WITH_3DES_EDE_CBC_SHA")));
	assert_true(tls_cipher_is_weak(BYTES("TLS_RSA_EXPORT_WITH_DES40_CBC_SHA")));
	assert_true(tls_cipher_is_weak(BYTES("TLS_DH_anon_WITH_AES_128_CBC_SHA")));
	assert_false(tls_cipher_is_weak(BYTES("TLS_AES_256_GCM_SHA384")));
	assert_false(tls_cipher_is_weak(BYTES("TLS_RSA_WITH_AES_128_CBC_SHA")));
	assert_false(tls_cipher_is_weak(BYTES("")));
	assert_int_equal(
	    tls_cipher_named(BYTES("TLS_RSA_WITH_AES_128_CBC_SHA"))->grade, TLS_GRADE_LEGACY);
	assert_true(tls_version_is_old(BYTES("TLS 1.1")));
	assert_false(tls_version_is_old(BYTES("TLS 1.2")));
}

static void
decoding(void **state)
{
	struct conversation c = conversation_load("tls/tls12-mutual");
	struct buf out = {0};

	(void)state;
	trace_decode(&tls_protocol, c.turns[1].data, &out);
	assert_non_null(strstr((char *)out.ptr, "\"type\":\"server_hello\""));
	assert_non_null(strstr((char *)out.ptr, "\"key\":\"RSA 2048\""));
	assert_non_null(strstr((char *)out.ptr, "\"type\":\"certificate_request\""));
	buf_reset(&out);
	trace_decode(&tls_protocol, BYTES("\x16\x03"), &out);
	assert_non_null(strstr((char *)out.ptr, "tls_handshake_cut"));
	buf_free(&out);
	conversation_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(recorded_handshakes),
	    cmocka_unit_test(weakness_is_named),
	    cmocka_unit_test(one_side_alone),
	    cmocka_unit_test(hostile_streams),
	    cmocka_unit_test(holes),
	    cmocka_unit_test(ja4_vector),
	    cmocka_unit_test(certificates),
	    cmocka_unit_test(probing),
	    cmocka_unit_test(suites),
	    cmocka_unit_test(decoding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
