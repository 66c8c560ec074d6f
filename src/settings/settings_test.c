/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static enum err
load(const char *text, struct settings *s, struct why *why)
{
	char path[] = "/tmp/hemostat-settings-XXXXXX";
	int fd = mkstemp(path);
	enum err e;

	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	e = settings_load(s, path, why);
	(void)unlink(path);
	return e;
}

static void
empty_runs(void **state)
{
	static const char *const texts[] = {"", "\n", "# only a comment\n", "---\n"};
	struct settings s;
	struct why why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(load(texts[i], &s, &why), ERR_OK);
		assert_int_equal(s.sensors, 1);
		assert_int_equal(s.max_flows, 131072);
		settings_free(&s);
	}
	assert_int_equal(settings_load(&s, NULL, &why), ERR_OK);
	settings_free(&s);
	assert_int_equal(settings_load(&s, "/nonexistent/x.yaml", &why), ERR_SYSTEM);
}

static void
example_loads(void **state)
{
	struct buf out = {0};
	struct settings s;
	struct why why;

	(void)state;
	settings_example(&out);
	buf_byte(&out, 0);
	if (load((const char *)out.ptr, &s, &why) != ERR_OK)
		fail_msg("%s", why.text);
	assert_int_equal(s.detect.scan_hosts, 20);
	settings_free(&s);
	buf_free(&out);
}

static void
full_file(void **state)
{
	struct settings s;
	struct why why;

	(void)state;
	if (load("site: north\ninterfaces: [eth1, eth2]\nlimits: {sensors: 2, flows: 4096}\n"
		 "zones:\n  - name: lab\n    networks: [10.77.0.0/24, 'fd00::/8']\n    clinical: "
		 "true\n"
		 "managers: [10.77.0.5]\nrates: {scan_hosts: 7}\nretention: {days: 30}\n",
		&s, &why) != ERR_OK)
		fail_msg("%s", why.text);
	assert_int_equal(s.n_interfaces, 2);
	assert_int_equal(s.sensors, 2);
	assert_int_equal(s.detect.n_zones, 1);
	assert_int_equal(s.detect.zones[0].nets[0].bits, 120);
	assert_int_equal(s.detect.zones[0].nets[1].bits, 8);
	assert_int_equal(s.detect.scan_hosts, 7);
	assert_int_equal(s.retention_days, 30);
	settings_free(&s);
}

struct bad {
	const char *text, *said; /* what the message must hold */
};

static void
bad_input_names_the_place(void **state)
{
	static const struct bad cases[] = {
	    {"site: x\nnonsense: 1\n", "nonsense"},
	    {"limits:\n  sensors: many\n", "line: 2"},
	    {"limits: {sensors: 99}\n", "expected 1 to 8"},
	    {"limits: {flows: 3}\n", "limits: flows"},
	    {"zones:\n  - name: lab\n    networks: [10.77.0.0/33]\n", "10.77.0.0/33"},
	    {"zones:\n  - name: lab\n", "networks"},
	    {"managers: [nobody]\n", "nobody"},
	    {"rates:\n  scan_hots: 3\n", "scan_hots"},
	    {"site: [a\n", "line"},
	    {"- a\n- b\n", "settings"},
	    {"just text\n", "settings"},
	};
	struct settings s;
	struct why why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(load(cases[i].text, &s, &why), ERR_INPUT);
		if (strstr(why.text, cases[i].said) == NULL)
			fail_msg("%s: said \"%s\"", cases[i].text, why.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(empty_runs),
	    cmocka_unit_test(example_loads), cmocka_unit_test(full_file),
	    cmocka_unit_test(bad_input_names_the_place)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
