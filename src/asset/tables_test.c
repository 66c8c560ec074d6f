/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asset/tables.h"
#include "asset/tables_data.h"
#include "rng.h"

static void
is(struct bytes got, const char *want, const char *about)
{
	if (!bytes_eq(got, bytes_str(want)))
		fail_msg("%s: '%.*s', wanted '%s'", about, (int)got.len,
		    (const char *)(got.len > 0 ? got.ptr : (const uint8_t *)""), want);
}

static void
makers(void **state)
{
	static const struct {
		struct mac mac;
		const char *maker;
	} cases[] = {
	    {{{0x00, 0x90, 0xe8, 1, 2, 3}}, "Moxa"},
	    {{{0x00, 0x20, 0x4a, 1, 2, 3}}, "Lantronix"},
	    {{{0x00, 0x80, 0xa3, 1, 2, 3}}, "Lantronix"},
	    {{{0x00, 0x40, 0x9d, 1, 2, 3}}, "Digi"},
	    {{{0x00, 0x0c, 0x29, 1, 2, 3}}, "VMware"},
	    {{{0x00, 0x15, 0x5d, 1, 2, 3}}, "Microsoft"},
	    {{{0x52, 0x54, 0x00, 1, 2, 3}}, "QEMU"},
	    {{{0, 0, 0, 0, 0, 0}}, ""},
	    {{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, ""},
	    {{{0x02, 0x42, 0xac, 0x11, 0, 2}}, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		is(oui_maker(cases[i].mac), cases[i].maker, cases[i].maker);
	/* The search needs the order; the generator gives it. */
	for (size_t i = 1; i < oui_rows_n; i++)
		assert_true(oui_rows[i - 1].oui < oui_rows[i].oui);
}

static void
models(void **state)
{
	static const struct {
		const char *text, *maker, *class, *name;
	} cases[] = {
	    {"XN-550", "Sysmex", "analyzer", "XN-550"},
	    {"xn550", "Sysmex", "analyzer", "XN-550"},
	    {"XN-9000", "Sysmex", "analyzer", "XN"},
	    {"SYSMEX XN-L", "Sysmex", "analyzer", "XN-L"},
	    {"XP-100", "Sysmex", "analyzer", "XP-100"},
	    {"c111", "Roche", "analyzer", "cobas c 111"},
	    {"cobas c 111", "Roche", "analyzer", "cobas c 111"},
	    {"cobas 4800 software 2.3.0.1905", "Roche", "analyzer", "cobas 4800"},
	    {"DCA VANTAGE", "Siemens Healthineers", "analyzer", "DCA Vantage"},
	    {"Afinion 2 Analyzer", "Abbott", "analyzer", "Afinion 2"},
	    {"H500", "HORIBA", "analyzer", "Yumizen H500"},
	    {"GeneXpert", "Cepheid", "analyzer", "GeneXpert"},
	    {"miniVidas", "bioM\303\251rieux", "analyzer", "mini VIDAS"},
	    {"MINDRAY BS-200", "Mindray", "analyzer", "BS-200"},
	    {"BA-88A", "Mindray", "analyzer", "BA-88A"},
	    {"PENTRA60", "HORIBA", "analyzer", "ABX Pentra 60"},
	    {"START4", "Stago", "analyzer", "STart 4"},
	    {"ARCHITECT i2000SR", "Abbott", "analyzer", "ARCHITECT"},
	    {"Digi Connect ME", "Digi", "serial_server", "Digi Connect"},
	    {"NPort 5610-8", "Moxa", "serial_server", "NPort"},
	    {"HP LaserJet 400", "HP", "printer", "LaserJet"},
	    {"OpenELIS", "OpenELIS", "lis", "OpenELIS"},
	};
	static const char *const unknown[] = {"", " ", "-", "LIS", "SENDAPP", "BS-200X", "AXN-550",
	    "c1110", "xnview", "GM-200", "\377\376\000", "architecture"};
	struct model_info info;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(model_lookup(bytes_str(cases[i].text), &info));
		is(info.maker, cases[i].maker, cases[i].text);
		is(info.class, cases[i].class, cases[i].text);
		is(info.name, cases[i].name, cases[i].text);
	}
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		if (model_lookup(bytes_str(unknown[i]), &info))
			fail_msg("'%s' was taken for %.*s", unknown[i], (int)info.name.len,
			    (const char *)info.name.ptr);
		assert_int_equal(info.maker.len, 0);
	}
}

/* Every row finds itself, or a longer one that holds it. */
static void
rows_find_themselves(void **state)
{
	struct model_info info;
	enum asset_class class;
	struct os_support os;

	(void)state;
	for (size_t i = 0; i < model_rows_n; i++) {
		if (!model_lookup(bytes_str(model_rows[i].text), &info))
			fail_msg("%s does not find itself", model_rows[i].text);
		assert_true(asset_class_of_label(bytes_str(model_rows[i].class), &class));
	}
	for (size_t i = 0; i < os_rows_n; i++) {
		assert_true(os_support(bytes_str(os_rows[i].text), &os));
		is(os.name, os_rows[i].name, os_rows[i].text);
	}
}

static void
systems(void **state)
{
	static const struct {
		const char *claim, *name, *end, *latest;
	} cases[] = {
	    {"Windows 6.1.7601", "Windows 7 SP1, Server 2008 R2 SP1 or Embedded Standard 7",
		"2020-01-14T00:00:00Z", "2021-10-12T00:00:00Z"},
	    {"Windows 5.1", "Windows XP, XP Embedded or POSReady 2009", "2014-04-08T00:00:00Z",
		"2019-04-09T00:00:00Z"},
	    {"Windows 5.1.2600", "Windows XP, XP Embedded or POSReady 2009", "2014-04-08T00:00:00Z",
		"2019-04-09T00:00:00Z"},
	    {"Windows 7 Professional 7601 Service Pack 1", "Windows 7", "2020-01-14T00:00:00Z",
		"2021-10-12T00:00:00Z"},
	    {"Windows Server 2008 R2 Standard 7601 Service Pack 1", "Windows Server 2008 R2",
		"2020-01-14T00:00:00Z", "2020-01-14T00:00:00Z"},
	    {"Windows 10.0.19044", "Windows 10 21H2 or IoT LTSC 2021", "2023-06-13T00:00:00Z",
		"2032-01-13T00:00:00Z"},
	    {"Windows 10.0.99999", "Windows 10 or later", "", ""},
	    {"DHCP class MSFT 5.0", "Windows 2000 or later", "", ""},
	    {"DHCP options 1,15,3,6,44,46,47,31,33,249,43", "Windows XP", "", ""},
	    {"Debian GNU/Linux 9", "Debian 9", "2020-07-18T00:00:00Z", "2022-06-30T00:00:00Z"},
	    {"Debian GNU/Linux 11", "Debian 11", "2024-08-14T00:00:00Z", "2026-08-31T00:00:00Z"},
	    {"SunOS 5.8", "Solaris 8", "2012-03-31T00:00:00Z", "2012-03-31T00:00:00Z"},
	};
	static const char *const unknown[] = {
	    "", "Win", "DHCP options ", "DHCP options 1", "DHCP class ", "QTS", "Windowz 6.1"};
	struct os_support os;
	char text[WALL_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(os_support(bytes_str(cases[i].claim), &os));
		is(os.name, cases[i].name, cases[i].claim);
		is(os.end.ns == 0 ? bytes_of(NULL, 0) : bytes_of(text, wall_format(os.end, text)),
		    cases[i].end, cases[i].claim);
		is(os.latest.ns == 0 ? bytes_of(NULL, 0)
				     : bytes_of(text, wall_format(os.latest, text)),
		    cases[i].latest, cases[i].claim);
	}
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		assert_false(os_support(bytes_str(unknown[i]), &os));
	assert_true(os_of_ntlm_version(6, 2, 9200, &os));
	is(os.name, "Windows 8, Server 2012 or Embedded 8", "6.2.9200");
	assert_false(os_of_ntlm_version(99, 0, 0, &os));
}

static void
any_text(void **state)
{
	struct rng rng = rng_new(5);
	struct model_info info;
	struct os_support os;
	uint8_t text[200];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		size_t n = rng_below(&rng, sizeof(text));

		for (size_t k = 0; k < n; k++)
			text[k] = (uint8_t) "Windows -_10.xcobasn5\377"[rng_below(&rng, 22)];
		(void)model_lookup(bytes_of(text, n), &info);
		(void)os_support(bytes_of(text, n), &os);
	}
}

static void
knowledge(void **state)
{
	(void)state;
	is(asset_tables.maker_of_model(BYTES("XN-550")), "Sysmex", "maker");
	is(asset_tables.class_of_model(BYTES("XN-550")), "analyzer", "class");
	is(asset_tables.class_of_model(BYTES("?")), "", "class");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(makers),
	    cmocka_unit_test(models),
	    cmocka_unit_test(rows_find_themselves),
	    cmocka_unit_test(systems),
	    cmocka_unit_test(any_text),
	    cmocka_unit_test(knowledge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
