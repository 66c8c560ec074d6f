/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/messages.h"

#include <stdio.h>

#include "base/attr.h"

const struct lab_test lab_tests[] = {
    {"GLU", "2345-7", "Glucose", "mmol/L", "3.9-5.6", 2.5, 25.0, 1},
    {"NA", "2951-2", "Sodium", "mmol/L", "136-145", 118, 160, 0},
    {"K", "2823-3", "Potassium", "mmol/L", "3.5-5.1", 2.4, 7.1, 1},
    {"CL", "2075-0", "Chloride", "mmol/L", "98-107", 85, 120, 0},
    {"CREA", "2160-0", "Creatinine", "umol/L", "59-104", 40, 420, 0},
    {"UREA", "3091-6", "Urea", "mmol/L", "2.8-8.1", 1.5, 35.0, 1},
    {"ALT", "1742-6", "Alanine aminotransferase", "U/L", "<41", 8, 320, 0},
    {"AST", "1920-8", "Aspartate aminotransferase", "U/L", "<40", 8, 290, 0},
    {"CRP", "1988-5", "C-reactive protein", "mg/L", "<5.0", 0.3, 240.0, 1},
    {"TNT", "67151-1", "Troponin T", "ng/L", "<14", 3, 900, 0},
    {"WBC", "6690-2", "Leukocytes", "10*9/L", "4.0-10.0", 1.0, 28.0, 2},
    {"RBC", "789-8", "Erythrocytes", "10*12/L", "4.2-5.9", 2.1, 6.9, 2},
    {"HGB", "718-7", "Haemoglobin", "g/L", "130-175", 62, 190, 0},
    {"HCT", "4544-3", "Haematocrit", "L/L", "0.40-0.52", 0.21, 0.6, 2},
    {"PLT", "777-3", "Platelets", "10*9/L", "150-400", 12, 680, 0},
    {"INR", "6301-6", "INR", "1", "0.9-1.1", 0.8, 6.5, 2},
};

const size_t lab_tests_n = ARRAY_LEN(lab_tests);

static const char *const families[] = {
    "Testperson", "Sample", "Synthetic", "Fixture", "Madeup", "Example", "Invented"};
static const char *const givens[] = {
    "Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel"};

struct lab_case
lab_case_new(struct wire *w, unsigned number)
{
	struct lab_case c = {.number = number};

	(void)snprintf(c.patient, sizeof(c.patient), "SYN%07u", 1000 + number % 9000000);
	(void)snprintf(
	    c.family, sizeof(c.family), "%s", families[wire_below(w, ARRAY_LEN(families))]);
	(void)snprintf(c.given, sizeof(c.given), "%s", givens[wire_below(w, ARRAY_LEN(givens))]);
	(void)snprintf(c.born, sizeof(c.born), "19%02u%02u%02u", 30 + (unsigned)wire_below(w, 70),
	    1 + (unsigned)wire_below(w, 12), 1 + (unsigned)wire_below(w, 28));
	(void)snprintf(c.specimen, sizeof(c.specimen), "S26%07u", number % 10000000);
	(void)snprintf(c.order, sizeof(c.order), "ORD%07u", number % 10000000);
	return c;
}

void
lab_values(struct wire *w, size_t first, size_t n, struct lab_value *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct lab_test *t = &lab_tests[(first + i) % lab_tests_n];
		double v = t->low + (t->high - t->low) * (double)wire_below(w, 10000) / 10000.0;

		out[i].test = (first + i) % lab_tests_n;
		(void)snprintf(out[i].text, sizeof(out[i].text), "%.*f", t->decimals, v);
	}
}

/* YYYYMMDDHHMMSS of the wire's clock. */
static const char *
stamp(const struct wire *w, char out[16])
{
	char text[WALL_TEXT_MAX];
	static const int places[14] = {0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18};

	(void)wall_format(w->now, text);
	for (size_t i = 0; i < 14; i++)
		out[i] = text[places[i]];
	out[14] = 0;
	return out;
}

static const char *
flag_of(const struct lab_test *t, const char *value, char room[4])
{
	double low = 0, high = 0, v = 0;

	(void)snprintf(room, 4, "N");
	if (sscanf(value, "%lf", &v) != 1)
		return room;
	if (sscanf(t->range, "%lf-%lf", &low, &high) == 2) {
		if (v < low)
			(void)snprintf(room, 4, "L");
		else if (v > high)
			(void)snprintf(room, 4, "H");
	} else if (sscanf(t->range, "<%lf", &high) == 1 && v >= high) {
		(void)snprintf(room, 4, "H");
	}
	return room;
}

static void
mllp_end(struct buf *out)
{
	buf_add(out, BYTES("\x1c\r"));
}

void
lab_oru(struct buf *out, struct wire *w, const struct lab_case *c, const char *app,
    const char *device, const char *to, const char *control, const struct lab_value *v, size_t n,
    const char *status, size_t min_bytes)
{
	size_t from = out->len;
	char t[16], flag[4];

	(void)stamp(w, t);
	buf_byte(out, 0x0b);
	buf_printf(out,
	    "MSH|^~\\&|%s|LAB|%s|HOSP|%s||ORU^R01^ORU_R01|%s|P|2.5.1|||AL|NE||UNICODE UTF-8\r", app,
	    to, t, control);
	buf_printf(out, "PID|1||%s^^^HOSP^MR||%s^%s||%s|U|||1 Nowhere Road^^Testtown^^00000\r",
	    c->patient, c->family, c->given, c->born);
	buf_printf(out, "ORC|RE|%s|%s-F||CM\r", c->order, c->specimen);
	buf_printf(out, "OBR|1|%s|%s|CHEM^Chemistry panel^L|||%s||||||||SER||||||||%s||%s\r",
	    c->order, c->specimen, t, t, status);
	for (size_t i = 0; i < n; i++) {
		const struct lab_test *k = &lab_tests[v[i].test];

		buf_printf(out,
		    "OBX|%zu|NM|%s^%s^LN^%s^%s^L||%s|%s|%s|%s|||%s|||%s||TECH01||%s^NORD~%s^NORD\r",
		    i + 1, k->loinc, k->name, k->code, k->name, v[i].text, k->units, k->range,
		    flag_of(k, v[i].text, flag), status, t, device, "SN0042");
	}
	for (unsigned i = 1; out->len - from + 2 < min_bytes; i++) {
		size_t left = min_bytes - (out->len - from) - 2;

		buf_printf(out, "NTE|%u|L|", i);
		for (size_t k = 0; k < 100 && k + 9 < left; k++)
			buf_byte(out, (uint8_t)('a' + (i + k) % 26));
		buf_byte(out, '\r');
	}
	mllp_end(out);
}

void
lab_ack(struct buf *out, struct wire *w, const char *app, const char *to, const char *control,
    const char *code)
{
	char t[16];

	buf_byte(out, 0x0b);
	buf_printf(out, "MSH|^~\\&|%s|HOSP|%s|LAB|%s||ACK^R01^ACK|A%s|P|2.5.1\rMSA|%s|%s\r", app,
	    to, stamp(w, t), control, code, control);
	mllp_end(out);
}

void
lab_adt(struct buf *out, struct wire *w, const struct lab_case *c, const char *control)
{
	char t[16];

	buf_byte(out, 0x0b);
	buf_printf(out, "MSH|^~\\&|ADT1|HOSP|LIS|LAB|%s||ADT^A08^ADT_A01|%s|P|2.5.1\rEVN|A08|%s\r",
	    stamp(w, t), control, t);
	buf_printf(out, "PID|1||%s^^^HOSP^MR||%s^%s||%s|U\rPV1|1|I|W1^101^1\r", c->patient,
	    c->family, c->given, c->born);
	mllp_end(out);
}

void
lab_query(struct buf *out, struct wire *w, const char *patient, const char *control)
{
	char t[16];

	buf_byte(out, 0x0b);
	buf_printf(out,
	    "MSH|^~\\&|EXPORT|X|LIS|LAB|%s||QRY^A19|%s|P|2.3\rQRD|%s|R|I|%s|||1^RD|%s|DEM\r",
	    stamp(w, t), control, t, control, patient);
	mllp_end(out);
}

void
lab_lis02(struct buf *out, struct wire *w, const struct lab_case *c, const char *sender,
    const struct lab_value *v, size_t n)
{
	char t[16], flag[4];

	(void)stamp(w, t);
	buf_printf(out, "H|\\^&|||%s|||||||P|LIS2-A2|%s\r", sender, t);
	buf_printf(out, "P|1||%s||%s^%s||%s|U\r", c->patient, c->family, c->given, c->born);
	buf_printf(out, "O|1|%s||^^^ALL|R|%s|||||||||||||||||||F\r", c->specimen, t);
	for (size_t i = 0; i < n; i++) {
		const struct lab_test *k = &lab_tests[v[i].test];

		buf_printf(out, "R|%zu|^^^%s|%s|%s|%s|%s||F||TECH01||%s\r", i + 1, k->code,
		    v[i].text, k->units, k->range, flag_of(k, v[i].text, flag), t);
	}
	buf_text(out, "L|1|N\r");
}

/* CLSI LIS01-A2 6.3: STX number text ETB or ETX checksum CR LF; the sum runs from the number to
 * ETB (the record goes on) or ETX. */
static void
add_frame(struct buf *out, unsigned number, struct bytes text, bool whole, struct lab_frames *f)
{
	unsigned sum = 0;
	size_t from;

	buf_byte(out, 0x02);
	from = out->len;
	buf_byte(out, (uint8_t)('0' + number % 8));
	buf_add(out, text);
	buf_byte(out, whole ? 0x03 : 0x17);
	for (size_t i = from; i < out->len; i++)
		sum += out->ptr[i];
	buf_printf(out, "%02X\r\n", sum & 0xff);
	f->end[f->n++] = out->len;
}

void
lab_lis01(struct buf *out, struct bytes records, struct lab_frames *f)
{
	enum { FRAME_TEXT_MAX = 240 };
	unsigned number = 1;

	f->n = 0;
	buf_byte(out, 0x05);
	while (records.len > 0) {
		struct bytes record = bytes_sub(records, 0, bytes_find(records, '\r') + 1);

		records = bytes_from(records, record.len);
		while (record.len > 0 && f->n < ARRAY_LEN(f->end)) {
			struct bytes text = bytes_sub(record, 0, FRAME_TEXT_MAX);

			record = bytes_from(record, text.len);
			add_frame(out, number++, text, record.len == 0, f);
		}
	}
	buf_byte(out, 0x04);
}

static void
poct_head(struct buf *out, struct wire *w, const char *type, unsigned control)
{
	char t[WALL_TEXT_MAX];

	(void)wall_format((struct wall){w->now.ns / NS_PER_S * NS_PER_S}, t);
	t[19] = 0;
	buf_printf(out,
	    "<%s><HDR><HDR.message_type V=\"%s\"/><HDR.control_id V=\"%u\"/>"
	    "<HDR.version_id V=\"POCT1\"/><HDR.creation_dttm V=\"%s+00:00\"/></HDR>",
	    type, type, control, t);
}

void
lab_poct_hello(struct buf *out, struct wire *w, const char *model, const char *serial)
{
	poct_head(out, w, "HEL.R01", 1);
	buf_printf(out,
	    "<DEV><DEV.device_id V=\"%s\"/><DEV.vendor_id V=\"NORD\"/><DEV.model_id V=\"%s\"/>"
	    "<DEV.serial_id V=\"%s\"/><DEV.manufacturer_name V=\"Nordlicht Diagnostics\"/>"
	    "<DEV.sw_version V=\"3.2.1\"/><DCP><DCP.application_timeout "
	    "V=\"60\"/></DCP></DEV></HEL.R01>",
	    serial, model, serial);
}

void
lab_poct_obs(
    struct buf *out, struct wire *w, const struct lab_case *c, const char *value, unsigned control)
{
	char t[WALL_TEXT_MAX];

	(void)wall_format((struct wall){w->now.ns / NS_PER_S * NS_PER_S}, t);
	t[19] = 0;
	poct_head(out, w, "OBS.R01", control);
	buf_printf(out,
	    "<SVC><SVC.role_cd V=\"OBS\"/><SVC.observation_dttm V=\"%s+00:00\"/><PT><PT.patient_id "
	    "V=\"%s\"/><OBS><OBS.observation_id V=\"2339-0\" SN=\"LN\" DN=\"Glucose\"/><OBS.value "
	    "V=\"%s\" U=\"mg/dL\"/><OBS.method_cd V=\"M\"/><OBS.status_cd V=\"A\"/>"
	    "<OBS.interpretation_cd V=\"N\"/></OBS></PT><OPR><OPR.operator_id V=\"OP07\"/></OPR>"
	    "</SVC></OBS.R01>",
	    t, c->patient, value);
}

void
lab_poct_ack(struct buf *out, struct wire *w, unsigned control)
{
	poct_head(out, w, "ACK.R01", 5000 + control);
	buf_printf(out,
	    "<ACK><ACK.type_cd V=\"AA\"/><ACK.ack_control_id V=\"%u\"/></ACK></ACK.R01>", control);
}

void
lab_fhir(struct buf *out, struct wire *w, const struct lab_case *c, const struct lab_value *v)
{
	const struct lab_test *k = &lab_tests[v->test];
	char t[WALL_TEXT_MAX];

	(void)wall_format((struct wall){w->now.ns / NS_PER_S * NS_PER_S}, t);
	buf_printf(out,
	    "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"coding\":[{"
	    "\"system\":"
	    "\"http://loinc.org\",\"code\":\"%s\",\"display\":\"%s\"}]},\"subject\":{\"reference\":"
	    "\"Patient/%s\"},\"effectiveDateTime\":\"%s\",\"specimen\":{\"reference\":\"Specimen/"
	    "%s\"},"
	    "\"valueQuantity\":{\"value\":%s,\"unit\":\"%s\",\"system\":\"http://"
	    "unitsofmeasure.org\"}}",
	    k->loinc, k->name, c->patient, t, c->specimen, v->text, k->units);
}
