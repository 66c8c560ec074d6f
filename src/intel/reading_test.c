/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/attr.h"
#include "intel/reading.h"

static const struct {
	const char *text, *version;
	enum read_verdict want;
} ranges[] = {
    /* one bound */
    {"<= 2.4.1", "2.4.1", READ_IN},
    {"<=2.4.1", "2.4.2", READ_OUT},
    {"< 2.4.1", "2.4.1", READ_OUT},
    {"<V4.3.8", "V4.3.7", READ_IN},
    {"< V4.3.8", "4.3.8", READ_OUT},
    {"< 2.10", "2.9", READ_IN},
    {"< 4.12", "4.2", READ_IN},
    {">= 3.0", "3.1", READ_IN},
    {"> 3.0", "3.0", READ_OUT},
    {"= 3.0", "3.0", READ_IN},
    /* the form that is not all */
    {"vers:all/<V4.3.8", "V4.3.9", READ_OUT},
    {"vers:all/<V4.3.8", "V4.3.7", READ_IN},
    {"vers:all/>=V2.2.1<V2.3", "2.2.5", READ_IN},
    {"vers:all/>=V2.2.1<V2.3", "2.2.0", READ_OUT},
    {"vers:all/*", "anything", READ_IN},
    {"vers:all/*", "", READ_IN},
    {"*", "1", READ_IN},
    {"All versions", "1", READ_IN},
    /* intervals and alternatives */
    {">= 1.2 | <= 1.6", "1.4", READ_IN},
    {">= 1.2 | <= 1.6", "1.1", READ_OUT},
    {">=1.2|<=1.6", "1.7", READ_OUT},
    {">= V1.2 and < V1.6", "1.6", READ_OUT},
    {">= V1.2 and < V1.6", "1.5", READ_IN},
    {">= V1.2 < V1.6", "1.5", READ_IN},
    {"6.0|6.1", "6.1", READ_IN},
    {"6.0 | 6.1", "6.2", READ_OUT},
    {"1.3.4 | < 1.5.3", "1.4", READ_IN},
    {"1.4.2.0-9d9eff4", "1.4.2.0-9D9EFF4", READ_IN},
    {"<= U7 |<= L9", "L8", READ_IN},
    {"vers:semver/>=1.0.0|<2.0.0", "1.5.0", READ_IN},
    {"vers:semver/>=1.0.0|<2.0.0", "2.0.0", READ_OUT},
    /* words: the inside is sure, the outside is not */
    {"All versions < V4.3", "4.2", READ_IN},
    {"All versions < V4.3", "4.4", READ_DOUBT},
    {"versions prior to 2.0", "1.9", READ_IN},
    {"prior to 2.0", "2.1", READ_DOUBT},
    /* what must never be clean */
    {"< july 1 2017", "3.1", READ_DOUBT},
    {"<8/30/2024", "1.0", READ_DOUBT},
    {"< august 28", "9", READ_DOUBT},
    {"distributed  < april 1, 2018", "1", READ_DOUBT},
    {"Windows 10 Professional", "10", READ_DOUBT},
    {"2.3.6 and  below", "2.4", READ_DOUBT},
    {"14.1.x", "15.0", READ_DOUBT},
    {"2.X", "3.0", READ_DOUBT},
    {"< 3.x", "4", READ_DOUBT},
    {"<= 12.2.x.x", "12.2.8.400", READ_DOUBT},
    {"<=N", "L", READ_DOUBT},
    {"<= K", "L", READ_DOUBT},
    {"<= 1.54 (integrated into GE MobileLink)", "1.60", READ_DOUBT},
    {"3002 S3 | 3005 S3", "4.0", READ_DOUBT},
    {"A10 < A11", "A12", READ_DOUBT},
    {"A.01 <= C.0x | 4.0", "5.0", READ_DOUBT},
    {"<=firmware_9", "10", READ_DOUBT},
    {"<= 1.8.4 Service Pack 01", "1.9", READ_DOUBT},
    {"* (end-of-life 2011)", "1", READ_DOUBT},
    {"Accu-Chek Inform II", "04.01", READ_DOUBT},
    {"Rev J-M", "N", READ_DOUBT},
    {"!= 2.0", "1.0", READ_DOUBT},
    {"", "1.0", READ_DOUBT},
    {"|", "1.0", READ_DOUBT},
    {"<", "1.0", READ_DOUBT},
    {"1.0 |", "2.0", READ_DOUBT},
    {"<= 2.4.1", "", READ_DOUBT},
    {"<= 2.4.1", "unknown", READ_DOUBT},
    {"vers:nosuch/<3", "2", READ_DOUBT},
    {"<= 2.5", "2.5.0", READ_DOUBT},
    {"1.6.1", "1.6", READ_DOUBT},
};

static void
reads_ranges(void **state)
{
	int bad = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		struct version_reading r =
		    version_read(bytes_str(ranges[i].text), bytes_str(ranges[i].version));

		if (r.verdict != ranges[i].want) {
			print_error("\"%s\" with %s: %d, expected %d (%s)\n", ranges[i].text,
			    ranges[i].version, (int)r.verdict, (int)ranges[i].want, r.how);
			bad++;
		}
		assert_non_null(r.how);
	}
	assert_int_equal(bad, 0);
}

static const struct {
	const char *vendor, *product, *model;
	const char *listed_vendor, *listed_product, *listed_text;
	enum name_likeness want;
} names[] = {
    {"Examplia", "Chemline 400", "", "Examplia", "Chemline 400", "", NAME_SAME},
    {"EXAMPLIA ltd.", "CHEMLINE-400", "", "Examplia", "Chemline 400", "", NAME_SAME},
    {"Examplia", "Web Viewer", "", "Examplia", "WebViewer", "", NAME_SAME},
    {"BD", "Alaris PC Unit", "", "Becton, Dickinson and Company (BD)", "Alaris PC Unit", "",
	NAME_SAME},
    {"BD", "Pyxis CATO", "", "Becton, Dickinson and Company (BD)", "BD Pyxis CATO", "", NAME_SAME},
    {"BD", "Alaris PC Unit", "8015", "Becton, Dickinson and Company (BD)",
	"Alaris PC Unit Model 8015", "", NAME_SAME},
    {"Philips", "Vue PACS", "", "Phillips", "Vue PACS", "", NAME_SAME},
    {"Draeger", "Delta XL", "", "Dr\xc3\xa4ger", "Delta XL", "", NAME_SAME},
    {"Innokas Yhtym\xc3\xa4", "VC150", "", "Innokas Yhtym\xc3\x83\xc2\xa4 Oy", "VC150", "",
	NAME_SAME},
    {"Roche", "cobas 8000", "", "Roche Diagnostics", "cobas 8000", "", NAME_SAME},
    {"Philips", "PICiX", "", "Philips", "Patient Information Center iX (PICiX)", "", NAME_SAME},
    {"Philips", "Patient Information Center iX", "", "Philips",
	"Patient Information Center iX (PIC iX)", "", NAME_SAME},
    /* to be confirmed by a person */
    {"Philips", "IntelliSpace Portal", "", "Philips", "IntelliSpace Portal 8.0.x", "", NAME_LIKE},
    {"Welch Allyn", "Connex Spot Monitor", "", "Hillrom", "Connex Spot Monitor", "", NAME_LIKE},
    {"Roche", "Accu-Chek Inform II", "", "Roche Diagnostics",
	"Point of Care handheld medical devices", "Accu-Chek Inform II", NAME_LIKE},
    {"Philips", "Veradius Unity", "", "Philips", "Veradius Unity (with wireless option)", "",
	NAME_LIKE},
    /* others */
    {"Examplia", "Chemline 400", "", "Examplia", "Chemline 900", "", NAME_OTHER},
    {"Examplia", "Chemline 400", "", "Otherlab", "Chemline 900", "", NAME_OTHER},
    {"General Motors", "B450", "", "General Electric (GE)", "B650", "", NAME_OTHER},
    {"Examplia", "Monitor", "", "Examplia", "Patient Monitor Server", "", NAME_OTHER},
    {"Examplia", "", "", "Examplia", "", "", NAME_OTHER},
    {"", "Chemline", "", "", "Hemline", "", NAME_OTHER},
};

static void
reads_names(void **state)
{
	int bad = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct name_query q = {bytes_str(names[i].vendor), bytes_str(names[i].product),
		    bytes_str(names[i].model)};
		struct name_listed l = {bytes_str(names[i].listed_vendor), {NULL, 0},
		    bytes_str(names[i].listed_product), bytes_str(names[i].listed_text)};
		struct name_reading r = name_read(&q, &l);

		if (r.likeness != names[i].want) {
			print_error("%s %s against %s %s: %d, expected %d\n", names[i].vendor,
			    names[i].product, names[i].listed_vendor, names[i].listed_product,
			    (int)r.likeness, (int)names[i].want);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
}

static void
folds(void **state)
{
	char out[READING_NAME_MAX], big[4096];

	(void)state;
	assert_int_equal(name_fold(bytes_str("  B. Braun\tMelsungen-AG "), out), 20);
	assert_string_equal(out, "b braun melsungen ag");
	memset(big, 'x', sizeof(big));
	assert_true(name_fold(bytes_of(big, sizeof(big)), out) < READING_NAME_MAX);
	memset(big, '\xc3', sizeof(big));
	(void)name_fold(bytes_of(big, 3), out);
	assert_int_equal(
	    version_read(bytes_of(big, sizeof(big)), bytes_str("1")).verdict, READ_DOUBT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_ranges),
	    cmocka_unit_test(reads_names),
	    cmocka_unit_test(folds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
