/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "store/shelf.h"

static const struct wall then = {1770000000 * NS_PER_S};

static struct shelf *
open_writer(const struct temp_dir *t)
{
	struct shelf *s;
	struct why why;

	assert_int_equal(shelf_open(&s, t->path, STORE_WRITE, &why), ERR_OK);
	return s;
}

static size_t
count(const struct temp_dir *t, struct shelf_contents *c)
{
	struct shelf *s;
	struct why why;

	assert_int_equal(shelf_open(&s, t->path, STORE_READ, &why), ERR_OK);
	assert_int_equal(shelf_load(s, c, &why), ERR_OK);
	shelf_close(s);
	return c->n;
}

static void
keeps_what_is_committed(void **state)
{
	struct temp_dir t = temp_dir_new();
	struct shelf *s = open_writer(&t);
	struct shelf_contents c;
	struct buf b = {0};
	struct why why;

	(void)state;
	assert_int_equal(shelf_put(s, "b.json", BYTES("two"), &why), ERR_OK);
	assert_int_equal(shelf_put(s, "a.json", BYTES("one"), &why), ERR_OK);
	assert_int_equal(shelf_put(s, "a.json", BYTES("one again"), &why), ERR_OK);
	assert_int_equal(shelf_put_aside(s, BYTES("?"), "from/here", "not JSON", &why), ERR_OK);
	assert_int_equal(count(&t, &c), 0);
	shelf_contents_free(&c);
	assert_int_equal(shelf_read(s, "a.json", &b, &why), ERR_ABSENT);
	assert_int_equal(shelf_commit(s, then, &why), ERR_OK);
	assert_int_equal(count(&t, &c), 2);
	assert_string_equal(c.documents[0].name, "a.json");
	assert_true(bytes_eq(c.documents[0].text, BYTES("one again")));
	assert_true(bytes_eq(c.documents[1].text, BYTES("two")));
	assert_int_equal(c.aside, 1);
	assert_int_equal(c.imported.ns, then.ns);
	shelf_contents_free(&c);
	assert_int_equal(shelf_read(s, "b.json", &b, &why), ERR_OK);
	assert_true(bytes_eq(buf_bytes(&b), BYTES("two")));
	buf_free(&b);
	shelf_close(s);
	temp_dir_free(&t);
}

/* An import that ends early, or is killed, leaves the shelf as it was. */
static void
forgets_what_is_not(void **state)
{
	struct temp_dir t = temp_dir_new();
	struct shelf *s = open_writer(&t);
	struct shelf_contents c;
	char path[512];
	struct why why;
	FILE *f;

	(void)state;
	assert_int_equal(shelf_put(s, "a.json", BYTES("one"), &why), ERR_OK);
	assert_int_equal(shelf_commit(s, then, &why), ERR_OK);
	assert_int_equal(shelf_put(s, "a.json", BYTES("two"), &why), ERR_OK);
	assert_int_equal(shelf_put(s, "c.json", BYTES("three"), &why), ERR_OK);
	shelf_close(s);
	(void)snprintf(path, sizeof(path), "%s/advisories/csaf/d.json.new", t.path);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fclose(f);
	assert_int_equal(count(&t, &c), 1);
	assert_true(bytes_eq(c.documents[0].text, BYTES("one")));
	shelf_contents_free(&c);
	s = open_writer(&t);
	assert_int_equal(access(path, F_OK), -1);
	shelf_close(s);
	temp_dir_free(&t);
}

static void
tell(void *ctx, const char *digest, struct bytes why)
{
	assert_int_equal(strlen(digest), 64);
	assert_true(bytes_eq(why, BYTES("not JSON\nfrom/here")));
	(*(int *)ctx)++;
}

static void
refuses(void **state)
{
	static const char *const bad[] = {
	    "", ".", "..", ".hidden", "a/b", "../x.json", "a b", "a\n", "\xc3\xa4.json"};
	struct temp_dir t = temp_dir_new();
	char big[SHELF_NAME_MAX + 2], path[512];
	struct shelf *s, *other;
	struct buf b = {0};
	struct why why;
	int n = 0;

	(void)state;
	assert_int_equal(shelf_open(&s, t.path, STORE_READ, &why), ERR_ABSENT);
	s = open_writer(&t);
	assert_int_equal(shelf_open(&other, t.path, STORE_WRITE, &why), ERR_REFUSED);
	assert_null(other);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(shelf_put(s, bad[i], BYTES("x"), &why), ERR_USAGE);
		assert_int_equal(shelf_read(s, bad[i], &b, &why), ERR_USAGE);
	}
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	assert_int_equal(shelf_put(s, big, BYTES("x"), &why), ERR_USAGE);
	assert_int_equal(shelf_put_aside(s, BYTES(""), "from/here", "not JSON", &why), ERR_OK);
	assert_int_equal(shelf_commit(s, then, &why), ERR_OK);
	assert_int_equal(shelf_aside(s, tell, &n, &why), ERR_OK);
	assert_int_equal(n, 1);
	shelf_close(s);
	/* A link out of the folder is not followed; a folder open to others is refused. */
	(void)snprintf(path, sizeof(path), "%s/advisories/csaf/link.json", t.path);
	assert_int_equal(symlink("/etc/hostname", path), 0);
	assert_int_equal(shelf_open(&s, t.path, STORE_READ, &why), ERR_OK);
	assert_int_equal(shelf_read(s, "link.json", &b, &why), ERR_SYSTEM);
	shelf_close(s);
	(void)snprintf(path, sizeof(path), "%s/advisories/csaf", t.path);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(shelf_open(&s, t.path, STORE_READ, &why), ERR_REFUSED);
	buf_free(&b);
	temp_dir_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_what_is_committed),
	    cmocka_unit_test(forgets_what_is_not),
	    cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
