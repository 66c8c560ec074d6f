/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dicom/dicom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "proto/dicom/pdu.h"
#include "proto/dicom/write.h"
#include "trace.h"

enum { TURNS_MAX = 64, MAX_LENGTH = 16384 };

#define CT_CLASS "1.2.840.10008.5.1.4.1.1.2"
#define FIND_MWL "1.2.840.10008.5.1.4.31"

/* A conversation that is being written. */
struct talk {
	struct turn turn[TURNS_MAX];
	struct buf bytes[TURNS_MAX];
	size_t n;
};

static struct buf *
say(struct talk *t, enum name_value dir)
{
	assert_true(t->n < TURNS_MAX);
	t->turn[t->n].dir = dir;
	return &t->bytes[t->n++];
}

static void
talk_free(struct talk *t)
{
	for (size_t i = 0; i < t->n; i++)
		buf_free(&t->bytes[i]);
	*t = (struct talk){0};
}

static void
finish(struct talk *t)
{
	for (size_t i = 0; i < t->n; i++)
		t->turn[i].data = buf_bytes(&t->bytes[i]);
}

static void
watch(struct trace *tr, struct talk *t)
{
	finish(t);
	trace_init(tr);
	trace_feed(tr, &dicom_protocol, t->turn, t->n, NULL, false);
}

static void
cuts(struct talk *t)
{
	finish(t);
	trace_check_cuts(&dicom_protocol, t->turn, t->n, 6);
}

static const struct dicom_offer offers[] = {
    {1, 0, DICOM_UID_VERIFICATION, {DICOM_UID_IMPLICIT}},
    {3, 0, CT_CLASS, {DICOM_UID_EXPLICIT}},
    {5, 0, FIND_MWL, {DICOM_UID_IMPLICIT}},
    {7, 0, CT_CLASS, {"1.2.840.10008.1.2.1.99"}},
    {9, 0, CT_CLASS, {"1.2.840.10008.1.2.2"}},
};

static struct dicom_association
association(bool answer)
{
	return (struct dicom_association){.answer = answer,
	    .version = 1,
	    .called = "LABPACS",
	    .calling = "SCOPE1",
	    .offers = offers,
	    .n_offers = ARRAY_LEN(offers),
	    .max_length = MAX_LENGTH,
	    .class_uid = answer ? "1.2.276.0.7230010.3.0.3.6.7" : "1.2.840.113619.6.1",
	    .version_name = answer ? "PACS_1" : "SCANNER_2"};
}

static void
associate(struct talk *t)
{
	struct dicom_association rq = association(false), ac = association(true);

	dicom_write_association(say(t, dir_orig), &rq);
	dicom_write_association(say(t, dir_resp), &ac);
}

/* What a modality stores. Synthetic. */
static void
image(struct buf *out, enum dicom_syntax sx, const char *station, size_t pixels)
{
	struct buf data = {0};

	dicom_write_element(out, sx, 0x00080005, "CS", BYTES("ISO_IR 100"));
	dicom_write_element(out, sx, 0x00080016, "UI", BYTES(CT_CLASS));
	dicom_write_element(out, sx, 0x00080018, "UI", BYTES("1.2.3.4"));
	dicom_write_element(out, sx, 0x00080050, "SH", BYTES("ACC-77"));
	dicom_write_element(out, sx, 0x00080060, "CS", BYTES("SM"));
	dicom_write_element(out, sx, 0x00080070, "LO", BYTES("Lens Works"));
	dicom_write_element(out, sx, 0x00080080, "LO", BYTES("Test Lab"));
	dicom_write_element(out, sx, 0x00081010, "SH", bytes_str(station));
	dicom_write_element(out, sx, 0x00081090, "LO", BYTES("Scan 9"));
	dicom_write_element(out, sx, 0x00100010, "PN", BYTES("TEST^PERSON"));
	dicom_write_element(out, sx, 0x00100020, "LO", BYTES("P0001"));
	dicom_write_element(out, sx, 0x00100030, "DA", BYTES(""));
	dicom_write_element(out, sx, 0x00181000, "LO", BYTES("SN-5"));
	dicom_write_element(out, sx, 0x00181020, "LO", BYTES("4.1"));
	dicom_write_element(out, sx, 0x0020000d, "UI", BYTES("1.2.3.5"));
	dicom_write_element(out, sx, 0x00400512, "LO", BYTES("SLIDE-3"));
	for (size_t i = 0; i < pixels; i++)
		buf_byte(&data, (uint8_t)(i * 7));
	dicom_write_element(out, sx, 0x7fe00010, "OW", buf_bytes(&data));
	buf_free(&data);
}

static void
store(struct buf *out, uint8_t context, uint16_t id, struct bytes data, const char *originator)
{
	struct dicom_command_spec c = {.command = DIMSE_C_STORE,
	    .id = id,
	    .class_uid = CT_CLASS,
	    .instance_uid = "1.2.3.4",
	    .has_data = true,
	    .originator = originator};

	dicom_write_message(out, context, &c, data, 200);
}

static void
answer(struct buf *out, uint8_t context, uint16_t command, uint16_t id, uint16_t status)
{
	struct dicom_command_spec c = {
	    .command = command | DIMSE_ANSWER, .id = id, .class_uid = CT_CLASS, .status = status};

	dicom_write_message(out, context, &c, (struct bytes){0}, MAX_LENGTH);
}

static void
echo(struct buf *out, uint16_t id)
{
	struct dicom_command_spec c = {
	    .command = DIMSE_C_ECHO, .id = id, .class_uid = DICOM_UID_VERIFICATION};

	dicom_write_message(out, 1, &c, (struct bytes){0}, MAX_LENGTH);
}

static void
release(struct talk *t)
{
	dicom_write_release(say(t, dir_orig), false);
	dicom_write_release(say(t, dir_resp), true);
}

static void
whole_conversation(void **state)
{
	struct dicom_command_spec find = {
	    .command = DIMSE_C_FIND, .id = 3, .class_uid = FIND_MWL, .has_data = true};
	struct buf data = {0}, key = {0};
	struct talk t = {0};
	struct trace tr;

	(void)state;
	image(&data, SYNTAX_EXPLICIT, "SCOPE1", 3000);
	dicom_write_element(&key, SYNTAX_IMPLICIT, 0x00100020, "LO", BYTES("P0001"));
	associate(&t);
	echo(say(&t, dir_orig), 1);
	answer(say(&t, dir_resp), 1, DIMSE_C_ECHO, 1, 0);
	store(say(&t, dir_orig), 3, 2, buf_bytes(&data), NULL);
	answer(say(&t, dir_resp), 3, DIMSE_C_STORE, 2, 0xa700);
	dicom_write_message(say(&t, dir_orig), 5, &find, buf_bytes(&key), MAX_LENGTH);
	find.command |= DIMSE_ANSWER;
	find.status = 0xff00;
	dicom_write_message(say(&t, dir_resp), 5, &find, buf_bytes(&key), 60);
	answer(say(&t, dir_resp), 5, DIMSE_C_FIND, 3, 0);
	release(&t);
	watch(&tr, &t);
	assert_int_equal(tr.n_kind[EV_message], 7);
	assert_int_equal(tr.n_kind[EV_anomaly], 0);
	assert_int_equal(tr.observer.units[UNIT_dicom_associations], 1);
	assert_int_equal(trace_count(&tr, "\"type\":\"C-ECHO-RQ\",\"version\":\"SCANNER_2\","
					  "\"sender\":\"SCOPE1\",\"receiver\":\"LABPACS\""),
	    1);
	assert_int_equal(trace_count(&tr, "\"category\":\"image\""), 1);
	assert_int_equal(trace_count(&tr, "\"type\":\"C-STORE-RSP\",\"version\":\"PACS_1\""), 1);
	assert_int_equal(trace_count(&tr, "\"ack\":\"A700\""), 1);
	assert_int_equal(trace_count(&tr, "\"category\":\"query\""), 1);
	assert_int_equal(trace_count(&tr, "\"category\":\"query_answer\""), 2);
	/* Accession, institution, station, name and id; the birth date is empty. */
	assert_int_equal(trace_count(&tr, "\"phi\":5,"), 1);
	assert_int_equal(trace_count(&tr, "\"specimen\":"), 1);
	assert_int_equal(trace_count(&tr, "\"flags\":0"), 7);
	/* The sender's AE title is the station's name: the claims are about it. */
	assert_int_equal(trace_count(&tr, "\"value\":\"Lens Works\",\"source\":\"DICOM 0008,0070\","
					  "\"confidence\":80,\"behind\":0"),
	    1);
	assert_int_equal(trace_count(&tr, "\"attr\":\"maker\",\"value\":\"GE\""), 1);
	assert_int_equal(trace_count(&tr, "\"attr\":\"application\",\"value\":\"OFFIS DCMTK\""), 1);
	/* Nothing that names a person or a specimen leaves the parser. */
	assert_int_equal(trace_count(&tr, "TEST^PERSON"), 0);
	assert_int_equal(trace_count(&tr, "P0001"), 0);
	assert_int_equal(trace_count(&tr, "ACC-77"), 0);
	assert_int_equal(trace_count(&tr, "SLIDE-3"), 0);
	trace_free(&tr);
	cuts(&t);
	talk_free(&t);
	buf_free(&data);
	buf_free(&key);
}

static void
every_syntax_reads_the_same(void **state)
{
	static const struct {
		uint8_t context;
		enum dicom_syntax written;
		size_t anomalies;
	} rows[] = {
	    {3, SYNTAX_EXPLICIT, 0},
	    {9, SYNTAX_BIG, 0},
	    {1, SYNTAX_IMPLICIT, 0},
	    {3, SYNTAX_IMPLICIT, 1}, /* not as agreed: told, and read as it is */
	    {3, SYNTAX_BIG, 1},
	    {1, SYNTAX_EXPLICIT, 1},
	    {9, SYNTAX_EXPLICIT, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf data = {0};
		struct talk t = {0};
		struct trace tr;

		image(&data, rows[i].written, "OTHER", 500);
		associate(&t);
		store(say(&t, dir_orig), rows[i].context, 1, buf_bytes(&data), NULL);
		watch(&tr, &t);
		assert_int_equal(trace_count(&tr, "\"name\":\"dicom_syntax\""), rows[i].anomalies);
		assert_int_equal(tr.n_kind[EV_anomaly], rows[i].anomalies);
		assert_int_equal(trace_count(&tr, "\"phi\":5,"), 1);
		/* Another station's name: the device stands behind the sender. */
		assert_int_equal(trace_count(&tr, "\"value\":\"SN-5\",\"source\":\"DICOM "
						  "0018,1000\",\"confidence\":75,\"behind\":1"),
		    1);
		trace_free(&tr);
		cuts(&t);
		talk_free(&t);
		buf_free(&data);
	}
}

static void
forwarded_images(void **state)
{
	struct buf one = {0}, two = {0};
	struct talk t = {0};
	struct trace tr;

	(void)state;
	image(&one, SYNTAX_EXPLICIT, "SCOPE1", 10);
	image(&two, SYNTAX_EXPLICIT, "SCOPE2", 10);
	associate(&t);
	store(say(&t, dir_orig), 3, 1, buf_bytes(&one), "MOVER");
	store(say(&t, dir_orig), 3, 2, buf_bytes(&one), "MOVER");
	store(say(&t, dir_orig), 3, 3, buf_bytes(&two), NULL);
	store(say(&t, dir_resp), 3, 3, buf_bytes(&two), NULL); /* as in C-GET */
	watch(&tr, &t);
	assert_int_equal(tr.n_kind[EV_message], 4);
	/* A sub-operation is not the archive's own image; the repeat is not claimed again. */
	assert_int_equal(trace_count(&tr, "DICOM 0018,1000"), 3);
	assert_int_equal(trace_count(&tr, "\"source\":\"DICOM 0018,1000\",\"confidence\":75,"
					  "\"behind\":1"),
	    3);
	trace_free(&tr);
	cuts(&t);
	talk_free(&t);
	buf_free(&one);
	buf_free(&two);
}

static void
udi_and_document(void **state)
{
	struct buf data = {0}, item = {0}, sequence = {0};
	struct talk t = {0};
	struct trace tr;

	(void)state;
	/* UDI sequence of undefined length, item of defined length. */
	dicom_write_element(&item, SYNTAX_EXPLICIT, 0x00181009, "UT", BYTES("(01)0123(21)9"));
	buf_add(&sequence, BYTES("\x18\0\x0a\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0"));
	buf_byte(&sequence, (uint8_t)item.len);
	buf_add(&sequence, BYTES("\0\0\0"));
	buf_add(&sequence, buf_bytes(&item));
	buf_add(&sequence, BYTES("\xfe\xff\xdd\xe0\0\0\0\0"));
	buf_add(&data, buf_bytes(&sequence));
	dicom_write_element(
	    &data, SYNTAX_EXPLICIT, 0x00420011, "OB", BYTES("MZ\x90\0 not what it says"));
	dicom_write_element(&data, SYNTAX_EXPLICIT, 0x00420012, "LO", BYTES("application/pdf"));
	associate(&t);
	store(say(&t, dir_orig), 3, 1, buf_bytes(&data), NULL);
	watch(&tr, &t);
	assert_int_equal(tr.n_kind[EV_anomaly], 0);
	assert_int_equal(trace_count(&tr, "\"attr\":\"udi\",\"value\":\"(01)0123(21)9\""), 1);
	assert_int_equal(trace_count(&tr, "\"place\":\"DICOM 0042,0011\",\"media\":\"application/"
					  "pdf\",\"magic\":\"windows_executable\""),
	    1);
	trace_free(&tr);
	cuts(&t);
	talk_free(&t);
	buf_free(&data);
	buf_free(&item);
	buf_free(&sequence);
}

static void
user_identities(void **state)
{
	static const struct {
		uint8_t type;
		const char *user, *secret;
		size_t credentials;
		const char *text;
	} rows[] = {
	    {1, "ann", "", 0, NULL},
	    {2, "admin", "hunter2", 1, "\"account\":\"admin\""},
	    {2, "ann", "hunter2", 1, "\"scheme\":\"user identity 2\""},
	    {3, "ticket-bytes", "", 1, "\"scheme\":\"user identity 3\""},
	    {4, "<saml/>", "", 1, "\"scheme\":\"user identity 4\""},
	    {5, "eyJ.x.y", "", 1, "\"scheme\":\"user identity 5\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dicom_association rq = association(false), ac = association(true);
		struct talk t = {0};
		struct trace tr;

		rq.user_type = rows[i].type;
		rq.user = rows[i].user;
		rq.secret = rows[i].secret;
		dicom_write_association(say(&t, dir_orig), &rq);
		if (i % 2 == 0)
			dicom_write_association(say(&t, dir_resp), &ac);
		else
			dicom_write_rejection(say(&t, dir_resp), 1, 1, 3);
		watch(&tr, &t);
		assert_int_equal(tr.n_kind[EV_credential], rows[i].credentials);
		if (rows[i].text != NULL)
			assert_int_equal(trace_count(&tr, rows[i].text), 1);
		assert_int_equal(trace_count(&tr, i % 2 == 0 ? "\"outcome\":\"success\""
							     : "\"outcome\":\"failure\""),
		    1);
		assert_int_equal(trace_count(&tr, "hunter2"), 0);
		assert_int_equal(trace_count(&tr, "ticket-bytes"), 0);
		assert_int_equal(trace_count(&tr, "\"ann\""), 0);
		trace_free(&tr);
		cuts(&t);
		talk_free(&t);
	}
}

/* --- hostile and wrong: each case names what must be told; the echo behind it must be read --- */

struct wrong {
	const char *name; /* anomaly that is told */
	void (*make)(struct talk *t);
	size_t messages;
};

static struct buf *
edited_rq(struct talk *t)
{
	struct dicom_association rq = association(false);
	struct buf *b = say(t, dir_orig);

	dicom_write_association(b, &rq);
	return b;
}

/* Offset of an item of this type in the associate PDU. */
static size_t
item_at(const struct buf *b, uint8_t type)
{
	const uint8_t key[2] = {type, 0};
	size_t at = 74 + bytes_find_seq(bytes_from(buf_bytes(b), 74), bytes_of(key, 2));

	assert_true(at < b->len);
	return at;
}

static void
rest(struct talk *t)
{
	struct dicom_association ac = association(true);

	dicom_write_association(say(t, dir_resp), &ac);
	echo(say(t, dir_orig), 1);
}

#define RAW(t, dir, lit) buf_add(say((t), (dir)), BYTES(lit))

static void
make_version(struct talk *t)
{
	edited_rq(t)->ptr[7] = 2;
	rest(t);
}

static void
make_short_associate(struct talk *t)
{
	RAW(t, dir_orig, "\1\0\0\0\0\4\0\1\0\0");
	associate(t);
	echo(say(t, dir_orig), 1);
}

static void
make_huge_associate(struct talk *t)
{
	RAW(t, dir_orig,
	    "\1\0\xff\xff\xff\xff"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	associate(t);
	echo(say(t, dir_orig), 1);
}

static void
make_huge_data(struct talk *t)
{
	associate(t);
	RAW(t, dir_orig, "\4\0\xff\xff\xff\xf0\0\0\0\x08\1\3");
	echo(say(t, dir_orig), 1);
}

static void
make_unknown_type(struct talk *t)
{
	associate(t);
	RAW(t, dir_orig, "\x09\0\0\0\0\4\4\0\0\0");
	echo(say(t, dir_orig), 1);
}

static void
make_junk(struct talk *t)
{
	associate(t);
	RAW(t, dir_orig, "GET / HTTP/1.0\r\n\r\n\4\0\0\0\0\1\1\1\1");
	echo(say(t, dir_orig), 1);
}

static void
make_outside(struct talk *t)
{
	echo(say(t, dir_orig), 1);
}

static void
make_release_outside(struct talk *t)
{
	dicom_write_release(say(t, dir_orig), false);
	associate(t);
	echo(say(t, dir_orig), 1);
}

static void
make_past_end(struct talk *t)
{
	struct buf *b = edited_rq(t);

	b->ptr[76] = b->ptr[77] = 0xff;
	rest(t);
}

static void
make_sub_past_end(struct talk *t)
{
	struct buf *b = edited_rq(t);

	b->ptr[item_at(b, 0x55) + 3] = 200;
	rest(t);
}

static void
make_long_name(struct talk *t)
{
	struct dicom_association rq = association(false);

	rq.version_name = "SEVENTEEN_LETTERS";
	dicom_write_association(say(t, dir_orig), &rq);
	rest(t);
}

static void
make_long_uid(struct talk *t)
{
	struct dicom_association rq = association(false);

	rq.class_uid = "1.2.34567890123456789012345678901234567890123456789012345678901234";
	dicom_write_association(say(t, dir_orig), &rq);
	rest(t);
}

static void
make_bad_uid(struct talk *t)
{
	struct dicom_association rq = association(false);

	rq.class_uid = "1.2.x";
	dicom_write_association(say(t, dir_orig), &rq);
	rest(t);
}

static void
make_ae_zeros(struct talk *t)
{
	memset(edited_rq(t)->ptr + 10 + 7, 0, 9);
	rest(t);
}

static void
make_ae_empty(struct talk *t)
{
	memset(edited_rq(t)->ptr + 26, ' ', 16);
	rest(t);
}

static void
make_unknown_item(struct talk *t)
{
	struct buf *b = edited_rq(t);

	buf_add(b, BYTES("\x99\0\0\3zzz"));
	b->ptr[5] = (uint8_t)(b->ptr[5] + 7);
	rest(t);
}

static void
make_item_length(struct talk *t)
{
	struct buf *b = edited_rq(t);

	/* Max length of 2 bytes, then two bytes that are no item. */
	b->ptr[item_at(b, 0x51) + 3] = 2;
	rest(t);
}

static void
make_identity_cut(struct talk *t)
{
	struct dicom_association rq = association(false);
	struct buf *b = say(t, dir_orig);

	rq.user_type = 2;
	rq.user = "ann";
	rq.secret = "x";
	dicom_write_association(b, &rq);
	b->ptr[item_at(b, 0x58) + 6] = 0x7f;
	rest(t);
}

static void
make_even_context(struct talk *t)
{
	struct buf *b = edited_rq(t);

	b->ptr[item_at(b, 0x20) + 4] = 2;
	rest(t);
}

static void
make_missing(struct talk *t)
{
	struct dicom_association rq = association(false);

	rq.n_offers = 0;
	dicom_write_association(say(t, dir_orig), &rq);
	rest(t);
}

static void
make_application(struct talk *t)
{
	struct buf *b = edited_rq(t);

	b->ptr[item_at(b, 0x10) + 4 + 20] = '9';
	rest(t);
}

static void
make_reserved(struct talk *t)
{
	edited_rq(t)->ptr[1] = 1;
	rest(t);
}

static void
make_again(struct talk *t)
{
	associate(t);
	associate(t);
	echo(say(t, dir_orig), 1);
}

static void
make_answer_by_asker(struct talk *t)
{
	struct dicom_association ac = association(true);

	edited_rq(t);
	dicom_write_association(say(t, dir_orig), &ac);
	rest(t);
}

static void
make_rejected(struct talk *t)
{
	edited_rq(t);
	dicom_write_rejection(say(t, dir_resp), 1, 1, 7);
}

static void
make_aborted(struct talk *t)
{
	struct buf data = {0};

	image(&data, SYNTAX_EXPLICIT, "X", 5000);
	associate(t);
	store(say(t, dir_orig), 3, 1, bytes_sub(buf_bytes(&data), 0, 600), NULL);
	t->bytes[t->n - 1].len -= 100; /* inside the last P-DATA */
	dicom_write_abort(say(t, dir_resp), 2, 1);
	buf_free(&data);
}

static void
make_after_end(struct talk *t)
{
	make_rejected(t);
	echo(say(t, dir_orig), 1);
}

static void
make_pdv_zero(struct talk *t)
{
	associate(t);
	RAW(t, dir_orig, "\4\0\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0");
	echo(say(t, dir_orig), 1);
}

static void
make_pdv_past(struct talk *t)
{
	associate(t);
	RAW(t, dir_orig, "\4\0\0\0\0\x0a\0\0\0\xff\1\3\0\0\0\0");
	echo(say(t, dir_orig), 1);
}

static void
make_pdv_no_room(struct talk *t)
{
	associate(t);
	RAW(t, dir_orig, "\4\0\0\0\0\x03\0\0\0");
	echo(say(t, dir_orig), 1);
}

static void
make_context(struct talk *t)
{
	struct dicom_command_spec c = {.command = DIMSE_C_ECHO, .id = 9};

	associate(t);
	dicom_write_message(say(t, dir_orig), 99, &c, (struct bytes){0}, MAX_LENGTH);
}

static void
make_over_max(struct talk *t)
{
	struct buf data = {0};

	image(&data, SYNTAX_EXPLICIT, "X", MAX_LENGTH);
	associate(t);
	dicom_write_message(say(t, dir_orig), 3,
	    &(struct dicom_command_spec){.command = DIMSE_C_STORE, .id = 1, .has_data = true},
	    buf_bytes(&data), 1 << 20);
	buf_free(&data);
}

static void
command_of(struct talk *t, uint32_t tag, const char *value, size_t n)
{
	struct buf set = {0};

	dicom_write_element(&set, SYNTAX_IMPLICIT, 0, "UL", BYTES("\x10\0\0\0"));
	dicom_write_element(&set, SYNTAX_IMPLICIT, tag, "US", bytes_of(value, n));
	associate(t);
	dicom_write_pdata(say(t, dir_orig), 1, true, buf_bytes(&set), MAX_LENGTH);
	echo(say(t, dir_orig), 1);
	buf_free(&set);
}

static void
make_no_command(struct talk *t)
{
	command_of(t, 0x00000110, "\1\0", 2);
}

static void
make_wide_number(struct talk *t)
{
	command_of(t, 0x00000100, "\x30\0\0\0", 4);
}

static void
make_unknown_command(struct talk *t)
{
	associate(t);
	dicom_write_message(say(t, dir_orig), 1,
	    &(struct dicom_command_spec){.command = 0x0777, .id = 1}, (struct bytes){0},
	    MAX_LENGTH);
}

static void
make_unexpected_data(struct talk *t)
{
	associate(t);
	dicom_write_pdata(say(t, dir_orig), 3, false, BYTES("\x08\0\x05\0CS\0\0"), MAX_LENGTH);
	echo(say(t, dir_orig), 1);
}

static void
make_interleaved(struct talk *t)
{
	associate(t);
	store(say(t, dir_orig), 3, 1, BYTES("\x08\0\x05\0CS\0\0"), NULL);
	t->bytes[t->n - 1].ptr[t->bytes[t->n - 1].len - 9] = 0; /* not the last fragment */
	echo(say(t, dir_orig), 1);
}

static void
data_of(struct talk *t, struct bytes data)
{
	associate(t);
	store(say(t, dir_orig), 3, 1, data, NULL);
	echo(say(t, dir_orig), 2);
}

static void
make_order(struct talk *t)
{
	data_of(t, BYTES("\x08\0\x60\0CS\2\0SM\x08\0\x05\0CS\0\0"));
}

static void
make_set_cut(struct talk *t)
{
	data_of(t, BYTES("\x08\0\x60\0CS\x20\0SM"));
}

static void
make_item_alone(struct talk *t)
{
	data_of(t, BYTES("\x08\0\x60\0CS\2\0SM\xfe\xff\0\xe0\0\0\0\0"));
}

static void
make_odd(struct talk *t)
{
	data_of(t, BYTES("\x08\0\x60\0CS\3\0SM "));
}

static void
make_vr(struct talk *t)
{
	data_of(t, BYTES("\x08\0\x05\0CS\0\0\x08\0\x60\0ZZ\0\0\2\0\0\0SM"));
}

static void
make_depth(struct talk *t)
{
	struct buf data = {0};

	for (int i = 0; i < 40; i++) {
		buf_add(&data, BYTES("\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff"));
		buf_add(&data, BYTES("\xfe\xff\0\xe0\xff\xff\xff\xff"));
	}
	data_of(t, buf_bytes(&data));
	buf_free(&data);
}

static void
make_deflate(struct talk *t)
{
	associate(t);
	store(say(t, dir_orig), 7, 1, BYTES("\xff\xff\xff\xff not deflated"), NULL);
	echo(say(t, dir_orig), 2);
}

static void
make_unasked(struct talk *t)
{
	struct dicom_association rq = association(false), ac = association(true);

	rq.n_offers = 1;
	dicom_write_association(say(t, dir_orig), &rq);
	dicom_write_association(say(t, dir_resp), &ac);
	echo(say(t, dir_orig), 1);
}

static void
make_unfinished(struct talk *t)
{
	edited_rq(t)->len = 40;
}

static void
wrong_things_are_named(void **state)
{
	static const struct wrong rows[] = {
	    {"dicom_version", make_version, 1},
	    {"dicom_pdu_length", make_short_associate, 1},
	    {"dicom_pdu_length", make_huge_associate, 1},
	    {"dicom_resync", make_huge_associate, 1},
	    {"dicom_pdu_length", make_huge_data, 1},
	    {"dicom_pdu_type", make_unknown_type, 1},
	    {"dicom_pdu_type", make_junk, 1},
	    {"dicom_resync", make_junk, 1},
	    {"dicom_outside", make_outside, 1},
	    {"dicom_outside", make_release_outside, 1},
	    {"dicom_item_past_end", make_past_end, 1},
	    {"dicom_item_past_end", make_sub_past_end, 1},
	    {"dicom_string_long", make_long_name, 1},
	    {"dicom_string_long", make_long_uid, 1},
	    {"dicom_uid", make_bad_uid, 1},
	    {"dicom_ae_title", make_ae_zeros, 1},
	    {"dicom_ae_title", make_ae_empty, 1},
	    {"dicom_item_unknown", make_unknown_item, 1},
	    {"dicom_item_length", make_item_length, 1},
	    {"dicom_item_length", make_identity_cut, 1},
	    {"dicom_context_id", make_even_context, 1},
	    {"dicom_item_missing", make_missing, 1},
	    {"dicom_application_context", make_application, 1},
	    {"dicom_reserved", make_reserved, 1},
	    {"dicom_associated", make_again, 1},
	    {"dicom_answer", make_answer_by_asker, 1},
	    {"dicom_rejected", make_rejected, 0},
	    {"dicom_aborted", make_aborted, 1},
	    {"dicom_after_end", make_after_end, 1},
	    {"dicom_pdv_length", make_pdv_zero, 1},
	    {"dicom_pdv_length", make_pdv_past, 1},
	    {"dicom_pdv_length", make_pdv_no_room, 1},
	    {"dicom_context", make_context, 1},
	    {"dicom_pdu_over_max", make_over_max, 1},
	    {"dicom_command", make_no_command, 1},
	    {"dicom_command", make_wide_number, 1},
	    {"dicom_command_unknown", make_unknown_command, 1},
	    {"dicom_data_unexpected", make_unexpected_data, 1},
	    {"dicom_interleaved", make_interleaved, 2},
	    {"dicom_element_order", make_order, 2},
	    {"dicom_element_length", make_set_cut, 2},
	    {"dicom_element_length", make_item_alone, 2},
	    {"dicom_element_odd", make_odd, 2},
	    {"dicom_vr", make_vr, 2},
	    {"dicom_depth", make_depth, 2},
	    {"dicom_deflate", make_deflate, 2},
	    {"dicom_unasked", make_unasked, 1},
	    {"dicom_pdu_unfinished", make_unfinished, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct talk t = {0};
		struct trace tr;
		char key[64];

		rows[i].make(&t);
		watch(&tr, &t);
		(void)snprintf(key, sizeof(key), "\"name\":\"%s\"", rows[i].name);
		if (trace_count(&tr, key) != 1 || tr.n_kind[EV_message] != rows[i].messages)
			fail_msg("row %zu %s:\n%s", i, rows[i].name, trace_text(&tr));
		trace_free(&tr);
		cuts(&t);
		talk_free(&t);
	}
}

/* Any hole in the stream: what can be told is told and flagged, later messages are found again. */
static void
holes(void **state)
{
	struct buf data = {0}, orig = {0};
	struct talk t = {0};
	struct trace tr;
	size_t cut_seen = 0, late_seen = 0;

	(void)state;
	image(&data, SYNTAX_EXPLICIT, "SCOPE1", 700);
	associate(&t);
	store(&orig, 3, 1, buf_bytes(&data), NULL);
	echo(&orig, 2);
	for (size_t at = 0; at + 300 < orig.len - 90; at += 17) {
		struct turn turns[4] = {t.turn[0], t.turn[1]};
		size_t hole = 1 + at % 280;

		turns[0].data = buf_bytes(&t.bytes[0]);
		turns[1].data = buf_bytes(&t.bytes[1]);
		turns[2] = (struct turn){dir_orig, bytes_sub(buf_bytes(&orig), 0, at), 0};
		turns[3] = (struct turn){dir_orig, bytes_from(buf_bytes(&orig), at + hole), hole};
		if (at == 0)
			turns[2] = (struct turn){dir_orig, BYTES("\x09\0\0\0\0\0"), 0};
		trace_init(&tr);
		trace_feed(&tr, &dicom_protocol, turns, 4, NULL, false);
		cut_seen += trace_count(&tr, "\"flags\":1");
		late_seen += trace_count(&tr, "C-ECHO-RQ");
		assert_true(trace_count(&tr, "C-ECHO-RQ") == 1);
		trace_free(&tr);
		if (at % 5 == 0)
			trace_check_cuts(&dicom_protocol, turns, 4, 1);
	}
	assert_true(cut_seen > 30 && late_seen > 30);
	talk_free(&t);
	buf_free(&data);
	buf_free(&orig);
}

static void
answers_to_nothing(void **state)
{
	struct talk t = {0};
	struct trace tr;

	(void)state;
	associate(&t);
	echo(say(&t, dir_orig), 1);
	answer(say(&t, dir_resp), 1, DIMSE_C_ECHO, 1, 0);
	answer(say(&t, dir_resp), 1, DIMSE_C_ECHO, 1, 0);
	answer(say(&t, dir_resp), 1, DIMSE_C_ECHO, 7, 0);
	watch(&tr, &t);
	assert_int_equal(trace_count(&tr, "\"flags\":32"), 2);
	trace_free(&tr);
	talk_free(&t);
}

/* A tap that sees one side only still gives that side's messages. */
static void
one_way(void **state)
{
	struct buf data = {0};

	(void)state;
	image(&data, SYNTAX_BIG, "SCOPE1", 100);
	for (int side = 0; side < 2; side++) {
		struct talk t = {0};
		struct trace tr;

		associate(&t);
		t.n = side == 0 ? 1 : 2;
		buf_reset(&t.bytes[1 - side]);
		store(say(&t, side == 0 ? dir_orig : dir_resp), 9, 1, buf_bytes(&data), NULL);
		watch(&tr, &t);
		assert_int_equal(tr.n_kind[EV_anomaly], 0);
		assert_int_equal(trace_count(&tr, "\"phi\":5,"), 1);
		trace_free(&tr);
		cuts(&t);
		talk_free(&t);
	}
	buf_free(&data);
}

/* One bit or one length wrong anywhere: never a crash, and any cut gives the same. */
static void
mutations(void **state)
{
	struct rng rng = rng_new(4242);
	struct buf data = {0};

	(void)state;
	image(&data, SYNTAX_EXPLICIT, "SCOPE1", 100);
	for (int i = 0; i < 200; i++) {
		struct talk t = {0};

		associate(&t);
		store(say(&t, dir_orig), 3, 1, buf_bytes(&data), NULL);
		answer(say(&t, dir_resp), 3, DIMSE_C_STORE, 1, 0);
		store(say(&t, dir_orig), 9, 2, buf_bytes(&data), NULL);
		release(&t);
		for (size_t k = 1 + rng_below(&rng, 6); k > 0; k--) {
			struct buf *b = &t.bytes[rng_below(&rng, t.n)];
			size_t at = rng_below(&rng, b->len);

			if (rng_below(&rng, 8) == 0)
				b->len -= rng_below(&rng, b->len);
			else if (rng_below(&rng, 3) == 0)
				b->ptr[at] = (uint8_t)rng_next(&rng);
			else
				b->ptr[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
		}
		finish(&t);
		trace_check_cuts(&dicom_protocol, t.turn, t.n, 1);
		talk_free(&t);
	}
	buf_free(&data);
}

/* --- recognition --- */

static enum probe
probe(struct bytes orig, struct bytes resp, uint16_t port, bool ended)
{
	struct probe_view v = {{orig, resp}, {40000, port}, ended};

	return dicom_protocol.probe(&v);
}

static void
probes(void **state)
{
	struct dicom_association rq = association(false), ac = association(true);
	struct buf a = {0}, b = {0}, m = {0}, big = {0};
	struct bytes none = {NULL, 0};

	(void)state;
	dicom_write_association(&a, &rq);
	dicom_write_association(&b, &ac);
	echo(&m, 1);
	dicom_write_pdata(&big, 3, false, BYTES("\x08\0\x05\0CS\0\0"), 64);
	assert_int_equal(probe(none, none, 104, false), PROBE_MAYBE);
	assert_int_equal(probe(none, none, 104, true), PROBE_NO);
	for (size_t n = 1; n < 76; n++)
		assert_int_equal(
		    probe(bytes_sub(buf_bytes(&a), 0, n), none, 4000, false), PROBE_MAYBE);
	assert_int_equal(probe(bytes_sub(buf_bytes(&a), 0, 76), none, 4000, false), PROBE_YES);
	assert_int_equal(probe(none, buf_bytes(&b), 4000, false), PROBE_YES);
	assert_int_equal(probe(bytes_sub(buf_bytes(&a), 0, 40), none, 4000, true), PROBE_YES);
	assert_int_equal(probe(bytes_sub(buf_bytes(&a), 0, 20), none, 4000, true), PROBE_NO);
	assert_int_equal(probe(buf_bytes(&m), none, 4000, false), PROBE_YES); /* joined later */
	assert_int_equal(probe(none, buf_bytes(&m), 4000, false), PROBE_YES);
	/* A fragment of a data set alone says little, two in a row say enough. */
	assert_int_equal(probe(buf_bytes(&big), none, 4000, false), PROBE_MAYBE);
	buf_add(&big, buf_bytes(&m));
	assert_int_equal(probe(buf_bytes(&big), none, 4000, false), PROBE_YES);
	/* Damaged starts count on a DICOM port only. */
	assert_int_equal(probe(BYTES("\1\0\xff\xff\xff\xff"
				     "AAAAAAAA"),
			     none, 4000, true),
	    PROBE_NO);
	assert_int_equal(probe(BYTES("\1\0\xff\xff\xff\xff"
				     "AAAAAAAA"),
			     none, 104, false),
	    PROBE_YES);
	assert_int_equal(probe(BYTES("\x09\0\0\0\0\4AAAA"), none, 104, true), PROBE_YES);
	assert_int_equal(probe(BYTES("\x09\0\0\0\0\4AAAA"), none, 4000, true), PROBE_NO);
	assert_int_equal(probe(BYTES("\4\0\0\0\0\x14\0\0\0\0\0\0\0\0\0\0"),
			     BYTES("\7\0\0\0\0\4\0\0\0\0"), 4000, false),
	    PROBE_YES);
	/* Other protocols. */
	assert_int_equal(probe(BYTES("GET / HTTP/1.0\r\n"), none, 104, true), PROBE_NO);
	assert_int_equal(probe(BYTES("\x16\3\1\2\0\1\0\1\xfc\3\3"), none, 104, false), PROBE_NO);
	assert_int_equal(probe(BYTES("\5"), BYTES("\6"), 4000, true), PROBE_NO);
	assert_int_equal(probe(BYTES("\x0bMSH|^~\\&|"), none, 104, false), PROBE_NO);
	assert_int_equal(probe(BYTES("\1\0\0\0\0\x0d\0\0\0\0\0\0"), none, 502, false), PROBE_NO);
	assert_int_equal(probe(BYTES("\3\0\0\x13\x0e\xe0\0\0\0\0\0"), none, 3389, true), PROBE_NO);
	buf_free(&a);
	buf_free(&b);
	buf_free(&m);
	buf_free(&big);
}

/* --- decode --- */

static void
decoded(void **state)
{
	struct dicom_association rq = association(false);
	struct buf stream = {0}, out = {0}, data = {0};
	struct trace tr;

	(void)state;
	rq.user_type = 2;
	rq.user = "ann";
	rq.secret = "hunter2";
	image(&data, SYNTAX_EXPLICIT, "SCOPE1", 64);
	dicom_write_association(&stream, &rq);
	store(&stream, 3, 1, buf_bytes(&data), NULL);
	buf_add(&stream, BYTES("\x09\0\0\0\0\0"));
	echo(&stream, 2);
	dicom_write_abort(&stream, 2, 6);
	trace_decode(&dicom_protocol, buf_bytes(&stream), &out);
	trace_init(&tr);
	tr.text = out;
	assert_int_equal(trace_count(&tr, "{\"unit\":\"dimse\""), 2);
	assert_int_equal(trace_count(&tr, "\"type\":\"A-ASSOCIATE-RQ\",\"type_code\":1,"
					  "\"version\":1,\"called\":\"LABPACS\""),
	    1);
	assert_int_equal(trace_count(&tr, "\"abstract_name\":\"CT Image Storage\""), 1);
	assert_int_equal(trace_count(&tr, "\"user\":\"ann\",\"secret_length\":7"), 1);
	assert_int_equal(trace_count(&tr, "hunter2"), 0);
	assert_int_equal(
	    trace_count(&tr, "\"tag\":\"0010,0020\",\"vr\":\"LO\","
			     "\"name\":\"PatientID\",\"length\":6,\"value\":\"P0001\"}"),
	    1);
	assert_int_equal(trace_count(&tr, "\"tag\":\"7fe0,0010\",\"vr\":\"OW\","
					  "\"name\":\"PixelData\",\"length\":64}"),
	    1);
	assert_int_equal(trace_count(&tr, "{\"name\":\"dicom_pdu_type\",\"offset\":"), 1);
	assert_int_equal(trace_count(&tr, "\"type\":\"A-ABORT\",\"type_code\":7,\"source\":2,"
					  "\"reason\":6"),
	    1);
	trace_free(&tr);
	buf_free(&stream);
	buf_free(&data);
}

/* --- write, then read --- */

static const char *
random_text(struct rng *r, char *to, size_t most, const char *from)
{
	size_t n = 1 + rng_below(r, most), letters = strlen(from);

	for (size_t i = 0; i < n; i++)
		to[i] = from[rng_below(r, letters)];
	to[n] = 0;
	return to;
}

static void
write_then_read(void **state)
{
	struct rng r = rng_new(99);

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct dicom_offer list[8];
		char called[17], calling[17], uid[65], name[17], user[40], secret[40];
		struct dicom_association w = {.answer = rng_below(&r, 2) == 1,
		    .version = 1,
		    .called = random_text(&r, called, 16, "ABC_1"),
		    .calling = random_text(&r, calling, 16, "XYZ9"),
		    .offers = list,
		    .n_offers = 1 + rng_below(&r, 8),
		    .max_length = (uint32_t)rng_next(&r),
		    .class_uid = random_text(&r, uid, 64, "123"),
		    .version_name = random_text(&r, name, 16, "ABC 1.2"),
		    .user_type = (uint8_t)rng_below(&r, 6),
		    .user = random_text(&r, user, 39, "abcd"),
		    .secret = random_text(&r, secret, 39, "efgh")};
		struct dicom_notes notes = {0};
		static struct dicom_assoc a;
		struct buf out = {0};

		if (w.answer)
			w.user_type = 0;
		for (size_t i = 0; i < w.n_offers; i++) {
			list[i] = offers[i % ARRAY_LEN(offers)];
			list[i].id = (uint8_t)(2 * i + 1);
			list[i].result = w.answer ? (uint8_t)rng_below(&r, 5) : 0;
		}
		/* A name that ends with a blank reads back without it. */
		name[strlen(name) - 1] = 'X';
		dicom_write_association(&out, &w);
		dicom_assoc_read(
		    &a, bytes_from(buf_bytes(&out), DICOM_PDU_HEAD), w.answer, 6, &notes);
		assert_int_equal(notes.n, 0);
		assert_true(bytes_eq(a.called, bytes_str(called)));
		assert_true(bytes_eq(a.calling, bytes_str(calling)));
		assert_true(bytes_eq(a.class_uid, bytes_str(uid)));
		assert_true(bytes_eq(a.version_name, bytes_str(name)));
		assert_int_equal(a.max_length, w.max_length);
		assert_int_equal(a.n_contexts, w.n_offers);
		assert_int_equal(a.user_type, w.user_type);
		if (w.user_type != 0) {
			assert_true(bytes_eq(a.user, bytes_str(user)));
			assert_int_equal(a.secret_bytes, strlen(secret));
		}
		for (size_t i = 0; i < w.n_offers; i++) {
			struct bytes rest_of = a.context[i].transfers, t;

			assert_int_equal(a.context[i].id, list[i].id);
			assert_int_equal(a.context[i].result, list[i].result);
			if (!w.answer)
				assert_true(
				    bytes_eq(a.context[i].abstract, bytes_str(list[i].abstract)));
			while (dicom_context_transfer(&rest_of, &t))
				assert_true(bytes_eq(t, bytes_str(list[i].transfer[0])));
		}
		buf_free(&out);
	}
}

/* The association refuses to grow over its budget: told, nothing leaks, what follows is read. */
static void
no_memory(void **state)
{
	struct talk t = {0};
	struct trace tr;
	void *s;

	(void)state;
	associate(&t);
	finish(&t);
	trace_init(&tr);
	s = dicom_protocol.open(&tr.observer);
	tr.budget.cap = tr.budget.used;
	for (size_t i = 0; i < t.turn[0].data.len; i += 50)
		dicom_protocol.data(s, dir_orig, bytes_sub(t.turn[0].data, i, 50), i);
	assert_int_equal(trace_count(&tr, "\"name\":\"memory_cap\""), 1);
	dicom_protocol.end(s, dir_orig);
	dicom_protocol.end(s, dir_resp);
	dicom_protocol.close(s);
	tr.budget.cap = 16;
	assert_null(dicom_protocol.open(&tr.observer));
	trace_free(&tr);
	talk_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_conversation),
	    cmocka_unit_test(every_syntax_reads_the_same),
	    cmocka_unit_test(forwarded_images),
	    cmocka_unit_test(udi_and_document),
	    cmocka_unit_test(user_identities),
	    cmocka_unit_test(wrong_things_are_named),
	    cmocka_unit_test(holes),
	    cmocka_unit_test(answers_to_nothing),
	    cmocka_unit_test(one_way),
	    cmocka_unit_test(mutations),
	    cmocka_unit_test(probes),
	    cmocka_unit_test(decoded),
	    cmocka_unit_test(write_then_read),
	    cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
