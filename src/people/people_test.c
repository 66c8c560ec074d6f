/* SPDX-License-Identifier: Apache-2.0 */
#include "people/people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct people p;
static struct why why;

static enum err
apply(enum people_act act, const char *name, enum role role, const char *secret)
{
	struct people_change c = {act, bytes_str(name), role, bytes_str(secret), {7}};

	return people_apply(&p, &c, &why);
}

static void
first_account_is_an_administrator_once(void **state)
{
	(void)state;
	p.n = 0;
	assert_int_equal(apply(PEOPLE_SETUP, "anna", ROLE_viewer, "h1"), ERR_OK);
	assert_int_equal(p.accounts[0].role, ROLE_administrator);
	assert_int_equal(apply(PEOPLE_SETUP, "mallory", ROLE_administrator, "h"), ERR_REFUSED);
	assert_int_equal(p.n, 1);
}

static void
there_is_always_an_administrator(void **state)
{
	(void)state;
	p.n = 0;
	assert_int_equal(apply(PEOPLE_SETUP, "anna", ROLE_NONE, "h1"), ERR_OK);
	assert_int_equal(apply(PEOPLE_DISABLE, "anna", ROLE_NONE, ""), ERR_REFUSED);
	assert_int_equal(apply(PEOPLE_ROLE, "anna", ROLE_viewer, ""), ERR_REFUSED);
	assert_int_equal(apply(PEOPLE_CREATE, "ben", ROLE_administrator, "h2"), ERR_OK);
	assert_int_equal(apply(PEOPLE_DISABLE, "ben", ROLE_NONE, ""), ERR_OK);
	assert_int_equal(apply(PEOPLE_ROLE, "anna", ROLE_viewer, ""), ERR_REFUSED);
	assert_int_equal(apply(PEOPLE_ENABLE, "ben", ROLE_NONE, ""), ERR_OK);
	assert_int_equal(apply(PEOPLE_ROLE, "anna", ROLE_viewer, ""), ERR_OK);
	assert_int_equal(apply(PEOPLE_DISABLE, "anna", ROLE_NONE, ""), ERR_OK);
	assert_int_equal(apply(PEOPLE_DISABLE, "ben", ROLE_NONE, ""), ERR_REFUSED);
}

static void
changes_that_cannot_be(void **state)
{
	static const char *const names[] = {"", "1a", "Anna", "a b", "a/b", "a\xc3\xa9",
	    "abcdefghijklmnopqrstuvwxyzabcdef", "../x", "a%00", "-a", "a\n"};

	(void)state;
	p.n = 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(apply(PEOPLE_CREATE, names[i], ROLE_viewer, "h"), ERR_USAGE);
	assert_int_equal(apply(PEOPLE_CREATE, "a", ROLE_NONE, "h"), ERR_USAGE);
	assert_int_equal(apply(PEOPLE_CREATE, "a", ROLES, "h"), ERR_USAGE);
	assert_int_equal(apply(PEOPLE_CREATE, "a", ROLE_viewer, ""), ERR_USAGE);
	assert_int_equal(apply(PEOPLE_ROLE, "nobody", ROLE_viewer, ""), ERR_ABSENT);
	assert_int_equal(p.n, 0);
	for (unsigned i = 0; i < ACCOUNTS_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "a%u", i);
		assert_int_equal(apply(PEOPLE_CREATE, name, ROLE_viewer, "h"), ERR_OK);
	}
	assert_int_equal(apply(PEOPLE_CREATE, "a0", ROLE_viewer, "h"), ERR_REFUSED);
	assert_int_equal(apply(PEOPLE_CREATE, "one.more", ROLE_viewer, "h"), ERR_LIMIT);
}

static void
every_change_ends_sessions(void **state)
{
	uint32_t epoch;

	(void)state;
	p.n = 0;
	assert_int_equal(apply(PEOPLE_SETUP, "anna", ROLE_NONE, "h1"), ERR_OK);
	assert_int_equal(apply(PEOPLE_CREATE, "ben", ROLE_viewer, "h2"), ERR_OK);
	epoch = p.accounts[1].epoch;
	assert_int_equal(apply(PEOPLE_PASSWORD, "ben", ROLE_NONE, "h3"), ERR_OK);
	assert_int_equal(apply(PEOPLE_ROLE, "ben", ROLE_auditor, ""), ERR_OK);
	assert_int_equal(apply(PEOPLE_DISABLE, "ben", ROLE_NONE, ""), ERR_OK);
	assert_int_equal(p.accounts[1].epoch, epoch + 3);
	assert_string_equal(p.accounts[1].secret, "h3");
}

static void
encoding_goes_round_and_any_bytes_are_safe(void **state)
{
	struct buf b = {0};
	struct people q;

	(void)state;
	p.n = 0;
	assert_int_equal(apply(PEOPLE_SETUP, "anna", ROLE_NONE, "$argon2id$x"), ERR_OK);
	assert_int_equal(apply(PEOPLE_CREATE, "ben", ROLE_auditor, "h2"), ERR_OK);
	people_encode(&p, &b);
	assert_int_equal(people_decode(&q, buf_bytes(&b), &why), ERR_OK);
	assert_int_equal(q.n, 2);
	assert_memory_equal(&q.accounts[1], &p.accounts[1], sizeof(q.accounts[1]));
	for (size_t cut = 1; cut < b.len; cut++)
		assert_int_equal(people_decode(&q, bytes_of(b.ptr, cut), &why), ERR_INPUT);
	for (size_t i = 0; i < b.len * 8; i++) {
		b.ptr[i / 8] ^= (uint8_t)(1U << i % 8);
		if (people_decode(&q, buf_bytes(&b), &why) != ERR_OK)
			assert_int_equal(q.n, 0);
		b.ptr[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	buf_free(&b);
	assert_int_equal(people_decode(&q, (struct bytes){0}, &why), ERR_OK);
	assert_int_equal(q.n, 0);
}

static void
passwords_are_judged(void **state)
{
	static const char *const bad[] = {"short", "elevenchars", "password1234", "P@ssw0rd!2024",
	    "Laboratory2026!", "123456789012", "abcdefghijkl", "aaaaaaaaaaaaa", "abcabcabcabc",
	    "qwertyuiop12345", "Summer2026!!!", "Welcome123456", "!!!ADMIN!!!2026", "HospitalLab1",
	    "annalab2026!", "passwordpassword", "987654321098"};
	static const char *const good[] = {"correct horse battery", "vT9#kq2LmZ0x",
	    "blue kettle marches", "Grünes Sofa am Meer", "labradors eat plums"};
	char longest[PASSWORD_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (password_judge(bytes_str(bad[i]), BYTES("anna"), &why) != ERR_USAGE)
			fail_msg("%s passed", bad[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (password_judge(bytes_str(good[i]), BYTES("anna"), &why) != ERR_OK)
			fail_msg("%s: %s", good[i], why.text);
	}
	for (size_t i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = (char)('a' + i * 7 % 23);
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(password_judge(bytes_str(longest), BYTES("anna"), &why), ERR_USAGE);
	assert_int_equal(
	    password_judge(BYTES("zero\0in the middle"), BYTES("anna"), &why), ERR_USAGE);
}

static void
roles_and_permissions(void **state)
{
	enum role r;

	(void)state;
	assert_true(role_of_label(BYTES("auditor"), &r));
	assert_int_equal(r, ROLE_auditor);
	assert_false(role_of_label(BYTES("none"), &r));
	assert_false(role_of_label(BYTES(""), &r));
	for (unsigned x = 0; x < PERMISSIONS; x++)
		assert_true(role_may(ROLE_administrator, (enum permission)x));
	assert_false(role_may(ROLE_NONE, PERM_self));
	assert_true(role_may(ROLE_NONE, PERM_open));
	assert_false(role_may(ROLE_viewer, PERM_results));
	assert_false(role_may(ROLE_auditor, PERM_devices));
	assert_false(role_may(ROLE_auditor, PERM_findings));
	assert_false(role_may(ROLE_auditor, PERM_people));
	assert_true(role_may(ROLE_auditor, PERM_people_read));
	assert_false(role_may(ROLE_compliance, PERM_results));
	assert_false(role_may((enum role)99, PERM_read));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_account_is_an_administrator_once),
	    cmocka_unit_test(there_is_always_an_administrator),
	    cmocka_unit_test(changes_that_cannot_be),
	    cmocka_unit_test(every_change_ends_sessions),
	    cmocka_unit_test(encoding_goes_round_and_any_bytes_are_safe),
	    cmocka_unit_test(passwords_are_judged),
	    cmocka_unit_test(roles_and_permissions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
