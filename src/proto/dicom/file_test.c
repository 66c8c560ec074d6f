/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "proto/dicom/dicom.h"
#include "proto/dicom/write.h"
#include "trace.h"

#define CT_CLASS "1.2.840.10008.5.1.4.1.1.2"

static void
sample(struct buf *out, const char *transfer)
{
	struct buf data = {0};
	enum dicom_syntax sx = dicom_syntax_of(bytes_str(transfer));

	dicom_write_element(&data, sx, 0x00080016, "UI", BYTES(CT_CLASS));
	dicom_write_element(&data, sx, 0x00080070, "LO", BYTES("Lens Works"));
	dicom_write_element(&data, sx, 0x00081090, "LO", BYTES("Scan 9"));
	dicom_write_element(&data, sx, 0x00100020, "LO", BYTES("P0001"));
	dicom_write_element(&data, sx, 0x7fe00010, "OW", BYTES("pixelpix"));
	dicom_write_file(out, CT_CLASS, "1.2.3", transfer, buf_bytes(&data));
	buf_free(&data);
}

static void
preambles(void **state)
{
	static const struct {
		struct bytes head;
		size_t attachments, attacks, deviations;
	} rows[] = {
	    {BYTES_INIT(""), 0, 0, 0},
	    {BYTES_INIT("II*\0"), 0, 0, 0},
	    {BYTES_INIT("MM\0*"), 0, 0, 0},
	    {BYTES_INIT("II+\0"), 0, 0, 0},
	    {BYTES_INIT("MZ"), 1, 1, 0},
	    {BYTES_INIT("\x7f"
			"ELF"),
		1, 1, 0},
	    {BYTES_INIT("\xcf\xfa\xed\xfe"), 1, 1, 0},
	    {BYTES_INIT("\xca\xfe\xba\xbe"), 1, 1, 0},
	    {BYTES_INIT("#!/bin/sh"), 1, 1, 0},
	    {BYTES_INIT("PK\x03\x04"), 1, 1, 0},
	    {BYTES_INIT("%PDF-1.7"), 1, 1, 0},
	    {BYTES_INIT("<html>"), 1, 1, 0},
	    {BYTES_INIT("\xff\xd8\xff"), 1, 0, 1},
	    {BYTES_INIT("vendor note"), 1, 0, 1},
	    {BYTES_INIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0late"), 1, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf file = {0};
		struct trace tr;

		sample(&file, DICOM_UID_EXPLICIT);
		if (rows[i].head.len > 0)
			memcpy(file.ptr, rows[i].head.ptr, rows[i].head.len);
		trace_init(&tr);
		assert_true(dicom_file_inspect(&tr.observer, dir_orig, 1000, buf_bytes(&file)));
		assert_int_equal(tr.n_kind[EV_attachment], rows[i].attachments);
		assert_int_equal(trace_count(&tr, "dicom_preamble_code"), rows[i].attacks);
		assert_int_equal(trace_count(&tr, "dicom_file_preamble"), rows[i].deviations);
		assert_int_equal(
		    trace_count(&tr, "\"place\":\"DICOM preamble\""), rows[i].attachments);
		assert_int_equal(trace_count(&tr, "\"offset\":1000,"), tr.n);
		assert_int_equal(trace_count(&tr, "\"value\":\"Scan 9\""), 1);
		assert_int_equal(trace_count(&tr, "P0001"), 0);
		assert_int_equal(tr.observer.units[UNIT_dicom_files], 1);
		trace_free(&tr);
		buf_free(&file);
	}
}

static void
files_that_lack_parts(void **state)
{
	static const char *const transfers[] = {
	    DICOM_UID_EXPLICIT, DICOM_UID_IMPLICIT, "1.2.840.10008.1.2.2"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(transfers); i++) {
		enum dicom_syntax sx = dicom_syntax_of(bytes_str(transfers[i]));
		struct dicom_notes notes = {0};
		struct buf file = {0};
		struct dicom_file f;
		struct trace tr;
		struct bytes all;
		size_t data_at;

		trace_init(&tr);
		sample(&file, transfers[i]);
		all = buf_bytes(&file);
		assert_true(dicom_file_read(&f, &tr.observer, all, &notes));
		assert_int_equal(notes.n, 0);
		assert_true(f.syntax == sx && f.meta && !f.inside);
		data_at = (size_t)f.data_at;
		assert_false(hash128_is_zero(f.identity.patient));
		/* No preamble; no preamble and no DICM; no meta group. */
		assert_true(dicom_file_read(&f, &tr.observer, bytes_from(all, 128), &notes));
		assert_true(f.preamble == PREAMBLE_NONE && f.meta && f.syntax == sx);
		assert_true(dicom_file_read(&f, &tr.observer, bytes_from(all, 132), &notes));
		assert_true(f.preamble == PREAMBLE_NONE && f.meta && f.syntax == sx);
		assert_true(dicom_file_read(&f, &tr.observer, bytes_from(all, data_at), &notes));
		assert_true(!f.meta && f.syntax == sx);
		assert_true(
		    bytes_eq(dicom_identity_text(&f.identity, FIELD_MODEL), BYTES("Scan 9")));
		/* Every prefix is read without a crash; DICM makes it a file. */
		for (size_t n = 0; n <= all.len; n++) {
			struct guard g = guard_new(bytes_sub(all, 0, n));

			assert_true(dicom_file_read(&f, &tr.observer, g.view, NULL) == (n >= 132));
			guard_free(&g);
		}
		trace_free(&tr);
		buf_free(&file);
	}
}

static void
no_files(void **state)
{
	static const struct bytes rows[] = {BYTES_INIT(""), BYTES_INIT("D"), BYTES_INIT("DIC"),
	    BYTES_INIT("MSH|^~\\&|LAB|X|||20240101||ORU^R01"), BYTES_INIT("<html></html>"),
	    BYTES_INIT("\1\0\0\0\0\xb4\0\1\0\0STORESCP"), BYTES_INIT("\x89PNG\r\n\x1a\n"),
	    BYTES_INIT("\x08\0\xff\xff\xff\xff\xff\xff\xff\xff")};
	struct trace tr;

	(void)state;
	trace_init(&tr);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_false(dicom_file_inspect(&tr.observer, dir_orig, 0, rows[i]));
	assert_int_equal(tr.n, 0);
	trace_free(&tr);
}

static void
damaged_meta(void **state)
{
	struct buf file = {0}, out = {0};
	struct trace tr;

	(void)state;
	sample(&file, DICOM_UID_EXPLICIT);
	file.ptr[140]++; /* group length */
	trace_init(&tr);
	assert_true(dicom_file_inspect(&tr.observer, dir_orig, 0, buf_bytes(&file)));
	assert_int_equal(trace_count(&tr, "dicom_file_meta"), 1);
	assert_int_equal(trace_count(&tr, "\"value\":\"Scan 9\""), 1);
	trace_decode(&dicom_protocol, buf_bytes(&file), &out);
	trace_free(&tr);
	trace_init(&tr);
	tr.text = out;
	assert_int_equal(trace_count(&tr, "{\"unit\":\"file\",\"offset\":0,\"length\":"), 1);
	assert_int_equal(trace_count(&tr, "\"preamble\":\"zero\""), 1);
	assert_int_equal(trace_count(&tr, "\"sop_class_name\":\"CT Image Storage\""), 1);
	assert_int_equal(trace_count(&tr, "{\"name\":\"dicom_file_meta\""), 1);
	trace_free(&tr);
	buf_free(&file);
}

/* --- truth: what dcmdump says of public files (shared data, dicom/SOURCES.md) --- */

struct truth_name {
	const char *name, *uid;
};

static struct bytes
truth_uid(struct bytes name)
{
	static const struct truth_name table[] = {
	    {"LittleEndianExplicit", DICOM_UID_EXPLICIT},
	    {"LittleEndianImplicit", DICOM_UID_IMPLICIT},
	    {"BigEndianExplicit", "1.2.840.10008.1.2.2"},
	    {"DeflatedLittleEndianExplicit", "1.2.840.10008.1.2.1.99"},
	    {"RLELossless", "1.2.840.10008.1.2.5"},
	    {"JPEG2000", "1.2.840.10008.1.2.4.91"},
	    {"JPEGLSLossy", "1.2.840.10008.1.2.4.81"},
	    {"JPEGLossless:Non-hierarchical-1stOrderPrediction", "1.2.840.10008.1.2.4.70"},
	    {"MRImageStorage", "1.2.840.10008.5.1.4.1.1.4"},
	    {"CTImageStorage", CT_CLASS},
	    {"UltrasoundImageStorage", "1.2.840.10008.5.1.4.1.1.6.1"},
	    {"SecondaryCaptureImageStorage", "1.2.840.10008.5.1.4.1.1.7"},
	    {"ComputedRadiographyImageStorage", "1.2.840.10008.5.1.4.1.1.1"},
	    {"RTDoseStorage", "1.2.840.10008.5.1.4.1.1.481.2"},
	    {"RTStructureSetStorage", "1.2.840.10008.5.1.4.1.1.481.3"},
	    {"RTPlanStorage", "1.2.840.10008.5.1.4.1.1.481.5"},
	    {"RTIonPlanStorage", "1.2.840.10008.5.1.4.1.1.481.8"},
	    {"BasicTextSRStorage", "1.2.840.10008.5.1.4.1.1.88.11"},
	    {"ComprehensiveSRStorage", "1.2.840.10008.5.1.4.1.1.88.33"},
	    {"-", ""},
	    {"", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (bytes_eq_nocase(name, bytes_str(table[i].name)))
			return bytes_str(table[i].uid);
	}
	return bytes_str("no such name");
}

static bool
preamble_is(const struct dicom_file *f, struct bytes told)
{
	if (bytes_eq(told, BYTES("zero")))
		return f->preamble == PREAMBLE_ZERO;
	if (bytes_eq(told, BYTES("none")))
		return f->preamble == PREAMBLE_NONE;
	if (bytes_eq(told, BYTES("49492a00")))
		return f->preamble == PREAMBLE_TIFF;
	return f->preamble == PREAMBLE_ALARM;
}

/* One row of the table; false where it is none. */
static bool
truth_row(struct bytes row, struct trace *tr, size_t *compared)
{
	struct bytes cell[11], field, maker;
	struct dicom_file f;
	struct bytes file;
	char name[256];
	const char *path;

	for (size_t i = 0; i < ARRAY_LEN(cell); i++)
		cell[i] = bytes_trim(bytes_split(row, '|', &row));
	if (!bytes_starts(cell[2], BYTES("R1")) || cell[1].len > 100)
		return false;
	(void)snprintf(
	    name, sizeof(name), "dicom/%.*s", (int)cell[1].len, (const char *)cell[1].ptr);
	path = shared_path(name);
	file = path == NULL ? (struct bytes){0} : file_slurp(path);
	if (file.ptr == NULL)
		return false;
	if (!dicom_file_read(&f, &tr->observer, file, NULL)) {
		/* The one file that starts with a stray byte: dcmdump does not read it either. */
		assert_true(bytes_eq(cell[1], BYTES("pydicom-no_meta.dcm")));
		free((void *)(uintptr_t)file.ptr);
		return true;
	}
	if (!preamble_is(&f, cell[5]))
		fail_msg("%s: preamble %d", name, (int)f.preamble);
	if (!bytes_eq(cell[6], BYTES("not read"))) {
		if (!bytes_eq(truth_uid(cell[6]), f.transfer))
			fail_msg("%s: transfer syntax", name);
		if (!bytes_eq(truth_uid(cell[7]), dicom_identity_text(&f.identity, FIELD_CLASS)))
			fail_msg("%s: SOP class", name);
		maker = bytes_trim(bytes_split(cell[8], '/', &field));
		if (!bytes_eq(maker, dicom_identity_text(&f.identity, FIELD_MAKER)) ||
		    !bytes_eq(bytes_trim(field), dicom_identity_text(&f.identity, FIELD_MODEL)))
			fail_msg("%s: maker or model", name);
		(*compared)++;
	}
	free((void *)(uintptr_t)file.ptr);
	return true;
}

static void
truth(void **state)
{
	const char *path = shared_path("dicom/SOURCES.md");
	struct bytes text = path == NULL ? (struct bytes){0} : file_slurp(path), rest;
	size_t files = 0, compared = 0;
	struct trace tr;

	(void)state;
	if (text.ptr == NULL) {
		print_message("# shared data absent: skipped\n");
		return; /* not skip(): meson reads cmocka's "not ok # SKIP" as a failure */
	}
	trace_init(&tr);
	rest = text;
	while (rest.len > 0)
		files += truth_row(bytes_split(rest, '\n', &rest), &tr, &compared);
	assert_int_equal(files, 58);
	assert_int_equal(compared, 53);
	trace_free(&tr);
	free((void *)(uintptr_t)text.ptr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(preambles),
	    cmocka_unit_test(files_that_lack_parts),
	    cmocka_unit_test(no_files),
	    cmocka_unit_test(damaged_meta),
	    cmocka_unit_test(truth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
