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
	    {"links:\n  - name: a\n", "listen"},
	    {"links:\n  - {name: a, listen: {address: '0'}, dial: {address: '1.1.1.1:1'}}\n",
		"expected an IP address and a port"},
	    {"links:\n  - {name: a, listen: {address: '1'}, dial: {address: '1'}}\n",
		"address of the server"},
	    {"links:\n  - {name: a, listen: {address: '1', tls: true}, dial: {address: "
	     "'1.1.1.1:1'}}\n",
		"tls needs peers"},
	    {"links:\n  - {name: a, listen: {address: '1', peers: [x]}, dial: {address: "
	     "'1.1.1.1:1'}}\n",
		"need tls: true"},
	    {"links:\n  - {name: a, listen: {address: '1'}, dial: {address: '1.1.1.1:1'}, mode: "
	     "open}\n",
		"mode"},
	    {"links:\n  - {name: a, listen: {address: '1'}, dial: {address: '1.1.1.1:1'}, "
	     "protocols: [ssh]}\n",
		"expected hl7"},
	    {"links:\n  - {name: a, listen: {address: '1'}, dial: {address: '1.1.1.1:1'}, "
	     "connections: 99999}\n",
		"expected 1 to 10000"},
	    {"links:\n  - {name: a, listen: {address: '1'}, dial: {address: '1.1.1.1:1'}}\n"
	     "  - {name: b, listen: {address: '1'}, dial: {address: '1.1.1.1:1'}}\n",
		"listen on one port"},
	    {"links:\n  - {name: a, listen: {address: '1'}, dial: {address: '1.1.1.1:1'}}\n"
	     "  - {name: a, listen: {address: '2'}, dial: {address: '1.1.1.1:1'}}\n",
		"two links"},
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

static void
links_come_back_as_written(void **state)
{
	struct buf text = {0};
	struct settings s, again;
	struct why why;

	(void)state;
	if (load("links:\n  - name: one\n    listen: {address: '[::1]:2575', tls: true, tls12: "
		 "true, "
		 "peers: [a, b]}\n    dial: {address: '10.1.1.5:7700'}\n    mode: block\n"
		 "    when_unsure: block\n    per_minute: 7\n    max_kib: 5\n"
		 "    protocols: [hl7, astm]\n    rules:\n"
		 "      - {action: deny, type: 'ADT*', from: server}\n"
		 "      - {action: allow, protocol: hl7, sender: \"it's\", max_kib: 3}\n",
		&s, &why) != ERR_OK)
		fail_msg("%s", why.text);
	assert_int_equal(s.n_links, 1);
	assert_int_equal(s.links[0].n_rules, 2);
	assert_int_equal(s.links[0].rules[1].max_bytes, 3072);
	assert_string_equal(s.links[0].listen.peers[1], "b");
	buf_text(&text, "links:\n");
	settings_write_link(&text, &s.links[0]);
	buf_byte(&text, 0);
	if (load((const char *)text.ptr, &again, &why) != ERR_OK)
		fail_msg("%s\n%s", why.text, (const char *)text.ptr);
	assert_memory_equal(&again.links[0], &s.links[0], sizeof(s.links[0]));
	settings_free(&s);
	settings_free(&again);
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(empty_runs),
	    cmocka_unit_test(example_loads), cmocka_unit_test(full_file),
	    cmocka_unit_test(links_come_back_as_written),
	    cmocka_unit_test(bad_input_names_the_place)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
