/* SPDX-License-Identifier: Apache-2.0 */
/* What an event costs in the book of assets and in the detectors.
 *   detect_bench [MESSAGES] [FLOWS]   default 1,000,000 and 100,000
 * Messages carry ten results each, over 200 links, each result passed on once by a middleware (the
 * time to give results new keys is in it);
 * flows are between 5,000 addresses. One JSON line a step, nanoseconds an event. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "detect/detect.h"

enum { LINKS = 200, RESULTS = 10, BODIES = 256 };

struct bench {
	struct budget budget;
	struct asset_book *book;
	struct detect *d;
	struct event_sink from_book, findings;
	uint64_t n_findings, n_devices;
	int64_t ns;
};

static double
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* others may use the machine */
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
on_finding(void *ctx, enum event_kind kind, const struct event_head *head, const void *fields)
{
	(void)kind;
	(void)head;
	(void)fields;
	((struct bench *)ctx)->n_findings++;
}

static void
on_device(void *ctx, enum event_kind kind, const struct event_head *head, const void *fields)
{
	struct bench *t = ctx;
	struct event ev = {.kind = kind, .head = *head};

	t->n_devices++;
	ev.u.device = *(const struct ev_device *)fields;
	detect_event(t->d, &ev, t->book, &t->findings);
}

static struct ip
address(uint32_t n)
{
	uint8_t v4[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return ip_from_v4(v4);
}

static void
make_links(struct bench *t)
{
	for (uint32_t i = 0; i < LINKS; i++) {
		struct event ev = {
		    .kind = EV_link, .head = {.time = {t->ns}, .link = mix64(i + 1)}};

		/* Analyzers to the middleware, and the middleware to the LIS. */
		ev.u.link = (struct ev_link){.id = mix64(i + 1),
		    .client = address(i % 2 == 0 ? 256 + i : 20),
		    .server = address(i % 2 == 0 ? 20 : 30),
		    .port = 2575 + i,
		    .proto = PROTO_hl7,
		    .transport = transport_tcp};
		asset_book_event(t->book, &ev, &t->from_book);
		detect_event(t->d, &ev, t->book, &t->findings);
	}
}

/* Bodies of messages; place[k] = where the key of result k stands. */
struct body {
	struct buf list;
	size_t place[RESULTS];
};

static void
make_bodies(struct body *bodies)
{
	for (uint32_t i = 0; i < BODIES; i++) {
		for (uint64_t k = 0; k < RESULTS; k++) {
			char value[16];
			struct ev_result r = {.code = BYTES("GLU"),
			    .system = BYTES("99ROC"),
			    .name = BYTES("Glucose"),
			    .value = bytes_of(value, (size_t)snprintf(value, sizeof(value), "%u.%u",
							 i % 97, (unsigned)k)),
			    .units = BYTES("mmol/L"),
			    .range = BYTES("3.9-6.1"),
			    .flags = BYTES("N"),
			    .status = BYTES("F"),
			    .observed = BYTES("20260201103000"),
			    .offset = 300 + k};

			bodies[i].place[k] =
			    bodies[i].list.len + 2; /* first field, after the length */
			if (!result_encode(&bodies[i].list, &r))
				exit(4);
		}
	}
}

/* The same ten results twice: from the analyzer, then from the middleware. */
static struct bytes
body_of(struct body *bodies, uint64_t i)
{
	struct body *b = &bodies[i / 2 % BODIES];

	for (uint64_t k = 0; k < RESULTS && i % 2 == 0; k++) {
		uint64_t key[2] = {mix64(i * RESULTS + k + 1), k};

		memcpy(b->list.ptr + b->place[k], key, sizeof(key));
	}
	return buf_bytes(&b->list);
}

static void
report(const char *step, double started, uint64_t n, const struct bench *t)
{
	printf("{\"bench\":\"detect\",\"step\":\"%s\",\"events\":%llu,\"ns_per_event\":%.1f,"
	       "\"memory_kib\":%zu,\"findings\":%llu,\"devices\":%llu}\n",
	    step, (unsigned long long)n, (now_ns() - started) / (double)n, t->budget.used >> 10,
	    (unsigned long long)t->n_findings, (unsigned long long)t->n_devices);
}

enum part { BOOK = 1, ENGINE = 2, BOTH = 3 };

static void
messages(struct bench *t, struct body *bodies, uint64_t n, enum part part, const char *step)
{
	double started = now_ns();

	for (uint64_t i = 0; i < n; i++) {
		uint64_t link = mix64(i % LINKS + 1);
		struct event ev = {.kind = EV_message,
		    .head = {.time = {t->ns += 20 * NS_PER_MS},
			.link = link,
			.flow = link,
			.packet = i}};

		ev.u.message = (struct ev_message){.proto = PROTO_hl7,
		    .category = category_result,
		    .phi = 4,
		    .n_results = RESULTS,
		    .results = body_of(bodies, i)};
		if ((part & BOOK) != 0)
			asset_book_event(t->book, &ev, &t->from_book);
		if ((part & ENGINE) != 0)
			detect_event(t->d, &ev, t->book, &t->findings);
	}
	report(step, started, n, t);
}

static void
flows(struct bench *t, uint64_t n, enum part part, const char *step)
{
	double started = now_ns();

	for (uint64_t i = 0; i < n; i++) {
		uint32_t a = (uint32_t)(mix64(i) % 5000) + 4096;
		struct event ev = {.kind = EV_flow,
		    .head = {.time = {t->ns += 20 * NS_PER_MS}, .flow = i + 1, .packet = i}};

		ev.u.flow = (struct ev_flow){.orig = address(a),
		    .resp = address(20 + (uint32_t)i % 10),
		    .orig_mac = {{2, 1, 0, 0, (uint8_t)(a >> 8), (uint8_t)a}},
		    .resp_mac = {{2, 0, 0, 0, 0, (uint8_t)(20 + i % 10)}},
		    .transport = transport_tcp,
		    .proto = PROTO_http,
		    .resp_port = 80,
		    .state = i % 7 == 0 ? state_unanswered : state_closed,
		    .orig_packets = 5,
		    .resp_packets = i % 7 == 0 ? 0 : 5};
		if ((part & BOOK) != 0)
			asset_book_event(t->book, &ev, &t->from_book);
		if ((part & ENGINE) != 0)
			detect_event(t->d, &ev, t->book, &t->findings);
	}
	report(step, started, n, t);
}

int
main(int argc, char **argv)
{
	static struct body bodies[BODIES];
	uint64_t n_messages = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	uint64_t n_flows = argc > 2 ? strtoull(argv[2], NULL, 10) : 100000;
	struct bench t = {.budget = {.cap = 256 << 20}, .ns = INT64_C(1767225600000000000)};

	t.from_book = (struct event_sink){&t, on_device};
	t.findings = (struct event_sink){&t, on_finding};
	t.book = asset_book_new(&t.budget, NULL);
	t.d = detect_new(&t.budget, NULL);
	if (t.book == NULL || t.d == NULL)
		return 4;
	make_bodies(bodies);
	make_links(&t);
	messages(&t, bodies, n_messages, BOOK, "messages, book");
	messages(&t, bodies, n_messages, ENGINE, "messages, detectors");
	messages(&t, bodies, n_messages, BOTH, "messages, both");
	flows(&t, n_flows, BOTH, "flows, first");
	flows(&t, n_flows, BOOK, "flows, book");
	flows(&t, n_flows, ENGINE, "flows, detectors");
	flows(&t, n_flows, BOTH, "flows, both");
	for (size_t i = 0; i < BODIES; i++)
		buf_free(&bodies[i].list);
	detect_free(t.d);
	asset_book_free(t.book);
	return 0;
}
