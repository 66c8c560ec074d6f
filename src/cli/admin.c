/* SPDX-License-Identifier: Apache-2.0 */
/* hemostat config check|example, store check|rebuild|rescue, sandbox test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "brain/brain.h"
#include "cli/open.h"
#include "settings/settings.h"
#include "sys/sandbox.h"

static int
run_config_check(struct cli *c)
{
	char path[DATA_DIR_PATH_MAX];
	const char *file = c->n_args == 1 ? c->args[0] : cli_settings_path(c, path);
	struct settings s;
	struct why why;

	if (c->n_args > 1)
		return cli_fail(EXIT_USAGE, "config check takes one FILE at most");
	if (settings_load(&s, file, &why) != ERR_OK)
		return why.code == ERR_INPUT ? cli_fail(EXIT_FOUND, "%s", why.text) : cli_why(&why);
	if (!c->json)
		printf("%s: fine\n",
		    file != NULL ? file : "no settings file; the defaults are in force");
	settings_free(&s);
	return EXIT_DONE;
}

static int
run_config_example(struct cli *c)
{
	struct buf out = {0};

	(void)c;
	settings_example(&out);
	(void)fwrite(out.ptr, 1, out.len, stdout);
	buf_free(&out);
	return EXIT_DONE;
}

static void
tell_check(const struct cli *c, const struct store_check *k)
{
	struct buf line = {0};
	struct json j = json_on(&line);

	if (!c->json) {
		printf("%llu events in %llu blocks", (unsigned long long)k->events,
		    (unsigned long long)k->blocks);
		if (k->damaged_blocks > 0 || k->structure_damaged || k->holes > 0)
			printf("; DAMAGED: %llu blocks (%llu events)%s, %llu holes",
			    (unsigned long long)k->damaged_blocks,
			    (unsigned long long)k->damaged_events,
			    k->structure_damaged ? ", the database's own structure" : "",
			    (unsigned long long)k->holes);
		else
			printf("; everything holds");
		(void)fputc('\n', stdout);
		return;
	}
	json_object(&j);
	json_kstr(&j, "type", "store_check");
	json_ku64(&j, "events", k->events);
	json_ku64(&j, "blocks", k->blocks);
	json_ku64(&j, "damaged_blocks", k->damaged_blocks);
	json_ku64(&j, "damaged_events", k->damaged_events);
	json_ku64(&j, "holes", k->holes);
	json_kbool(&j, "structure_damaged", k->structure_damaged);
	json_object_end(&j);
	cli_json_line(&line);
	buf_free(&line);
}

static int
run_store_check(struct cli *c)
{
	struct store_check k = {0};
	struct cli_store s;
	struct why why;
	enum err e;
	int status;

	if ((status = cli_open(c, STORE_READ, &s)) >= 0)
		return status;
	e = store_check(s.store, &k, &why);
	cli_close(&s);
	if (e != ERR_OK && e != ERR_INPUT)
		return cli_why(&why);
	tell_check(c, &k);
	return e == ERR_OK ? EXIT_DONE : cli_fail(EXIT_FOUND, "%s", why.text);
}

static int
run_store_rebuild(struct cli *c)
{
	char path[DATA_DIR_PATH_MAX];
	struct settings settings;
	struct cli_store s;
	struct sip_key key;
	struct why why;
	uint64_t events;
	enum err e;
	int status;

	if (settings_load(&settings, cli_settings_path(c, path), &why) != ERR_OK)
		return cli_why(&why);
	if ((status = cli_open(c, STORE_WRITE, &s)) >= 0) {
		settings_free(&settings);
		return status;
	}
	if ((e = store_dir_key(s.dir, &key, &why)) == ERR_OK)
		e = brain_rebuild(s.store, &key, &settings.detect, &events, &why);
	explicit_bzero(&key, sizeof(key));
	cli_close(&s);
	settings_free(&settings);
	if (e != ERR_OK)
		return cli_why(&why);
	if (!c->json)
		printf("devices, findings, links and counts were made again from %llu events\n",
		    (unsigned long long)events);
	return EXIT_DONE;
}

static int
run_store_rescue(struct cli *c)
{
	char path[DATA_DIR_PATH_MAX];
	struct store_dir *dir = NULL;
	struct store_check k = {0};
	struct why why;
	enum err e;

	cli_data_path(c, path);
	if ((e = store_dir_open(&dir, path, STORE_WRITE, &why)) == ERR_OK)
		e = store_rescue(dir, &k, &why);
	if (dir != NULL)
		store_dir_close(dir);
	if (e != ERR_OK)
		return cli_why(&why);
	tell_check(c, &k);
	return run_store_rebuild(c);
}

/* --- sandbox test --- */

static int
try_profile(enum sandbox_profile p, const char *name)
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	if ((pid = fork()) == -1)
		return -1;
	if (pid == 0) {
		struct sandbox_try tries[SANDBOX_TRIES_MAX];
		struct why why;
		bool landlocked;
		int bad = 0;
		size_t n;

		if (sandbox_enter(p, STDIN_FILENO, &landlocked, &why) != ERR_OK &&
		    sandbox_enter(SANDBOX_READER, -1, &landlocked, &why) != ERR_OK) {
			printf("%-8s could not be shut in: %s\n", name, why.text);
			(void)fflush(stdout);
			_exit(1);
		}
		n = sandbox_self_test(p, tries);
		for (size_t i = 0; i < n; i++) {
			printf("%-8s %-38s %s\n", name, tries[i].what,
			    tries[i].held ? "refused" : "NOT HELD");
			bad += !tries[i].held;
		}
		(void)fflush(stdout);
		_exit(bad != 0);
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

static int
run_sandbox_test(struct cli *c)
{
	char dir[] = "/tmp/hemostat-sandbox-XXXXXX";
	int bad = 0, fd;

	(void)c;
	/* The store's profile wants a directory of its own; it comes as standard input. */
	if (mkdtemp(dir) == NULL || freopen(dir, "r", stdin) == NULL)
		return cli_fail(EXIT_SYSTEM, "no temporary directory");
	fd = fileno(stdin);
	if (fd != STDIN_FILENO)
		(void)dup2(fd, STDIN_FILENO);
	bad |= try_profile(SANDBOX_SENSOR, "sensor");
	bad |= try_profile(SANDBOX_STORE, "store");
	bad |= try_profile(SANDBOX_WEB, "web");
	bad |= try_profile(SANDBOX_GATE, "gate");
	bad |= try_profile(SANDBOX_KEYS, "keys");
	bad |= try_profile(SANDBOX_READER, "decode");
	(void)rmdir(dir);
	return bad == 0 ? EXIT_DONE : cli_fail(EXIT_FOUND, "a sandbox does not hold");
}

const struct cli_command command_config_check = {.noun = "config",
    .verb = "check",
    .args = "[FILE]",
    .summary = "hold a settings file against what is expected",
    .run = run_config_check};

const struct cli_command command_config_example = {.noun = "config",
    .verb = "example",
    .args = "",
    .summary = "a settings file with every key, default and meaning",
    .run = run_config_example};

const struct cli_command command_store_check = {.noun = "store",
    .verb = "check",
    .args = "",
    .summary = "read everything kept and hold it against its checksums",
    .run = run_store_check};

const struct cli_command command_store_rebuild = {.noun = "store",
    .verb = "rebuild",
    .args = "",
    .summary = "make devices, findings, links and counts again from the events",
    .run = run_store_rebuild};

const struct cli_command command_store_rescue = {.noun = "store",
    .verb = "rescue",
    .args = "",
    .summary = "save what can be read of a damaged database",
    .run = run_store_rescue};

const struct cli_command command_sandbox_test = {.noun = "sandbox",
    .verb = "test",
    .args = "",
    .summary = "try from inside each role what it must not be able to do",
    .run = run_sandbox_test};
