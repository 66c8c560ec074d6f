/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/poct1a/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "rng.h"

/* Every piece as "[error@offset+size:body]", noise as "~". */
static void
put(struct buf *out, const struct xml_piece *p)
{
	if (p->kind == XML_NOISE)
		buf_text(out, "~");
	if (p->kind != XML_DOCUMENT)
		return;
	buf_printf(
	    out, "[%s@%u+%u:", xml_error_name(p->error), (unsigned)p->offset, (unsigned)p->size);
	buf_add(out, p->body);
	buf_text(out, "]");
}

static void
split(struct bytes in, struct buf *out, struct rng *rng, bool resync)
{
	struct budget budget = {.cap = 16 << 20};
	struct xml_splitter s;
	struct xml_piece p;
	uint64_t offset = 0;

	xml_split_init(&s, &budget);
	if (resync) {
		p = xml_split_cut(&s, true);
		put(out, &p);
	}
	while (in.len > 0) {
		size_t n = rng == NULL ? in.len : 1 + rng_below(rng, in.len < 12 ? in.len : 12);
		struct guard g = guard_new(bytes_sub(in, 0, n));
		struct bytes part = g.view;

		in = bytes_from(in, n);
		while ((p = xml_split_next(&s, &part, &offset)).kind != XML_MORE)
			put(out, &p);
		guard_free(&g);
	}
	p = xml_split_cut(&s, false);
	put(out, &p);
	xml_split_free(&s);
	assert_int_equal(budget.used, 0);
}

struct split_case {
	const char *name, *in, *out;
};

static const struct split_case splits[] = {
    {"one", "<A><B/></A>", "[ok@0+11:<A><B/></A>]"},
    {"two", "<A/>\r\n<B></B>", "[ok@0+4:<A/>][ok@6+7:<B></B>]"},
    {"declaration", "<?xml version='1.0'?><A/>", "[ok@0+25:<?xml version='1.0'?><A/>]"},
    {"mark", "\xef\xbb\xbf<A/>", "[ok@3+4:<A/>]"},
    {"quotes", "<A x='>' y=\"/>'\"/>", "[ok@0+18:<A x='>' y=\"/>'\"/>]"},
    {"slash in a value", "<A x='/'></A>", "[ok@0+13:<A x='/'></A>]"},
    {"slash before an attribute", "<A / x='1'></A>", "[ok@0+15:<A / x='1'></A>]"},
    {"comment", "<!-- > <B> --><A><!-- </A> ---></A>",
	"[ok@0+35:<!-- > <B> --><A><!-- </A> ---></A>]"},
    {"cdata", "<A><![CDATA[</A>]]]></A>", "[ok@0+24:<A><![CDATA[</A>]]]></A>]"},
    {"instruction", "<A><?x </A> ?\?></A>", "[ok@0+19:<A><?x </A> ?\?></A>]"},
    {"noise", "abc<A/>x y<B/>", "~[ok@3+4:<A/>]~[ok@10+4:<B/>]"},
    {"cut", "<A><B>", "[cut@0+6:<A><B>]"},
    {"cut in a tag", "<A><B x='", "[cut@0+9:<A><B x=']"},
    {"torn by the next", "<A><B><?xml version='1.0'?><C/>",
	"[cut@0+6:<A><B>][ok@6+25:<?xml version='1.0'?><C/>]"},
    {"torn in a tag", "<A x='1<?xml ?><C/>", "[syntax@0+7:<A x='1][ok@7+12:<?xml ?><C/>]"},
    {"torn twice", "<A><?xml ?><B><?xml ?><C/>",
	"[cut@0+3:<A>][cut@3+11:<?xml ?><B>][ok@14+12:<?xml ?><C/>]"},
    {"torn at the end", "<A><?xml ", "[cut@0+3:<A>][cut@3+6:<?xml ]"},
    {"other instruction", "<A><?xmlx ?></A>", "[ok@0+16:<A><?xmlx ?></A>]"},
    {"document type", "<!DOCTYPE A [<!ENTITY b \"]>\">]><A/>",
	"[doctype@0+35:<!DOCTYPE A [<!ENTITY b \"]>\">]><A/>]"},
    {"stray end", "</A><B/>", "[syntax@0+4:</A>][ok@4+4:<B/>]"},
    {"no name", "<A>< 1></A>", "[syntax@0+11:<A>< 1></A>]"},
    {"two open", "<A><<B/></A>", "[syntax@0+12:<A><<B/></A>]"},
    {"empty", "", ""},
    {"blanks", " \r\n\t", ""},
};

static void
splitting(void **state)
{
	struct rng rng = rng_new(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(splits); i++) {
		for (int round = 0; round < 20; round++) {
			struct buf out = {0};

			split(bytes_str(splits[i].in), &out, round == 0 ? NULL : &rng, false);
			if (!bytes_eq(buf_bytes(&out), bytes_str(splits[i].out)))
				fail_msg("%s: %.*s", splits[i].name, (int)out.len, (char *)out.ptr);
			buf_free(&out);
		}
	}
}

/* After a hole only a declaration or a root's name starts a document. */
static void
resync(void **state)
{
	static const struct split_case table[] = {
	    {"inside", "x='1'/></HDR><ACK/></ACK.R01>", ""},
	    {"declaration", "</B></A><?xml ?><C/>", "[ok@8+12:<?xml ?><C/>]"},
	    {"root", "</B><HDR/><OBS.R01><C/></OBS.R01>", "[ok@10+23:<OBS.R01><C/></OBS.R01>]"},
	    {"root at once", "<OBS.R01/>", "[ok@0+10:<OBS.R01/>]"},
	    {"two open", "<<OBS.R01/>", "[ok@1+10:<OBS.R01/>]"},
	    {"long name", "<ABCDEFGHIJKLMNOPQRSTUVWXYZ.R01/>", ""},
	};
	struct rng rng = rng_new(2);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		for (int round = 0; round < 20; round++) {
			struct buf out = {0};

			split(bytes_str(table[i].in), &out, round == 0 ? NULL : &rng, true);
			if (!bytes_eq(buf_bytes(&out), bytes_str(table[i].out)))
				fail_msg("%s: %.*s", table[i].name, (int)out.len, (char *)out.ptr);
			buf_free(&out);
		}
	}
}

static void
random_cuts(void **state)
{
	static const char *const parts[] = {"<", ">", "/", "<A>", "</A>", "<A/>", "\"", "'", "<!--",
	    "-->", "<![CDATA[", "]]>", "<?xml ", "?>", "<!DOCTYPE", "[", "]", "x", " ", "&lt;",
	    "-"};
	struct rng rng = rng_new(3);

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct buf in = {0}, whole = {0}, cut = {0};

		for (size_t n = 1 + rng_below(&rng, 30); n > 0; n--)
			buf_text(&in, parts[rng_below(&rng, ARRAY_LEN(parts))]);
		split(buf_bytes(&in), &whole, NULL, round % 3 == 0);
		split(buf_bytes(&in), &cut, &rng, round % 3 == 0);
		if (!bytes_eq(buf_bytes(&whole), buf_bytes(&cut)))
			fail_msg("%.*s\nwhole %.*s\ncut %.*s", (int)in.len, (char *)in.ptr,
			    (int)whole.len, (char *)whole.ptr, (int)cut.len, (char *)cut.ptr);
		buf_free(&in);
		buf_free(&whole);
		buf_free(&cut);
	}
}

/* A document without an end: refused at the cap, memory bounded, the next one is read. */
static void
endless(void **state)
{
	struct budget budget = {.cap = 16 << 20};
	struct xml_splitter s;
	struct xml_piece p;
	uint8_t block[65536];
	uint64_t offset = 0;
	struct bytes in = BYTES("<A>");
	size_t documents = 0;

	(void)state;
	memset(block, 'x', sizeof(block));
	xml_split_init(&s, &budget);
	assert_int_equal(xml_split_next(&s, &in, &offset).kind, XML_MORE);
	for (int i = 0; i < 100; i++) {
		in = bytes_of(block, sizeof(block));
		assert_int_equal(xml_split_next(&s, &in, &offset).kind, XML_MORE);
	}
	in = BYTES("<?xml ?><B/>");
	while ((p = xml_split_next(&s, &in, &offset)).kind != XML_MORE) {
		assert_int_equal(p.error, documents == 0 ? XML_SIZE : XML_OK);
		assert_true(documents == 0 || bytes_eq(p.body, BYTES("<?xml ?><B/>")));
		documents++;
	}
	assert_int_equal(documents, 2);
	assert_true(budget.high <= XML_DOCUMENT_MAX + XML_DOCUMENT_MAX / 2);
	xml_split_free(&s);
	/* no memory at all */
	budget = (struct budget){.cap = 0};
	xml_split_init(&s, &budget);
	in = BYTES("<A/>");
	p = xml_split_next(&s, &in, &offset);
	assert_int_equal(p.error, XML_MEMORY);
	xml_split_free(&s);
}

/* --- reader --- */

static void
tokens(struct bytes in, struct buf *out)
{
	struct guard g = guard_new(in);
	struct xml_reader r = xml_read(g.view);

	for (;;) {
		struct xml_token t = xml_next(&r);

		switch (t.kind) {
		case XML_START:
			buf_printf(out, "<%.*s", (int)t.name.len, (const char *)t.name.ptr);
			for (size_t i = 0; i < t.n; i++)
				buf_printf(out, " %.*s=%.*s", (int)t.attributes[i].name.len,
				    (const char *)t.attributes[i].name.ptr,
				    (int)t.attributes[i].value.len,
				    (const char *)t.attributes[i].value.ptr);
			buf_text(out, ">");
			continue;
		case XML_END:
			buf_printf(out, "</%.*s>", (int)t.name.len, (const char *)t.name.ptr);
			continue;
		case XML_TEXT:
			buf_printf(out, "%s(%.*s)", t.cdata ? "c" : "", (int)t.text.len,
			    (const char *)t.text.ptr);
			continue;
		case XML_BAD:
			buf_printf(out, "!%s", xml_error_name(t.error));
			break;
		case XML_DONE:
			break;
		}
		break;
	}
	guard_free(&g);
}

static const struct split_case reads[] = {
    {"nested", "<A><B V=\"1\" U='x' /></A>", "<A><B V=1 U=x></B></A>"},
    {"text", "<A>a<B/>b</A>", "<A>(a)<B></B>(b)</A>"},
    {"cdata", "<A><![CDATA[<&]]></A>", "<A>c(<&)</A>"},
    {"prolog", "<?xml version=\"1.0\"?>\n<!-- x --><A/>", "<A></A>"},
    {"references", "<A V='&lt;&#65;&#x1F600;'>&amp;</A>", "<A V=&lt;&#65;&#x1F600;>(&amp;)</A>"},
    {"end with blanks", "<A></A >", "<A></A>"},
    {"mismatch", "<A><B></A></B>", "<A><B>!mismatch"},
    {"entity", "<A V='&b;'/>", "!entity"},
    {"entity in text", "<A>&xxe;</A>", "<A>!entity"},
    {"bare ampersand", "<A>a & b</A>", "<A>!syntax"},
    {"many ampersands", "<A V='&&&'/>", "!syntax"},
    {"reference to nothing", "<A>&#0;</A>", "<A>!entity"},
    {"reference too far", "<A>&#x110000;</A>", "<A>!entity"},
    {"reference to a surrogate", "<A>&#xD800;</A>", "<A>!entity"},
    {"document type", "<!DOCTYPE A><A/>", "!doctype"},
    {"no quotes", "<A V=1/>", "!syntax"},
    {"no value", "<A V/>", "!syntax"},
    {"no blank", "<A V='1'U='2'/>", "!syntax"},
    {"less in a value", "<A V='<'/>", "!syntax"},
    {"open value", "<A V='1/>", "!syntax"},
    {"open tag", "<A", "!syntax"},
    {"cut", "<A><B/>", "<A><B></B>!cut"},
    {"open comment", "<A><!-- x</A>", "<A>!cut"},
    {"text before", "x<A/>", "!syntax"},
    {"cdata before", "<![CDATA[x]]><A/>", "!syntax"},
    {"number as a name", "<1/>", "!syntax"},
    {"8-bit name", "<A\xc3\xa9/>", "!syntax"},
    {"nothing", "", "!cut"},
};

static void
reading(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		struct buf out = {0};

		tokens(bytes_str(reads[i].in), &out);
		if (!bytes_eq(buf_bytes(&out), bytes_str(reads[i].out)))
			fail_msg("%s: %.*s", reads[i].name, (int)out.len, (char *)out.ptr);
		buf_free(&out);
	}
}

static void
caps(void **state)
{
	struct buf in = {0}, out = {0};

	(void)state;
	for (int i = 0; i <= XML_DEPTH_MAX; i++)
		buf_text(&in, "<A>");
	tokens(buf_bytes(&in), &out);
	assert_true(bytes_find_seq(buf_bytes(&out), BYTES("!depth")) < out.len);
	buf_reset(&in);
	buf_reset(&out);
	buf_text(&in, "<A");
	for (int i = 0; i <= XML_ATTRIBUTES_MAX; i++)
		buf_printf(&in, " a%d='1'", i);
	buf_text(&in, "/>");
	tokens(buf_bytes(&in), &out);
	assert_true(bytes_eq(buf_bytes(&out), BYTES("!attributes")));
	buf_free(&in);
	buf_free(&out);
}

/* Every prefix and many mutations of documents: ends in a word, never a crash. */
static void
hostile(void **state)
{
	struct rng rng = rng_new(4);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		struct bytes in = bytes_str(reads[i].in);

		for (size_t n = 0; n < in.len; n++) {
			struct buf out = {0};

			tokens(bytes_sub(in, 0, n), &out);
			buf_free(&out);
		}
		for (int k = 0; k < 100 && in.len > 0; k++) {
			struct buf copy = {0}, out = {0};

			buf_add(&copy, in);
			copy.ptr[rng_below(&rng, in.len)] = (uint8_t)rng_next(&rng);
			tokens(buf_bytes(&copy), &out);
			buf_free(&copy);
			buf_free(&out);
		}
	}
}

/* Any bytes written as text are the same bytes when read (controls of XML 1.0 included). */
static void
write_read(void **state)
{
	struct rng rng = rng_new(5);

	(void)state;
	for (int round = 0; round < 2000; round++) {
		uint8_t text[30], plain[512];
		size_t n = rng_below(&rng, sizeof(text));
		struct buf doc = {0};
		struct xml_reader r;
		struct xml_token t;

		for (size_t i = 0; i < n; i++)
			text[i] = rng_below(&rng, 3) == 0
				      ? (uint8_t) "&<>\"';#\t"[rng_below(&rng, 8)]
				      : (uint8_t)(1 + rng_below(&rng, 255));
		buf_text(&doc, "<A V=\"");
		xml_write_text(&doc, bytes_of(text, n));
		buf_text(&doc, "\"/>");
		r = xml_read(buf_bytes(&doc));
		t = xml_next(&r);
		assert_int_equal(t.kind, XML_START);
		assert_true(bytes_eq(xml_plain(t.attributes[0].value, plain), bytes_of(text, n)));
		buf_free(&doc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(splitting), cmocka_unit_test(resync),
	    cmocka_unit_test(random_cuts), cmocka_unit_test(endless), cmocka_unit_test(reading),
	    cmocka_unit_test(caps), cmocka_unit_test(hostile), cmocka_unit_test(write_read)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
