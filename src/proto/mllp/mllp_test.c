/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "proto/mllp/mllp.h"
#include "rng.h"

#define VT "\x0b"
#define FS "\x1c"
#define M  "MSH|^~\\&|A"

/* Events as text: kind letter, flags, offset+size, body in <>. */
static void
note(struct buf *out, const struct mllp_event *ev)
{
	static const char letters[] = "?BCHUJN";
	static const char *const flags[] = {"gap", "end", "start", "size", "memory", "fs", "lf",
	    "fs-inside", "no-vt", "bom", "short", "length", "sum", "nak", "tail", "first", "has-fs",
	    "ends"};

	if (ev->kind == MLLP_MORE)
		return;
	if (out->len > 0)
		buf_byte(out, ' ');
	buf_printf(out, "%c%llu+%llu", letters[ev->kind], (unsigned long long)ev->offset,
	    (unsigned long long)ev->size);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if ((ev->flags & 1u << i) != 0)
			buf_printf(out, ",%s", flags[i]);
	}
	if (ev->kind != MLLP_JUNK && ev->kind != MLLP_NOTE) {
		buf_byte(out, '<');
		for (size_t i = 0; i < ev->body.len; i++)
			buf_byte(out, ev->body.ptr[i] < 0x20 ? '.' : ev->body.ptr[i]);
		buf_byte(out, '>');
	}
}

enum how { WHOLE, BYTES_ONE, RANDOM };

struct framer {
	struct budget budget;
	struct buf_pool pool;
	struct mllp p;
	struct buf out;
};

static void
framer_init(struct framer *f, size_t cap)
{
	*f = (struct framer){.budget = {.cap = 1 << 22}};
	mllp_init(&f->p, &f->pool, &f->budget, cap);
}

static void
feed(struct framer *f, struct bytes in, enum how how, struct rng *rng)
{
	while (in.len > 0) {
		size_t n = how == WHOLE ? in.len : how == BYTES_ONE ? 1 : 1 + rng_below(rng, 9);
		struct bytes part = bytes_sub(in, 0, n);
		struct guard g = guard_new(part);
		struct bytes run = g.view;
		struct mllp_event ev;

		in = bytes_from(in, part.len);
		do {
			size_t left = run.len;

			ev = mllp_next(&f->p, &run);
			assert_true(run.len <= left);
			note(&f->out, &ev);
		} while (ev.kind != MLLP_MORE);
		assert_int_equal(run.len, 0);
		guard_free(&g);
	}
}

static void
finish(struct framer *f)
{
	struct mllp_event ev = mllp_end(&f->p);
	struct bytes none = {NULL, 0};

	note(&f->out, &ev);
	ev = mllp_next(&f->p, &none);
	assert_int_equal(ev.kind, MLLP_MORE);
	mllp_free(&f->p);
	buf_pool_free(&f->pool);
	assert_int_equal(f->budget.used, 0);
	buf_byte(&f->out, 0);
}

static void
check(const char *name, struct bytes in, size_t cap, const char *want)
{
	struct rng rng = {7};

	for (int i = 0; i < 12; i++) {
		struct framer f;

		framer_init(&f, cap);
		feed(&f, in, i == 0 ? WHOLE : i == 1 ? BYTES_ONE : RANDOM, &rng);
		finish(&f);
		if (strcmp((const char *)f.out.ptr, want) != 0) {
			fprintf(stderr, "%s (how %d)\n got  %s\n want %s\n", name, i,
			    (const char *)f.out.ptr, want);
			fail();
		}
		buf_free(&f.out);
	}
}

struct row {
	const char *name;
	struct bytes in;
	const char *want;
};

static void
units(void **state)
{
	static const struct row rows[] = {
	    {"a block", BYTES_INIT(VT "abc" FS "\r"), "B0+6<abc>"},
	    {"two blocks", BYTES_INIT(VT "abc" FS "\r" VT "d" FS "\r"), "B0+6<abc> B6+4<d>"},
	    {"empty", BYTES_INIT(VT FS "\r"), "B0+3<>"},
	    {"nothing", BYTES_INIT(""), ""},
	    {"a lone start", BYTES_INIT(VT), "B0+1,end<>"},
	    {"commit", BYTES_INIT(VT "\x06" FS "\r" VT "\x15" FS "\r"), "C0+4<.> C4+4<.>"},
	    {"commit cut", BYTES_INIT(VT "\x06"), "B0+2,end<.>"},
	    {"not a commit", BYTES_INIT(VT "\x06\x06" FS "\r"), "B0+5<..>"},
	    {"FS LF", BYTES_INIT(VT "a" FS "\n" VT "b" FS "\r"), "B0+4,lf<a> B4+4<b>"},
	    {"FS VT", BYTES_INIT(VT "a" FS VT "b" FS "\r"), "B0+3,fs<a> B3+4<b>"},
	    {"FS at the end", BYTES_INIT(VT "a" FS), "B0+3,fs<a>"},
	    {"FS inside", BYTES_INIT(VT "a" FS "b" FS "\r"), "B0+6,fs-inside<a.b>"},
	    {"FS FS CR", BYTES_INIT(VT "a" FS FS "\r"), "B0+5,fs-inside<a.>"},
	    {"start inside", BYTES_INIT(VT "a" VT "b" FS "\r"), "B0+2,start<a> B2+4<b>"},
	    {"no end", BYTES_INIT(VT "abc\r"), "B0+5,end<abc.>"},
	    {"end repeated", BYTES_INIT(VT "a" FS "\r" FS "\r" VT "b" FS "\r"),
		"B0+4<a> J4+2,has-fs,ends B6+4<b>"},
	    {"LF behind", BYTES_INIT(VT "a" FS "\r\n" VT "b" FS "\r"), "B0+4<a> J4+1 B5+4<b>"},
	    {"junk first", BYTES_INIT("xx" VT "b" FS "\r"), "J0+2,first B2+4<b>"},
	    {"started inside", BYTES_INIT("x|y\r" FS "\r" VT "b" FS "\r"),
		"J0+6,first,has-fs B6+4<b>"},
	    {"junk between", BYTES_INIT(VT "a" FS "\rMSx" VT "b" FS "\r"), "B0+4<a> J4+3 B7+4<b>"},
	    {"junk at the end", BYTES_INIT(VT "a" FS "\rMSH"), "B0+4<a> J4+3"},
	    {"bare", BYTES_INIT(M "\rPID|1\r"), "U0+17<MSH|^~\\&|A.PID|1.>"},
	    {"two bare", BYTES_INIT(M "\r" M), "U0+11<MSH|^~\\&|A.> U11+10<MSH|^~\\&|A>"},
	    {"bare with LF", BYTES_INIT(M "\n\n" M), "U0+12<MSH|^~\\&|A..> U12+10<MSH|^~\\&|A>"},
	    {"bare behind a BOM", BYTES_INIT("\xef\xbb\xbf" M), "U3+10,bom<MSH|^~\\&|A>"},
	    {"BOM and block", BYTES_INIT("\xef\xbb\xbf" VT "a" FS "\r"), "J0+3,first B3+4<a>"},
	    {"a BOM alone", BYTES_INIT("\xef\xbb\xbf"), "J0+3,first"},
	    {"BOM, then not HL7", BYTES_INIT("\xef\xbb\xbfMSX|"), "J0+7,first"},
	    {"batch", BYTES_INIT("FHS|^\rBHS|^\r" M "\rBTS|1\r"),
		"U0+29<FHS|^.BHS|^.MSH|^~\\&|A.BTS|1.>"},
	    {"batch of two", BYTES_INIT("BHS|^\r" M "\r" M "\rBTS\r"),
		"U0+17<BHS|^.MSH|^~\\&|A.> U17+15<MSH|^~\\&|A.BTS.>"},
	    {"bare, then block", BYTES_INIT(M "\r" VT "a" FS "\r"), "U0+11<MSH|^~\\&|A.> B11+4<a>"},
	    {"start missing", BYTES_INIT(VT "a" FS "\r" M "\r" FS "\r" VT "b" FS "\r"),
		"B0+4<a> U4+12,no-vt<MSH|^~\\&|A.> B17+4<b>"},
	    {"start missing, FS LF", BYTES_INIT(M FS "\n"), "U0+11,no-vt<MSH|^~\\&|A> N11+1,lf"},
	    {"start missing, FS", BYTES_INIT(M FS), "U0+11,no-vt<MSH|^~\\&|A> N11+0,fs"},
	    {"head not at a line start", BYTES_INIT("x" M "\r"), "J0+12,first"},
	    {"head with a letter", BYTES_INIT("MSHx^~\\&\r"), "J0+9,first"},
	    {"head with a blank", BYTES_INIT("MSH ^~\\&\r"), "J0+9,first"},
	    {"comment lines", BYTES_INIT("# x\n" M "\r"), "J0+4,first U4+11<MSH|^~\\&|A.>"},
	    {"part of a head in a message", BYTES_INIT(M "\rMSA|AA\rMS\rMSH\r"),
		"U0+25<MSH|^~\\&|A.MSA|AA.MS.MSH.>"},
	    {"head in a message, cut BOM", BYTES_INIT(M "\r\xef\xbb" M),
		"U0+23<MSH|^~\\&|A.\xef\xbbMSH|^~\\&|A>"},
	    {"XML", BYTES_INIT(VT "<?xml ?>" FS "\r"), "B0+11<<?xml ?>>"},
	    {"HLLP",
		BYTES_INIT(VT "D23\rMSH"
			      "00008068" FS "\r"),
		"H0+18,sum<MSH>"},
	    {"HLLP without a sum",
		BYTES_INIT(VT "D23\rMSH"
			      "00008999" FS "\r"),
		"H0+18<MSH>"},
	    {"HLLP wrong count",
		BYTES_INIT(VT "D23\rMSH"
			      "00009999" FS "\r"),
		"H0+18,length<MSH>"},
	    {"HLLP no trailer", BYTES_INIT(VT "D23\rMSH|" FS "\r"), "H0+11,short<MSH|>"},
	    {"HLLP letters", BYTES_INIT(VT "D23\rMSH|0000x123" FS "\r"),
		"H0+19,short<MSH|0000x123>"},
	    {"HLLP NAK",
		BYTES_INIT(VT "N23\rC"
			      "00006999" FS "\r"),
		"H0+16,nak<C>"},
	    {"HLLP cut", BYTES_INIT(VT "D23\rMSH"), "H0+8,end<MSH>"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].name, rows[i].in, MLLP_CAP_BYTES, rows[i].want);
}

static void
caps(void **state)
{
	(void)state;
	check("at the cap", BYTES(VT "12345678" FS "\r"), 8, "B0+11<12345678>");
	check("over the cap", BYTES(VT "123456789" FS "\r" VT "a" FS "\r"), 8,
	    "B0+9,size<12345678> B12+4<a>");
	check("over, no end", BYTES(VT "123456789"), 8, "B0+9,size<12345678>");
	check("over, FS inside", BYTES(VT "123456789" FS "x" FS "\n" VT "a" FS "\r"), 8,
	    "B0+9,size<12345678> B14+4<a>");
	check("over, start inside", BYTES(VT "123456789" VT "a" FS "\r"), 8,
	    "B0+9,size<12345678> B10+4<a>");
	check("bare over", BYTES(M "\rPID|1\r" M "\r"), 16,
	    "U0+16,size<MSH|^~\\&|A.PID|1> J16+1,tail,ends U17+11<MSH|^~\\&|A.>");
	check("bare over at a head that is none", BYTES(M "\rMSx|1\r" M "\r"), 12,
	    "U0+12,size<MSH|^~\\&|A.M> J12+5,tail U17+11<MSH|^~\\&|A.>");
	check("bare at the cap, a head that is none, a block", BYTES(M "\rMS" VT "a" FS "\r"), 12,
	    "U0+12,size<MSH|^~\\&|A.M> J12+1,tail B13+4<a>");
	check("bare over in the waiting bytes", BYTES(M "\r\xef\xbb\xbfMSx\r" M "\r"), 12,
	    "U0+12,size<MSH|^~\\&|A.\xef> J12+6,tail U18+11<MSH|^~\\&|A.>");
}

static void
holes(void **state)
{
	static const struct {
		const char *name;
		struct bytes before, behind;
		const char *want;
	} rows[] = {
	    {"in a block", BYTES_INIT(VT "abc"), BYTES_INIT("de" FS "\r" VT "f" FS "\r"),
		"B0+4,gap<abc> J14+4,tail,has-fs B18+4<f>"},
	    {"between FS and CR", BYTES_INIT(VT "abc" FS), BYTES_INIT(VT "f" FS "\r"),
		"B0+5<abc> B15+4<f>"},
	    {"between blocks", BYTES_INIT(VT "a" FS "\r"),
		BYTES_INIT("xx\r" FS "\r" VT "f" FS "\r"), "B0+4<a> J14+5,tail,has-fs B19+4<f>"},
	    {"in bare", BYTES_INIT(M "\rMS"), BYTES_INIT("H|x\r" M "\r"),
		"U0+13,gap<MSH|^~\\&|A.MS> J23+4,tail U27+11<MSH|^~\\&|A.>"},
	    {"a head right behind", BYTES_INIT(VT "a"), BYTES_INIT(M "\r"),
		"B0+2,gap<a> U12+11<MSH|^~\\&|A.>"},
	    {"in junk", BYTES_INIT("xM"), BYTES_INIT("SH|" VT "f" FS "\r"),
		"J0+2,first J12+3,tail,first B15+4<f>"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int how = WHOLE; how <= BYTES_ONE; how++) {
			struct mllp_event ev;
			struct framer f;

			framer_init(&f, 1000);
			feed(&f, rows[i].before, (enum how)how, NULL);
			ev = mllp_gap(&f.p, 10);
			note(&f.out, &ev);
			feed(&f, rows[i].behind, (enum how)how, NULL);
			finish(&f);
			assert_string_equal((const char *)f.out.ptr, rows[i].want);
			buf_free(&f.out);
		}
	}
}

static void
flushes(void **state)
{
	static const struct {
		const char *name;
		struct bytes before, behind;
		const char *want;
	} rows[] = {
	    {"FS, later CR", BYTES_INIT(VT "a" FS), BYTES_INIT("\r" VT "b" FS "\r"),
		"B0+3<a> B4+4<b>"},
	    {"FS, never CR", BYTES_INIT(VT "a" FS), BYTES_INIT(VT "b" FS "\r"),
		"B0+3<a> N3+0,fs B3+4<b>"},
	    {"FS, data", BYTES_INIT(VT "a" FS), BYTES_INIT("x" FS "\r"),
		"B0+3<a> N3+0,fs J3+3,has-fs"},
	    {"bare", BYTES_INIT(M "\r"), BYTES_INIT(M "\r"),
		"U0+11<MSH|^~\\&|A.> U11+11<MSH|^~\\&|A.>"},
	    {"bare in a segment", BYTES_INIT(M "\rPID"), BYTES_INIT("|1\r"),
		"U0+17<MSH|^~\\&|A.PID|1.>"},
	    {"open block", BYTES_INIT(VT "a\r"), BYTES_INIT("b" FS "\r"), "B0+6<a.b>"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int how = WHOLE; how <= BYTES_ONE; how++) {
			struct mllp_event ev;
			struct framer f;

			framer_init(&f, 1000);
			feed(&f, rows[i].before, (enum how)how, NULL);
			ev = mllp_flush(&f.p);
			note(&f.out, &ev);
			feed(&f, rows[i].behind, (enum how)how, NULL);
			finish(&f);
			assert_string_equal((const char *)f.out.ptr, rows[i].want);
			buf_free(&f.out);
		}
	}
}

/* Every string up to a length over the bytes that mean something: whole = byte by byte, units do
 * not overlap, and what is well formed is found. */
static void
exhaustive(void **state)
{
	static const uint8_t alphabet[] = {0x0b, 0x1c, 0x0d, 0x0a, 'M', 0x06};
	enum { LENGTH = 6, CASES = 6 * 6 * 6 * 6 * 6 * 6 };

	(void)state;
	for (size_t c = 0; c < CASES; c++) {
		struct buf text[2] = {{0}, {0}};
		uint8_t in[LENGTH + 3] = {'M', 'S', 'H'};
		size_t v = c;

		/* Half of them behind "MSH", so that heads are cut in every way. */
		for (size_t i = 0; i < LENGTH; i++, v /= 6)
			in[3 + i] = alphabet[v % 6];
		for (int how = 0; how < 2; how++) {
			struct budget budget = {.cap = 1 << 20};
			struct buf_pool pool = {0};
			struct mllp_event ev;
			struct mllp p;
			size_t from = c % 2 == 0 ? 3 : 0, total = 0;

			mllp_init(&p, &pool, &budget, 64);
			for (size_t i = from; i < sizeof(in);) {
				struct bytes run = bytes_of(in + i, how == 0 ? sizeof(in) - i : 1);

				i += run.len;
				while ((ev = mllp_next(&p, &run)).kind != MLLP_MORE) {
					note(&text[how], &ev);
					total += ev.size;
				}
			}
			ev = mllp_end(&p);
			note(&text[how], &ev);
			total += ev.size;
			/* All bytes are in one unit but the CR behind a told FS. */
			assert_in_range(total, sizeof(in) - from - 3, sizeof(in) - from);
			mllp_free(&p);
			buf_pool_free(&pool);
		}
		assert_true(bytes_eq(buf_bytes(&text[0]), buf_bytes(&text[1])));
		buf_free(&text[0]);
		buf_free(&text[1]);
	}
}

static void
memory_refused(void **state)
{
	struct framer f;

	(void)state;
	framer_init(&f, MLLP_CAP_BYTES);
	f.budget.cap = 5000;
	feed(&f, BYTES(VT "abc"), WHOLE, NULL);
	for (int i = 0; i < 200; i++)
		feed(&f, BYTES("0123456789012345678901234567890123456789"), WHOLE, NULL);
	feed(&f, BYTES(FS "\r" VT "x" FS "\r"), WHOLE, NULL);
	f.out.len = f.out.len > 8 ? f.out.len : 0;
	assert_memory_equal(f.out.ptr, "B0+4", 4);
	assert_non_null(strstr((const char *)f.out.ptr, ",memory<abc0123"));
	assert_memory_equal(f.out.ptr + f.out.len - 3, "<x>", 3);
	finish(&f);
	buf_free(&f.out);
}

static void
zero_copy(void **state)
{
	struct bytes in = BYTES(VT "abc" FS "\r"), run = in;
	struct mllp_event ev;
	struct framer f;

	(void)state;
	framer_init(&f, 100);
	ev = mllp_next(&f.p, &run);
	assert_ptr_equal(ev.body.ptr, in.ptr + 1);
	assert_int_equal(f.budget.used, 0);
	finish(&f);
	buf_free(&f.out);
	/* An idle framer holds nothing of its own behind a block that came in two runs. */
	framer_init(&f, 100);
	feed(&f, in, BYTES_ONE, NULL);
	assert_null(f.p.hold.ptr);
	assert_int_equal(f.pool.n, 1);
	finish(&f);
	buf_free(&f.out);
}

static void
writers(void **state)
{
	struct buf out = {0};

	(void)state;
	mllp_write(&out, BYTES("abc"));
	mllp_write_commit(&out, true);
	mllp_write_commit(&out, false);
	hllp_write(&out, BYTES("MSH|^~\\&|"));
	hllp_write(&out, BYTES(""));
	check("written", buf_bytes(&out), 1000,
	    "B0+6<abc> C6+4<.> C10+4<.> H14+24<MSH|^~\\&|> H38+15<>");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(units), cmocka_unit_test(caps),
	    cmocka_unit_test(holes), cmocka_unit_test(flushes), cmocka_unit_test(exhaustive),
	    cmocka_unit_test(memory_refused), cmocka_unit_test(zero_copy),
	    cmocka_unit_test(writers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
