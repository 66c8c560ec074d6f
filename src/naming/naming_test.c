/* SPDX-License-Identifier: Apache-2.0 */
#include "naming/naming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rng.h"

/* IPv4 UDP 10.0.0.1:123 > 10.0.0.2:123, an NTP client packet of version 4. */
static const uint8_t ntp[] = {0x45, 0, 0, 76, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0,
    123, 0, 123, 0, 56, 0, 0, 0x23, 0, 6, 0xec, [75] = 0};

static void
names_ntp(void **state)
{
	struct naming *n = naming_new();
	struct naming_flow *f = naming_open(n);
	char label[NAMING_LABEL_MAX];

	(void)state;
	assert_non_null(f);
	assert_true(naming_packet(n, f, bytes_of(ntp, sizeof(ntp)), (struct wall){1}, label));
	assert_string_equal(label, "NTP");
	naming_close(n, f);
	naming_free(n);
}

static void
gives_up_and_stays_bounded(void **state)
{
	struct naming_flow *open[NAMING_FLOWS_MAX];
	struct naming *n = naming_new();
	struct rng rng = rng_new(8);
	char label[NAMING_LABEL_MAX];
	uint8_t junk[128];
	int tries = 0;

	(void)state;
	for (size_t i = 0; i < NAMING_FLOWS_MAX; i++)
		assert_non_null(open[i] = naming_open(n));
	assert_null(naming_open(n));
	memcpy(junk, ntp, 28);
	do {
		for (size_t i = 28; i < sizeof(junk); i++)
			junk[i] = (uint8_t)rng_next(&rng);
		junk[20] = junk[22] = 0xe0;
	} while (!naming_packet(n, open[0], bytes_of(junk, 76), (struct wall){1}, label) &&
		 ++tries < 100);
	assert_true(tries < NAMING_PACKETS_MAX);
	for (size_t i = 0; i < NAMING_FLOWS_MAX; i++)
		naming_close(n, open[i]);
	naming_free(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_ntp), cmocka_unit_test(gives_up_and_stays_bounded)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
