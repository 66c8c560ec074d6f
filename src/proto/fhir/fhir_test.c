/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "guard.h"
#include "proto/fhir/fhir.h"
#include "proto/fhir/json_reader.h"
#include "proto/fhir/resource.h"
#include "proto/fhir/url.h"
#include "proto/http/http.h"
#include "trace.h"

enum { BODY_MAX = 512 * 1024 };

/* --- JSON --- */

static const struct sip_key key = {1, 2};

/* All tokens of a text as one line; step: bytes a run, 0 = all at once. */
static void
tokens(struct bytes text, size_t step, struct buf *out, unsigned *odd)
{
	struct json_reader r;
	struct json_token t = {.kind = JSON_MORE};
	struct budget budget = {.cap = 1 << 20};

	json_reader_init(&r, &key, &budget);
	buf_reset(out);
	while (text.len > 0 && t.kind != JSON_BROKEN) {
		struct bytes run = bytes_sub(text, 0, step == 0 ? text.len : step);
		struct guard g = {.view = run};

		if (step == 0)
			g = guard_new(run);
		text = bytes_from(text, run.len);
		while ((t = json_next(&r, &g.view)).kind != JSON_MORE && t.kind != JSON_BROKEN)
			buf_printf(out, "%d@%llu:%llu<%.*s> ", (int)t.kind,
			    (unsigned long long)t.offset, (unsigned long long)t.size,
			    (int)t.text.len, t.text.len > 0 ? (const char *)t.text.ptr : "");
		if (step == 0)
			guard_free(&g);
	}
	while (t.kind != JSON_BROKEN && (t = json_finish(&r)).kind != JSON_MORE)
		buf_printf(out, "%d<%.*s> ", (int)t.kind, (int)t.text.len,
		    t.text.len > 0 ? (const char *)t.text.ptr : "");
	if (t.kind == JSON_BROKEN)
		buf_text(out, "broken");
	buf_byte(out, 0);
	*odd = r.odd;
	json_reader_free(&r);
	assert_int_equal(budget.used, 0);
}

static void
json_texts(void **state)
{
	static const struct {
		struct bytes text;
		const char *last; /* text that must stand in the line, "broken" for a refusal */
		unsigned odd;
	} cases[] = {
	    {BYTES_INIT("{\"a\":[1,2.50,-0.0e+1,true,false,null,\"x\"]}"), "<2.50>", 0},
	    {BYTES_INIT("0"), "<0>", 0},
	    {BYTES_INIT("  12.340  "), "<12.340>", 0},
	    {BYTES_INIT("\"\\u00e9\\ud83d\\ude00\\n\""), "<\xc3\xa9\xf0\x9f\x98\x80\n>", 0},
	    {BYTES_INIT("\xef\xbb\xbf{}"), "1@3", JSON_ODD_BOM},
	    {BYTES_INIT("{\"a\":1,\"b\":2,\"a\":3}"), "<3>", JSON_ODD_DUPLICATE},
	    {BYTES_INIT("{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":1},{\"a\":1}]}"), "<1>", 0},
	    {BYTES_INIT("{\"a\":1,\"\\u0061\":2}"), "<2>", JSON_ODD_DUPLICATE},
	    {BYTES_INIT("{}{}"), "2@", JSON_ODD_TRAILING},
	    {BYTES_INIT("\"\\ud800x\""), "<\xef\xbf\xbdx>", JSON_ODD_SURROGATE},
	    {BYTES_INIT("\"\\udc00\""), "<\xef\xbf\xbd>", JSON_ODD_SURROGATE},
	    {BYTES_INIT("\"\\ud800\\ud800\\udc00\""), "<\xef\xbf\xbd\xf0\x90\x80\x80>",
		JSON_ODD_SURROGATE},
	    {BYTES_INIT("\"\xff\""), "<\xff>", JSON_ODD_UTF8},
	    {BYTES_INIT("\"\xed\xa0\x80\""), "<", JSON_ODD_UTF8},
	    {BYTES_INIT("\"a\tb\""), "<a\tb>", JSON_ODD_CONTROL},
	    {BYTES_INIT("{} x"), "broken", JSON_ODD_TRAILING},
	    {BYTES_INIT("01"), "broken", 0},
	    {BYTES_INIT("-"), "broken", 0},
	    {BYTES_INIT("1."), "broken", 0},
	    {BYTES_INIT("1.e5"), "broken", 0},
	    {BYTES_INIT("1e"), "broken", 0},
	    {BYTES_INIT(".5"), "broken", 0},
	    {BYTES_INIT("+1"), "broken", 0},
	    {BYTES_INIT("NaN"), "broken", 0},
	    {BYTES_INIT("tru"), "broken", 0},
	    {BYTES_INIT("truE"), "broken", 0},
	    {BYTES_INIT("[1,]"), "broken", 0},
	    {BYTES_INIT("[1 2]"), "broken", 0},
	    {BYTES_INIT("[1}"), "broken", 0},
	    {BYTES_INIT("{\"a\"}"), "broken", 0},
	    {BYTES_INIT("{\"a\":}"), "broken", 0},
	    {BYTES_INIT("{a:1}"), "broken", 0},
	    {BYTES_INIT("{\"a\":1,}"), "broken", 0},
	    {BYTES_INIT("{'a':1}"), "broken", 0},
	    {BYTES_INIT("[\"a"), "broken", 0},
	    {BYTES_INIT("\"\\x\""), "broken", 0},
	    {BYTES_INIT("\"\\u12g4\""), "broken", 0},
	    {BYTES_INIT("/*c*/1"), "broken", 0},
	    {BYTES_INIT("\xef\xbb{}"), "broken", 0},
	    {BYTES_INIT("]"), "broken", 0},
	};
	struct buf whole = {0}, cut = {0};
	unsigned odd, odd_cut;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		tokens(cases[i].text, 0, &whole, &odd);
		if (strstr((char *)whole.ptr, cases[i].last) == NULL || odd != cases[i].odd)
			fail_msg("%s: %s odd %u", cases[i].text.ptr, whole.ptr, odd);
		if (strcmp(cases[i].last, "broken") != 0 && strstr((char *)whole.ptr, "broken"))
			fail_msg("%s: %s", cases[i].text.ptr, whole.ptr);
		for (size_t step = 1; step <= 3; step++) {
			tokens(cases[i].text, step, &cut, &odd_cut);
			assert_string_equal((char *)cut.ptr, (char *)whole.ptr);
			assert_int_equal(odd, odd_cut);
		}
	}
	buf_free(&whole);
	buf_free(&cut);
}

/* Every text of up to 5 of the bytes that matter: read whole and byte by byte it gives the same,
 * and something is accepted only where the brackets fit. */
static void
json_exhaustive(void **state)
{
	static const char alphabet[] = "{}[]\",:0-e\\t ";
	struct buf whole = {0}, cut = {0};
	size_t n = sizeof(alphabet) - 1, accepted = 0, total = 1;
	unsigned odd, odd_cut;

	(void)state;
	for (size_t len = 1; len <= 4; len++) {
		total *= n;
		for (size_t v = 0; v < total; v++) {
			char text[8];

			for (size_t i = 0, rest = v; i < len; i++, rest /= n)
				text[i] = alphabet[rest % n];
			tokens(bytes_of(text, len), 0, &whole, &odd);
			tokens(bytes_of(text, len), 1, &cut, &odd_cut);
			if (strcmp((char *)whole.ptr, (char *)cut.ptr) != 0 || odd != odd_cut)
				fail_msg("%.*s: %s / %s", (int)len, text, whole.ptr, cut.ptr);
			accepted += strstr((char *)whole.ptr, "broken") == NULL;
		}
	}
	print_message("# %zu texts of at most 4 bytes are JSON (or blank)\n", accepted);
	assert_true(accepted > 0);
	buf_free(&whole);
	buf_free(&cut);
}

static void
json_caps(void **state)
{
	char *text = malloc(BODY_MAX);
	struct buf out = {0};
	unsigned odd;

	(void)state;
	assert_non_null(text);
	memset(text, '[', 65);
	tokens(bytes_of(text, 65), 0, &out, &odd);
	assert_int_equal(odd, JSON_ODD_DEEP);
	/* A string past its cap is cut, and its size told, in any cut of the input. */
	memset(text, 'x', BODY_MAX);
	text[0] = text[BODY_MAX - 1] = '"';
	for (size_t step = 0; step <= 4097; step += 4097) {
		char want[64];

		tokens(bytes_of(text, BODY_MAX), step, &out, &odd);
		(void)snprintf(want, sizeof(want), "%d@0:%d<x", (int)JSON_STRING, BODY_MAX - 2);
		assert_non_null(strstr((char *)out.ptr, want));
		assert_true(out.len < JSON_TEXT_MAX + 64);
	}
	buf_free(&out);
	free(text);
}

/* --- interactions --- */

struct scene {
	const char *name;
	const char *request, *type, *body; /* request line's method and target; media type */
	const char *answer, *answer_type, *answer_body;
	struct {
		const char *text;
		size_t lines;
	} want[8];
};

#define FHIR_JSON "application/fhir+json"
#define GLUCOSE                                                                                    \
	"{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"coding\":[{"           \
	"\"system\":\"http://loinc.org\",\"code\":\"15074-8\",\"display\":\"Glucose\"}]},"         \
	"\"subject\":{\"reference\":\"Patient/p1\",\"display\":\"Ann Synthetic\"},"                \
	"\"effectiveDateTime\":\"2026-01-02\",\"valueQuantity\":{\"value\":6.30,\"unit\":"         \
	"\"mmol/l\"},\"interpretation\":[{\"coding\":[{\"code\":\"H\"}]}],\"referenceRange\":[{"   \
	"\"low\":{\"value\":3.1},\"high\":{\"value\":6.2}}]}"

static const struct scene scenes[] = {
    {"a result", "POST /fhir/Observation", FHIR_JSON, GLUCOSE, "201", FHIR_JSON, GLUCOSE,
	{{"\"type\":\"POST Observation\"", 1}, {"\"category\":\"result\"", 1},
	    {"\"value\":\"6.30\"", 1}, {"\"range\":\"3.1-6.2\"", 1}, {"\"ack\":\"201\"", 1},
	    {"\"n_results\":1", 1}, {"Synthetic", 0}, {"p1", 0}}},
    {"a search in the URL", "GET /fhir/Patient?identifier=urn%3Ax%7C4711&_count=1", NULL, NULL,
	"200", FHIR_JSON, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[]}",
	{{"\"type\":\"GET Patient\"", 1}, {"\"category\":\"query\"", 1}, {"fhir_patient_in_url", 1},
	    {"4711", 0}, {"\"patient\":", 1}}},
    {"a search for other things", "GET /fhir/Device?identifier=7", NULL, NULL, "200", FHIR_JSON,
	"{}", {{"fhir_patient_in_url", 0}, {"fhir_type_unknown", 1}}},
    {"a transaction", "POST /fhir", FHIR_JSON,
	"{\"entry\":[{\"resource\":" GLUCOSE ",\"request\":{\"method\":\"POST\"}},{\"resource\":"
	"{\"resourceType\":\"Device\",\"manufacturer\":\"Synthetic Instruments\",\"modelNumber\":"
	"\"X1\",\"serialNumber\":\"S7\",\"udiCarrier\":[{\"deviceIdentifier\":\"0123\"}],"
	"\"version\":[{\"value\":\"2.1\"}]}},{\"resource\":" GLUCOSE "}],\"type\":\"transaction\","
	"\"resourceType\":\"Bundle\"}",
	"200", FHIR_JSON, "{\"resourceType\":\"Bundle\",\"type\":\"transaction-response\"}",
	{{"\"POST Bundle transaction\"", 1}, {"\"n_results\":2", 1},
	    {"\"Synthetic Instruments\"", 1}, {"\"serial\",\"value\":\"S7\"", 1},
	    {"\"software\",\"value\":\"2.1\"", 1}, {"\"behind\":1", 5}}},
    {"a correction", "PUT /fhir/DiagnosticReport/9", FHIR_JSON,
	"{\"resourceType\":\"DiagnosticReport\",\"status\":\"corrected\",\"code\":{\"text\":"
	"\"CBC\"}}",
	"200", NULL, NULL,
	{{"\"corrects\":1", 1}, {"\"status\":\"C\"", 1}, {"\"PUT DiagnosticReport\"", 1}}},
    {"entered in error", "PUT /fhir/Observation/9", FHIR_JSON,
	"{\"resourceType\":\"Observation\",\"status\":\"entered-in-error\",\"code\":{\"text\":"
	"\"K\"},"
	"\"valueString\":\"Mr Synthetic was ill\"}",
	"200", NULL, NULL,
	{{"\"corrects\":1", 1}, {"\"status\":\"W\"", 1}, {"\"value_hash\"", 1},
	    {"Mr Synthetic", 0}}},
    {"a pressure", "POST /Observation", FHIR_JSON,
	"{\"resourceType\":\"Observation\",\"status\":\"final\",\"component\":[{\"code\":{\"text\":"
	"\"sys\"},\"valueQuantity\":{\"value\":120}},{\"code\":{\"text\":\"dia\"},"
	"\"valueQuantity\":{\"value\":80,\"comparator\":\"<\"}}]}",
	"201", NULL, NULL, {{"\"n_results\":2", 1}, {"\"value\":\"120\"", 1}, {"\"<80\"", 1}}},
    {"an order", "POST /fhir/ServiceRequest", FHIR_JSON,
	"{\"resourceType\":\"ServiceRequest\",\"identifier\":[{\"value\":\"O1\"}]}", "201", NULL,
	NULL, {{"\"category\":\"order\"", 1}, {"\"order\":\"", 1}}},
    {"an operation", "POST /fhir/$process-message", FHIR_JSON, "{\"resourceType\":\"Parameters\"}",
	"200", NULL, NULL, {{"\"POST $process-message\"", 1}, {"\"category\":\"directive\"", 1}}},
    {"metadata", "GET /fhir/metadata", NULL, NULL, "200", "application/json",
	"{\"resourceType\":\"CapabilityStatement\",\"fhirVersion\":\"4.0.1\"}",
	{{"\"GET metadata\"", 1}, {"\"category\":\"config\"", 1}, {"\"version\":\"4.0.1\"", 1}}},
    {"known by its resource type alone", "POST /api/upload", "application/json", GLUCOSE, "200",
	"application/json", "{\"ok\":true}",
	{{"\"POST Observation\"", 1}, {"\"n_results\":1", 1}, {"anomaly", 0}}},
    {"other JSON", "POST /api", "application/json", "{\"a\":1,\"a\":2", "200", "application/json",
	"[1,2]", {{"\"message\"", 0}, {"anomaly", 0}}},
    {"XML is counted", "POST /fhir/Observation", "application/fhir+xml", "<Observation/>", "201",
	NULL, NULL, {{"\"POST Observation\"", 1}, {"fhir_xml", 1}}},
    {"a file", "POST /fhir/DocumentReference", FHIR_JSON,
	"{\"resourceType\":\"DocumentReference\",\"content\":[{\"attachment\":{\"contentType\":"
	"\"application/pdf\",\"data\":\"TVqQAAMAAAAEAAAA\"}}]}",
	"201", NULL, NULL,
	{{"\"FHIR Attachment\"", 1}, {"windows_executable", 1}, {"application/pdf", 1}}},
    {"a key twice", "POST /fhir/Observation", FHIR_JSON,
	"{\"resourceType\":\"Observation\",\"status\":\"final\",\"valueInteger\":5,"
	"\"valueInteger\":6}",
	"201", NULL, NULL,
	{{"json_duplicate_key", 1}, {"\"value\":\"5\"", 1}, {"\"anomalies\":1", 1}}},
    {"JSON that breaks off", "POST /fhir/Observation", FHIR_JSON,
	"{\"resourceType\":\"Observation\",", "400", NULL, NULL,
	{{"json_bad", 1}, {"\"flags\":2", 1}, {"\"n_results\":0", 1}}},
    {"a type that is none", "POST /fhir/Rubbish", FHIR_JSON, "{\"resourceType\":\"Rubbish\"}",
	"400", NULL, NULL, {{"fhir_type_unknown", 1}}},
    {"a value that may be a text", "POST /fhir/Observation", FHIR_JSON,
	"{\"resourceType\":\"Observation\",\"valueQuantity\":{\"value\":\"Ann Synthetic, 5\"},"
	"\"referenceRange\":[{\"text\":\"for Ann Synthetic\"}]}",
	"201", NULL, NULL, {{"Ann Synthetic", 0}, {"value_hash", 1}}},
    {"a specimen", "PUT /fhir/Specimen/s1", FHIR_JSON,
	"{\"resourceType\":\"Specimen\",\"accessionIdentifier\":{\"value\":\"A77\"}}", "200", NULL,
	NULL, {{"\"specimen\":\"", 1}, {"A77", 0}}},
};

/* The two sides of a scene as HTTP. */
static size_t
write_scene(const struct scene *c, struct buf side[2], struct turn turns[2])
{
	for (int i = 0; i < 2; i++) {
		const char *type = i == 0 ? c->type : c->answer_type;
		const char *body = i == 0 ? c->body : c->answer_body;

		buf_reset(&side[i]);
		if (i == 0)
			buf_printf(&side[i], "%s HTTP/1.1\r\nHost: fhir.example\r\n", c->request);
		else
			buf_printf(&side[i], "HTTP/1.1 %s X\r\nServer: s/1\r\n", c->answer);
		if (type != NULL)
			buf_printf(&side[i], "Content-Type: %s\r\n", type);
		buf_printf(&side[i], "Content-Length: %zu\r\n\r\n%s", body ? strlen(body) : 0,
		    body ? body : "");
		turns[i] = (struct turn){i == 0 ? dir_orig : dir_resp, buf_bytes(&side[i]), 0};
	}
	return 2;
}

static void
interactions(void **state)
{
	struct buf side[2] = {{0}, {0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
		const struct scene *c = &scenes[i];
		struct turn turns[2];
		struct trace t;

		(void)write_scene(c, side, turns);
		trace_init(&t);
		trace_feed(&t, &http_protocol, turns, 2, NULL, false);
		for (size_t k = 0; k < ARRAY_LEN(c->want) && c->want[k].text != NULL; k++) {
			if (trace_count(&t, c->want[k].text) != c->want[k].lines)
				fail_msg("%s: %s: %s", c->name, c->want[k].text, trace_text(&t));
		}
		trace_free(&t);
		trace_check_cuts(&http_protocol, turns, 2, 8);
	}
	buf_free(&side[0]);
	buf_free(&side[1]);
}

/* The same observation, compressed: the same result; carries() says FHIR. */
static void
compressed(void **state)
{
	uint8_t packed[2048];
	uLongf n = sizeof(packed);
	struct buf b = {0};
	struct turn turn = {.dir = dir_orig};
	struct trace t;
	void *s;

	(void)state;
	assert_int_equal(compress(packed, &n, (const uint8_t *)GLUCOSE, sizeof(GLUCOSE) - 1), Z_OK);
	buf_printf(&b,
	    "POST /fhir/Observation HTTP/1.1\r\nHost: x\r\nContent-Type: " FHIR_JSON
	    "\r\nContent-Encoding: deflate\r\nContent-Length: %lu\r\n\r\n",
	    n);
	buf_add(&b, bytes_of(packed, n));
	turn.data = buf_bytes(&b);
	trace_init(&t);
	trace_feed(&t, &http_protocol, &turn, 1, NULL, false);
	assert_int_equal(trace_count(&t, "\"value\":\"6.30\""), 1);
	trace_free(&t);
	trace_check_cuts(&http_protocol, &turn, 1, 10);
	trace_init(&t);
	s = http_protocol.open(&t.observer);
	assert_int_equal(http_protocol.carries(s), PROTO_http);
	http_protocol.data(s, dir_orig, turn.data, 0);
	assert_int_equal(http_protocol.carries(s), PROTO_fhir);
	http_protocol.end(s, dir_orig);
	http_protocol.end(s, dir_resp);
	http_protocol.close(s);
	trace_free(&t);
	buf_free(&b);
}

/* A Bundle of many entries needs the memory of one. */
static void
large_bundle(void **state)
{
	struct buf body = {0}, b = {0};
	struct turn turn = {.dir = dir_orig};
	struct trace t;

	(void)state;
	buf_text(&body, "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[");
	for (int i = 0; i < 2000; i++)
		buf_printf(&body, "%s{\"resource\":%s}", i > 0 ? "," : "", GLUCOSE);
	buf_text(&body, "]}");
	buf_printf(&b,
	    "POST /fhir HTTP/1.1\r\nHost: x\r\nContent-Type: " FHIR_JSON
	    "\r\nContent-Length: %zu\r\n\r\n",
	    body.len);
	buf_add(&b, buf_bytes(&body));
	turn.data = buf_bytes(&b);
	trace_init(&t);
	trace_feed(&t, &http_protocol, &turn, 1, NULL, false);
	assert_int_equal(trace_count(&t, "\"n_results\":2000"), 1);
	assert_int_equal(trace_count(&t, "\"flags\":16"), 1);
	assert_true(t.budget.high < 600 * 1024);
	trace_free(&t);
	/* With a hole in it: what was whole is told, nothing is joined over the hole. */
	{
		struct turn cut[2] = {{dir_orig, bytes_sub(turn.data, 0, 5000), 0},
		    {dir_orig, bytes_from(turn.data, 6000), 1000}};

		trace_init(&t);
		trace_feed(&t, &http_protocol, cut, 2, NULL, false);
		assert_int_equal(trace_count(&t, "fhir_body_cut"), 1);
		assert_int_equal(t.n_kind[EV_message], 1);
		assert_int_equal(trace_count(&t, "json_bad"), 0);
		trace_free(&t);
		trace_check_cuts(&http_protocol, cut, 2, 3);
	}
	buf_free(&body);
	buf_free(&b);
}

static void
identifiers(void **state)
{
	struct trace t;
	struct fhir_url u;

	(void)state;
	trace_init(&t);
	assert_true(
	    bytes_eq(fhir_reference_id(BYTES("http://a/fhir/Patient/7/_history/2")), BYTES("7")));
	assert_true(bytes_eq(fhir_reference_id(BYTES("Patient/7")), BYTES("7")));
	assert_true(bytes_eq(fhir_reference_id(BYTES("urn:uuid:1")), BYTES("urn:uuid:1")));
	assert_true(bytes_eq(fhir_reference_id(BYTES("")), BYTES("")));
	fhir_url_read(&t.observer, BYTES("http://h/base/Patient/p1/_history/3?x"), &u);
	assert_string_equal(u.type, "Patient");
	assert_string_equal(u.operation, "_history");
	assert_false(hash128_is_zero(u.patient));
	fhir_url_read(&t.observer, BYTES("/Observation?subject=Patient%2Fp1"), &u);
	assert_int_equal(u.n_patient_fields, 1);
	{
		struct hash128 h = observer_hash(&t.observer, BYTES("p1"));

		assert_memory_equal(&u.patient, &h, sizeof(h));
	}
	fhir_url_read(&t.observer, BYTES("/%zz?%&=&name=&=x"), &u);
	assert_int_equal(u.n_patient_fields, 0);
	fhir_url_read(&t.observer, BYTES(""), &u);
	assert_string_equal(u.type, "");
	assert_non_null(fhir_type(BYTES("Observation")));
	assert_null(fhir_type(BYTES("observation")));
	assert_null(fhir_type(BYTES("Observatio")));
	assert_null(fhir_type(BYTES("")));
	trace_free(&t);
}

static void
decoding(void **state)
{
	struct buf out = {0};

	(void)state;
	trace_decode(
	    &fhir_protocol, BYTES(GLUCOSE "\n" GLUCOSE "\n{\"resourceType\":\"Patient\"}"), &out);
	assert_non_null(strstr((char *)out.ptr, "\"value\":\"6.30\""));
	assert_non_null(strstr((char *)out.ptr, "\"resourceType\":\"Patient\""));
	/* A line of NDJSON that is no JSON costs that line. */
	buf_reset(&out);
	trace_decode(
	    &fhir_protocol, BYTES(GLUCOSE "\n{ rubbish\n{\"resourceType\":\"Patient\"}\n"), &out);
	assert_non_null(strstr((char *)out.ptr, "json_bad"));
	assert_non_null(strstr((char *)out.ptr, "\"resourceType\":\"Patient\""));
	buf_reset(&out);
	trace_decode(&fhir_protocol, BYTES("{\"resourceType\":"), &out);
	assert_non_null(strstr((char *)out.ptr, "json_bad"));
	buf_reset(&out);
	trace_decode(&fhir_protocol, BYTES("<Patient/>"), &out);
	assert_non_null(strstr((char *)out.ptr, "fhir_xml"));
	buf_reset(&out);
	trace_decode(&fhir_protocol,
	    BYTES("PUT /Patient/1 HTTP/1.1\r\nContent-Type: " FHIR_JSON
		  "\r\nContent-Length: 26\r\n\r\n{\"resourceType\":\"Patient\"}"),
	    &out);
	assert_non_null(strstr((char *)out.ptr, "\"method\":\"PUT\""));
	assert_non_null(strstr((char *)out.ptr, "\"resourceType\":\"Patient\""));
	buf_free(&out);
}

/* Every published example: read without an anomaly that is not known to be in it. */
static void
published_examples(void **state)
{
	char folder[1024];
	const char *path = shared_path("fhir");
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	(void)state;
	if (path == NULL) {
		print_message("# no folder of FHIR examples: skipped\n");
		return; /* not skip(): meson takes cmocka's "not ok # SKIP" for a failure */
	}
	(void)snprintf(folder, sizeof(folder), "%s", path);
	d = opendir(folder);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		struct bytes name = bytes_str(e->d_name), file;
		struct buf out = {0};
		char file_path[2048];

		if (name.len < 5 || !bytes_eq(bytes_from(name, name.len - 4), BYTES("json")) ||
		    bytes_eq(name, BYTES("cosyte-export.ndjson")))
			continue; /* that one has a line which is no JSON: below */
		(void)snprintf(file_path, sizeof(file_path), "%s/%s", folder, e->d_name);
		file = file_slurp(file_path);
		trace_decode(&fhir_protocol, file, &out);
		if (strstr((char *)out.ptr, "\"anomalies\":[]") == NULL ||
		    strstr((char *)out.ptr, "\"anomalies\":[{") != NULL)
			fail_msg("%s: %s", e->d_name, (char *)out.ptr);
		if (bytes_find_seq(name, BYTES("Observation-decimal")) < name.len &&
		    strstr((char *)out.ptr, "\"value\":\"1.0") == NULL)
			print_message("# %s: %s", e->d_name, (char *)out.ptr);
		n++;
		buf_free(&out);
		free((void *)(uintptr_t)file.ptr);
	}
	(void)closedir(d);
	print_message("# %zu published resources\n", n);
	assert_true(n > 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json_texts),
	    cmocka_unit_test(json_exhaustive),
	    cmocka_unit_test(json_caps),
	    cmocka_unit_test(interactions),
	    cmocka_unit_test(compressed),
	    cmocka_unit_test(large_bundle),
	    cmocka_unit_test(identifiers),
	    cmocka_unit_test(decoding),
	    cmocka_unit_test(published_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
