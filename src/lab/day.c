/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/day.h"

#include <stdio.h>

#include "lab/dicom.h"
#include "lab/messages.h"

enum { OUI_NORD = 0x0050c2, OUI_DELL = 0x001422, OUI_MOXA = 0x0090e8, OUI_HP = 0x3c4a92 };

enum { PORT_HL7 = 2575, PORT_ASTM = 4010, PORT_POCT = 3001, PORT_DICOM = 104, PORT_HTTP = 8080 };

struct lab {
	struct wire *w;
	struct lab_truth *truth;
	struct wire_host lis, middleware, fhir_app, chemistry, haematology, meter_dock, pacs,
	    scanner, moxa, workstation, stranger, remote, tls_server;
	unsigned control; /* message ids */
	uint16_t port;    /* next client port */
	struct buf a, b;
};

static uint16_t
next_port(struct lab *l)
{
	l->port = l->port >= 60000 ? 40001 : (uint16_t)(l->port + 1);
	return l->port;
}

static void
pause_s(struct lab *l, int64_t s)
{
	/* A network delays by milliseconds, not by what people pause. */
	wire_flush(l->w);
	l->w->now.ns += s * NS_PER_S;
}

static void
lab_start(struct lab *l, struct wire *w, struct lab_truth *truth)
{
	static const uint8_t outside[4] = {203, 0, 113, 5};

	*l = (struct lab){.w = w, .truth = truth, .port = 40000};
	*truth = (struct lab_truth){0};
	l->lis = wire_host(OUI_DELL, 0, 10);
	l->middleware = wire_host(OUI_DELL, 0, 11);
	l->fhir_app = wire_host(OUI_HP, 0, 12);
	l->chemistry = wire_host(OUI_NORD, 0, 21);
	l->haematology = wire_host(OUI_NORD, 0, 22);
	l->meter_dock = wire_host(OUI_NORD, 0, 31);
	l->pacs = wire_host(OUI_DELL, 0, 40);
	l->scanner = wire_host(OUI_NORD, 0, 41);
	l->moxa = wire_host(OUI_MOXA, 0, 50);
	l->workstation = wire_host(OUI_HP, 0, 60);
	l->tls_server = wire_host(OUI_DELL, 0, 14);
	l->stranger = wire_host(0x08beac, 0, 99);
	l->remote = wire_host(0x00005e, 0, 1);
	l->remote.ip = ip_from_v4(outside);
}

static void
lab_end(struct lab *l)
{
	wire_flush(l->w);
	buf_free(&l->a);
	buf_free(&l->b);
}

static const char *
next_control(struct lab *l, char out[24])
{
	(void)snprintf(out, 24, "M%08u", ++l->control);
	return out;
}

/* One result message and its answer on a connection that is open. */
static void
say_oru(struct lab *l, struct wire_tcp *t, const struct lab_case *c, const char *app,
    const char *to, const struct lab_value *v, size_t n, const char *status, size_t min_bytes)
{
	char control[24];

	buf_reset(&l->a);
	lab_oru(&l->a, l->w, c, app, "NORD-C500", to, next_control(l, control), v, n, status,
	    min_bytes);
	wire_tcp_send(t, 0, buf_bytes(&l->a));
	buf_reset(&l->a);
	lab_ack(&l->a, l->w, to, app, control, "AA");
	wire_tcp_send(t, 1, buf_bytes(&l->a));
	l->truth->hl7 += 2;
	l->truth->results += n;
}

/* CLSI LIS01-A2: every frame, ENQ included, is answered by one ACK. */
static void
say_astm(struct lab *l, struct wire_tcp *t, struct bytes records)
{
	struct lab_frames f;
	size_t from = 1;

	buf_reset(&l->b);
	lab_lis01(&l->b, records, &f);
	wire_tcp_send(t, 0, bytes_of(l->b.ptr, 1));
	wire_tcp_send(t, 1, BYTES("\x06"));
	for (size_t i = 0; i < f.n; i++) {
		wire_tcp_send(t, 0, bytes_of(l->b.ptr + from, f.end[i] - from));
		wire_tcp_send(t, 1, BYTES("\x06"));
		from = f.end[i];
	}
	wire_tcp_send(t, 0, BYTES("\x04"));
	l->truth->astm++;
}

/* --- scenes of the day --- */

static void
scene_addresses(struct lab *l)
{
	const struct wire_host *all[] = {&l->lis, &l->middleware, &l->fhir_app, &l->chemistry,
	    &l->haematology, &l->meter_dock, &l->pacs, &l->scanner, &l->moxa, &l->workstation,
	    &l->tls_server};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		wire_arp(l->w, all[i], all[i]->ip, false, NULL);
		wire_arp(l->w, &l->lis, all[i]->ip, false, NULL);
		wire_arp(l->w, all[i], l->lis.ip, true, &l->lis);
	}
}

/* The analyzer reports to the middleware, which passes on to the LIS; once a value changes on its
 * way, once it is corrected as it should be. */
static void
scene_chemistry(struct lab *l)
{
	struct wire_tcp in =
	    wire_tcp_open(l->w, &l->chemistry, next_port(l), &l->middleware, PORT_HL7);
	struct wire_tcp out = wire_tcp_open(l->w, &l->middleware, next_port(l), &l->lis, PORT_HL7);

	for (unsigned i = 0; i < 24; i++) {
		struct lab_case c = lab_case_new(l->w, 100 + i);
		struct lab_value v[6];

		lab_values(l->w, 0, 6, v);
		say_oru(l, &in, &c, "NORD-C500", "MIDWARE", v, 6, "F", 0);
		pause_s(l, 2);
		if (i == 17)
			(void)snprintf(v[2].text, sizeof(v[2].text), "4.1");
		say_oru(l, &out, &c, "MIDWARE", "LIS", v, 6, "F", 0);
		pause_s(l, 40);
		if (i == 9) {
			(void)snprintf(v[0].text, sizeof(v[0].text), "5.2");
			say_oru(l, &in, &c, "NORD-C500", "MIDWARE", v, 1, "C", 0);
			say_oru(l, &out, &c, "MIDWARE", "LIS", v, 1, "C", 0);
		}
	}
	wire_tcp_close(&in);
	wire_tcp_close(&out);
	l->truth->flows += 2;
}

static void
scene_haematology(struct lab *l)
{
	for (unsigned i = 0; i < 8; i++) {
		struct wire_tcp t =
		    wire_tcp_open(l->w, &l->haematology, next_port(l), &l->lis, PORT_ASTM);
		struct lab_case c = lab_case_new(l->w, 300 + i);
		struct lab_value v[5];

		lab_values(l->w, 10, 5, v);
		buf_reset(&l->a);
		lab_lis02(&l->a, l->w, &c, "NORD H300^02.14^H300-0077", v, 5);
		say_astm(l, &t, buf_bytes(&l->a));
		l->truth->results += 5;
		wire_tcp_close(&t);
		l->truth->flows++;
		pause_s(l, 180);
	}
}

static void
scene_meters(struct lab *l)
{
	struct wire_tcp t =
	    wire_tcp_open(l->w, &l->meter_dock, next_port(l), &l->middleware, PORT_POCT);

	buf_reset(&l->a);
	lab_poct_hello(&l->a, l->w, "G20", "G20-00417");
	wire_tcp_send(&t, 0, buf_bytes(&l->a));
	buf_reset(&l->a);
	lab_poct_ack(&l->a, l->w, 1);
	wire_tcp_send(&t, 1, buf_bytes(&l->a));
	l->truth->poct1a += 2;
	for (unsigned i = 0; i < 10; i++) {
		struct lab_case c = lab_case_new(l->w, 500 + i);
		char value[16];

		(void)snprintf(value, sizeof(value), "%u", 70 + (unsigned)wire_below(l->w, 180));
		buf_reset(&l->a);
		lab_poct_obs(&l->a, l->w, &c, value, 2 + i);
		wire_tcp_send(&t, 0, buf_bytes(&l->a));
		buf_reset(&l->a);
		lab_poct_ack(&l->a, l->w, 2 + i);
		wire_tcp_send(&t, 1, buf_bytes(&l->a));
		l->truth->poct1a += 2;
		l->truth->results++;
		pause_s(l, 60);
	}
	wire_tcp_close(&t);
	l->truth->flows++;
}

static void
http_exchange(struct lab *l, struct wire_tcp *t, const char *request_line, const char *extra,
    struct bytes body, const char *answer, const char *answer_body)
{
	buf_reset(&l->b);
	buf_printf(&l->b, "%s HTTP/1.1\r\nHost: lis.lab.example:8080\r\n%s", request_line, extra);
	if (body.len > 0)
		buf_printf(&l->b, "Content-Type: application/fhir+json\r\nContent-Length: %zu\r\n",
		    body.len);
	buf_text(&l->b, "\r\n");
	buf_add(&l->b, body);
	wire_tcp_send(t, 0, buf_bytes(&l->b));
	buf_reset(&l->b);
	buf_printf(&l->b,
	    "HTTP/1.1 %s\r\nServer: LabFHIR/2.1\r\nContent-Type: %s\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    answer, answer_body[0] == '{' ? "application/fhir+json" : "text/html",
	    bytes_str(answer_body).len, answer_body);
	wire_tcp_send(t, 1, buf_bytes(&l->b));
}

static void
scene_fhir(struct lab *l)
{
	struct wire_tcp t = wire_tcp_open(l->w, &l->fhir_app, next_port(l), &l->lis, PORT_HTTP);

	for (unsigned i = 0; i < 5; i++) {
		struct lab_case c = lab_case_new(l->w, 700 + i);
		struct lab_value v;

		lab_values(l->w, i, 1, &v);
		buf_reset(&l->a);
		lab_fhir(&l->a, l->w, &c, &v);
		http_exchange(l, &t, "POST /fhir/Observation",
		    "User-Agent: WardApp/4.0\r\nAuthorization: Basic d2FyZDpleGFtcGxl\r\n",
		    buf_bytes(&l->a), "201 Created",
		    "{\"resourceType\":\"OperationOutcome\",\"issue\":[]}");
		l->truth->fhir++;
		l->truth->results++;
		pause_s(l, 300);
	}
	wire_tcp_close(&t);
	l->truth->flows++;
}

static void
scene_workstation(struct lab *l)
{
	struct wire_tcp t = wire_tcp_open(l->w, &l->workstation, next_port(l), &l->lis, 80);

	http_exchange(l, &t, "GET /worklist",
	    "User-Agent: Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko\r\n",
	    (struct bytes){NULL, 0}, "200 OK", "<html>worklist</html>");
	wire_tcp_close(&t);
	l->truth->flows++;
}

static void
scene_images(struct lab *l)
{
	struct wire_tcp t = wire_tcp_open(l->w, &l->scanner, next_port(l), &l->pacs, PORT_DICOM);
	struct lab_dicom d = lab_dicom_open(&t, "NORDSCAN", "LABPACS");

	for (unsigned i = 0; i < 3; i++) {
		struct lab_case c = lab_case_new(l->w, 900 + i);

		lab_dicom_store(&d, &c, 48 * 1024);
		l->truth->dicom += 2;
	}
	lab_dicom_close(&d);
	wire_tcp_close(&t);
	l->truth->flows++;
}

/* TLS 1.0 with an old cipher: hellos by hand, nothing behind them. RFC 2246 7.4.1. */
static void
scene_old_tls(struct lab *l)
{
	static const char client[] =
	    "\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x01"
	    "0123456789abcdef0123456789abcdef\x00\x00\x04\x00\x0a\x00\x05\x01\x00";
	static const char server[] = "\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01"
				     "fedcba9876543210fedcba9876543210\x00\x00\x0a\x00";
	struct wire_tcp t = wire_tcp_open(l->w, &l->workstation, next_port(l), &l->tls_server, 443);

	wire_tcp_send(&t, 0, bytes_of(client, sizeof(client) - 1));
	wire_tcp_send(&t, 1, bytes_of(server, sizeof(server) - 1));
	wire_tcp_close(&t);
	l->truth->flows++;
}

/* Somebody looks for the serial server, which answers; then logs in to it in clear text. */
static void
scene_serial_server(struct lab *l)
{
	static const uint8_t ask[] = {0x01, 0, 0, 8, 0, 0, 0, 0};
	uint8_t answer[24] = {0x81, 0, 0, 24, 0, 0, 0, 0, 0x80, 0, 0x56, 0x10, 0x56, 0x18};
	struct wire_tcp t;

	memcpy(answer + 14, l->moxa.mac.b, 6);
	memcpy(answer + 20, l->moxa.ip.b + 12, 4);
	wire_udp(l->w, &l->stranger, next_port(l), &l->moxa, 4800, bytes_of(ask, sizeof(ask)));
	wire_udp(l->w, &l->moxa, 4800, &l->stranger, l->port, bytes_of(answer, sizeof(answer)));
	t = wire_tcp_open(l->w, &l->stranger, next_port(l), &l->moxa, 23);
	wire_tcp_send(&t, 1,
	    BYTES("\xff\xfb\x01\xff\xfb\x03\r\nModel name       : NPort 5610-8\r\n"
		  "MAC address      : 00:90:E8:10:00:32\r\nSerial No.       : 4242\r\n"
		  "Firmware version : 3.4 Build 10082316\r\n\r\nPlease keyin your password:"));
	wire_tcp_send(&t, 0, BYTES("moxa\r\n"));
	wire_tcp_send(&t, 1, BYTES("\r\n<< Main menu >>\r\n"));
	wire_tcp_close(&t);
	l->truth->flows++;
}

static void
scene_brute_force(struct lab *l)
{
	struct wire_tcp t = wire_tcp_open(l->w, &l->stranger, next_port(l), &l->lis, 21);

	wire_tcp_send(&t, 1, BYTES("220 LIS file transfer ready\r\n"));
	for (unsigned i = 0; i < 24; i++) {
		buf_reset(&l->a);
		wire_tcp_send(&t, 0, BYTES("USER admin\r\n"));
		wire_tcp_send(&t, 1, BYTES("331 Password required\r\n"));
		buf_printf(&l->a, "PASS guess%u\r\n", i);
		wire_tcp_send(&t, 0, buf_bytes(&l->a));
		wire_tcp_send(&t, 1, BYTES("530 Login incorrect\r\n"));
	}
	wire_tcp_close(&t);
	l->truth->flows++;
}

static void
scene_scan(struct lab *l)
{
	static const uint16_t ports[] = {22, 80, 104, 445, 2575, 3389};

	for (uint8_t host = 10; host <= 60; host += 2) {
		struct wire_host target = wire_host(OUI_DELL, 0, host);

		for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
			wire_tcp_refused(
			    l->w, &l->stranger, next_port(l), &target, ports[i], host % 20 == 0);
			l->truth->flows++;
		}
	}
}

/* Patient after patient is asked for. */
static void
scene_bulk_query(struct lab *l)
{
	struct wire_tcp t = wire_tcp_open(l->w, &l->stranger, next_port(l), &l->lis, PORT_HL7);

	for (unsigned i = 0; i < 60; i++) {
		char control[24], patient[16];

		(void)snprintf(patient, sizeof(patient), "SYN%07u", 1100 + i);
		buf_reset(&l->a);
		lab_query(&l->a, l->w, patient, next_control(l, control));
		wire_tcp_send(&t, 0, buf_bytes(&l->a));
		buf_reset(&l->a);
		lab_ack(&l->a, l->w, "LIS", "EXPORT", control, "AE");
		wire_tcp_send(&t, 1, buf_bytes(&l->a));
		l->truth->hl7 += 2;
	}
	wire_tcp_close(&t);
	l->truth->flows++;
}

/* A report with a program in place of a picture, and an injected retransmission. */
static void
scene_tampering(struct lab *l)
{
	struct wire_tcp t = wire_tcp_open(l->w, &l->middleware, next_port(l), &l->lis, PORT_HL7);
	struct lab_case c = lab_case_new(l->w, 950);
	struct lab_value v[2];
	char control[24];

	lab_values(l->w, 3, 2, v);
	buf_reset(&l->a);
	buf_printf(&l->a,
	    "\x0bMSH|^~\\&|MIDWARE|LAB|LIS|HOSP|20260301080000||ORU^R01^ORU_R01|%s|P|2.5.1\r"
	    "PID|1||%s^^^HOSP^MR||%s^%s\rOBR|1|%s|%s|RPT^Report^L\r"
	    "OBX|1|ED|PIC^Picture^L||NORD^IM^PNG^Base64^TVqQAAMAAAAEAAAA//"
	    "8AALgAAAA=||||||F\r\x1c\r",
	    next_control(l, control), c.patient, c.family, c.given, c.order, c.specimen);
	wire_tcp_send(&t, 0, buf_bytes(&l->a));
	buf_reset(&l->a);
	lab_ack(&l->a, l->w, "LIS", "MIDWARE", control, "AA");
	wire_tcp_send(&t, 1, buf_bytes(&l->a));
	l->truth->hl7 += 2;
	l->truth->results++;

	buf_reset(&l->a);
	lab_oru(
	    &l->a, l->w, &c, "MIDWARE", "NORD-C500", "LIS", next_control(l, control), v, 2, "F", 0);
	wire_tcp_push(&t, 0, buf_bytes(&l->a));
	buf_reset(&l->b);
	buf_add(&l->b, bytes_from(buf_bytes(&l->a), l->a.len > 300 ? l->a.len - 300 : 0));
	for (size_t i = 40; i < 60 && i < l->b.len; i++)
		l->b.ptr[i] = '9';
	wire_tcp_forge(&t, 0, buf_bytes(&l->b));
	buf_reset(&l->a);
	lab_ack(&l->a, l->w, "LIS", "MIDWARE", control, "AA");
	wire_tcp_send(&t, 1, buf_bytes(&l->a));
	l->truth->hl7 += 2;
	l->truth->results += 2;
	wire_tcp_close(&t);
	l->truth->flows++;
}

/* A machine outside the house reaches the LIS. */
static void
scene_outside(struct lab *l)
{
	struct wire_tcp t = wire_tcp_open(l->w, &l->remote, next_port(l), &l->lis, PORT_HL7);
	struct lab_case c = lab_case_new(l->w, 960);
	char control[24];

	buf_reset(&l->a);
	lab_adt(&l->a, l->w, &c, next_control(l, control));
	wire_tcp_send(&t, 0, buf_bytes(&l->a));
	buf_reset(&l->a);
	lab_ack(&l->a, l->w, "LIS", "ADT1", control, "AA");
	wire_tcp_send(&t, 1, buf_bytes(&l->a));
	l->truth->hl7 += 2;
	wire_tcp_close(&t);
	l->truth->flows++;
}

static void
scene_arp_takeover(struct lab *l)
{
	struct wire_host liar = l->stranger;

	liar.ip = l->lis.ip;
	wire_arp(l->w, &l->lis, l->lis.ip, true, &l->middleware);
	pause_s(l, 20);
	for (int i = 0; i < 6; i++) {
		wire_arp(l->w, &liar, l->lis.ip, true, &l->middleware);
		pause_s(l, 1);
	}
}

void
lab_day(struct wire *w, struct lab_truth *truth)
{
	struct lab l;

	lab_start(&l, w, truth);
	scene_addresses(&l);
	scene_workstation(&l);
	scene_haematology(&l);
	scene_chemistry(&l);
	scene_meters(&l);
	scene_fhir(&l);
	scene_images(&l);
	scene_old_tls(&l);
	pause_s(&l, 3600);
	scene_scan(&l);
	scene_serial_server(&l);
	scene_brute_force(&l);
	scene_bulk_query(&l);
	scene_outside(&l);
	scene_tampering(&l);
	scene_arp_takeover(&l);
	lab_end(&l);
}

/* --- long captures of one kind --- */

enum { CONNECTIONS = 32 };

static void
load_records(struct lab *l, uint64_t bytes)
{
	struct wire_tcp hl7[CONNECTIONS], astm[CONNECTIONS];

	for (uint8_t i = 0; i < CONNECTIONS; i++) {
		struct wire_host device = wire_host(OUI_NORD, 1, (uint8_t)(20 + i));

		hl7[i] = wire_tcp_open(l->w, &device, next_port(l), &l->lis, PORT_HL7);
		astm[i] = i % 2 == 0
			      ? wire_tcp_open(l->w, &device, next_port(l), &l->lis, PORT_ASTM)
			      : wire_tcp_join(l->w, &device, next_port(l), &l->lis, PORT_ASTM);
		l->truth->flows += 2;
	}
	for (unsigned n = 0; l->w->bytes < bytes; n++) {
		struct lab_case c = lab_case_new(l->w, n);
		struct lab_value v[12];
		size_t k = 6 + wire_below(l->w, 7);

		lab_values(l->w, wire_below(l->w, lab_tests_n), k, v);
		if (n % 5 != 4) {
			say_oru(l, &hl7[n % CONNECTIONS], &c, "NORD-C500", "LIS", v, k, "F", 2048);
			continue;
		}
		buf_reset(&l->a);
		lab_lis02(&l->a, l->w, &c, "NORD H300^02.14^H300-0077", v, k);
		say_astm(l, &astm[n / 5 % CONNECTIONS], buf_bytes(&l->a));
		l->truth->results += k;
	}
	for (size_t i = 0; i < CONNECTIONS; i++) {
		wire_tcp_close(&hl7[i]);
		wire_tcp_close(&astm[i]);
	}
}

static void
load_short(struct lab *l, uint64_t bytes)
{
	for (unsigned n = 0; l->w->bytes < bytes; n++) {
		struct wire_host device =
		    wire_host(OUI_NORD, (uint8_t)(1 + n % 4), (uint8_t)(2 + n % 200));
		struct wire_tcp t = wire_tcp_open(l->w, &device, next_port(l), &l->lis, PORT_HL7);
		struct lab_case c = lab_case_new(l->w, n);
		struct lab_value v[8];

		lab_values(l->w, wire_below(l->w, lab_tests_n), 8, v);
		say_oru(l, &t, &c, "NORD-C500", "LIS", v, 8, "F", 0);
		wire_tcp_close(&t);
		l->truth->flows++;
	}
}

static void
load_dicom(struct lab *l, uint64_t bytes)
{
	for (unsigned n = 0; l->w->bytes < bytes; n++) {
		struct wire_host device = wire_host(OUI_NORD, 2, (uint8_t)(20 + n % 12));
		struct wire_tcp t =
		    wire_tcp_open(l->w, &device, next_port(l), &l->pacs, PORT_DICOM);
		struct lab_dicom d = lab_dicom_open(&t, "NORDSCAN", "LABPACS");

		for (unsigned i = 0; i < 8; i++) {
			struct lab_case c = lab_case_new(l->w, n);

			lab_dicom_store(&d, &c, 512 * 1024);
			l->truth->dicom += 2;
		}
		lab_dicom_close(&d);
		wire_tcp_close(&t);
		l->truth->flows++;
		t = wire_tcp_open(l->w, &device, next_port(l), &l->lis, PORT_HL7);
		for (unsigned i = 0; i < 8; i++) {
			struct lab_case c = lab_case_new(l->w, n * 8 + i);
			struct lab_value v[4];

			lab_values(l->w, i, 4, v);
			say_oru(l, &t, &c, "NORD-C500", "LIS", v, 4, "F", 0);
		}
		wire_tcp_close(&t);
		l->truth->flows++;
	}
}

/* Each connection says something and then waits; more than `bytes` where these alone are more. */
static void
load_crowd(struct lab *l, uint64_t bytes)
{
	enum { DEVICES = 10000, EACH = 10, NET_FIRST = 16, NET_DEVICES = 250 };
	struct buf room = {.ptr = NULL};
	struct wire_tcp *t;

	if (!buf_reserve(&room, sizeof(*t) * DEVICES * EACH))
		return;
	t = (struct wire_tcp *)(void *)room.ptr;
	for (unsigned n = 0; n < DEVICES * EACH || l->w->bytes < bytes; n++) {
		struct wire_tcp *one = &t[n % (DEVICES * EACH)];
		unsigned device = n % DEVICES;
		struct wire_host host =
		    wire_host(OUI_NORD, (uint8_t)(NET_FIRST + device / NET_DEVICES),
			(uint8_t)(2 + device % NET_DEVICES));
		struct lab_case c = lab_case_new(l->w, n);
		struct lab_value v[1];

		if (n < DEVICES * EACH) {
			*one = wire_tcp_open(
			    l->w, &host, (uint16_t)(40000 + n / DEVICES), &l->lis, PORT_HL7);
			l->truth->flows++;
		}
		lab_values(l->w, wire_below(l->w, lab_tests_n), 1, v);
		say_oru(l, one, &c, "NORD-C500", "LIS", v, 1, "F", 0);
	}
	buf_free(&room);
}

void
lab_load(struct wire *w, enum lab_load kind, uint64_t bytes, struct lab_truth *truth)
{
	struct lab l;

	lab_start(&l, w, truth);
	switch (kind) {
	case LAB_DICOM:
		load_dicom(&l, bytes);
		break;
	case LAB_SHORT:
		load_short(&l, bytes);
		break;
	case LAB_CROWD:
		load_crowd(&l, bytes);
		break;
	default:
		load_records(&l, bytes);
	}
	lab_end(&l);
}

const char *
lab_load_name(enum lab_load kind)
{
	static const char *const names[LAB_KINDS] = {"dicom", "records", "short", "crowd"};

	return (size_t)kind < LAB_KINDS ? names[kind] : "unknown";
}
