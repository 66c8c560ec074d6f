/* SPDX-License-Identifier: Apache-2.0 */
/* Order for each event: stored first, then the asset book, then the detectors; what these say is
 * stored behind it. So the events alone, in their order, give the same devices and findings again.
 *
 * Every event stored is an entry of the ledger, in the same order: event s is entry s - 1.
 *
 * What is remembered between runs: a snapshot of book and detectors, with the number of the last
 * event it holds. Events behind that number (the last run did not end well) are taken up at start.
 */
#include "brain/brain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/idmap.h"
#include "people/people.h"
#include "sys/clock.h"

#define LEDGER_VALUE "ledger.signed"

enum {
	BOOK_BYTES = 96 << 20,
	DETECT_BYTES = 64 << 20,
	SNAPSHOT_BYTES_MAX = 256 << 20,
	SNAPSHOT_EVERY_COMMITS = 600,
	CATCH_UP_EVENTS = 65536, /* between two writes while the ledger is brought up */
};

struct brain {
	struct store *store;
	struct tlog *ledger; /* NULL: none */
	uint64_t remembered; /* size of the checkpoint that the store knows of */
	struct buf record;
	struct budget book_budget, detect_budget;
	struct asset_book *book;
	struct detect *detect;
	struct event_sink asset_sink, detect_sink;
	struct brain_run run;
	struct idmap devices_seen; /* in this run */
	struct budget seen_budget;
	struct idmap put;       /* findings as the store has them: a print of count, time, state */
	uint64_t first_finding; /* no lower id lives */
	struct sip_key key;
	uint64_t last_seq;
	unsigned commits;
	bool replaying; /* derived events are in the store already */
	enum err failed;
	struct why why;
};

/* --- events to store and ledger --- */

static enum err
append(struct brain *b, struct bytes record, const struct event *ev, struct why *why)
{
	enum err e = store_append(b->store, record, ev, &b->last_seq, why);

	if (e == ERR_OK && b->ledger != NULL)
		e = tlog_add(b->ledger, b->last_seq, record, why);
	return e;
}

/* --- what book and detectors say --- */

static void
keep(struct brain *b, enum event_kind kind, const struct event_head *head, const void *fields)
{
	if (b->replaying || b->failed != ERR_OK)
		return;
	buf_reset(&b->record);
	if (!event_encode(&b->record, kind, head, fields))
		b->failed = FAIL(
		    &b->why, ERR_SYSTEM, "an event of kind %s cannot be encoded", event_name(kind));
	else
		b->failed = append(b, buf_bytes(&b->record), NULL, &b->why);
	b->run.events++;
}

static void
on_detect(void *ctx, enum event_kind kind, const struct event_head *head, const void *fields)
{
	const struct ev_finding *f = fields;
	const struct detector_info *d = detector_named(f->detector);
	struct brain *b = ctx;

	keep(b, kind, head, fields);
	if (d != NULL && !b->replaying && f->who.len == 0)
		b->run.findings[d->id]++;
}

static void
on_asset(void *ctx, enum event_kind kind, const struct event_head *head, const void *fields)
{
	struct brain *b = ctx;
	struct event ev = {.kind = kind, .head = *head};

	keep(b, kind, head, fields);
	if (kind != EV_device)
		return;
	ev.u.device = *(const struct ev_device *)fields;
	detect_event(b->detect, &ev, b->book, &b->detect_sink);
}

static void
think(struct brain *b, const struct event *ev)
{
	asset_book_event(b->book, ev, &b->asset_sink);
	detect_event(b->detect, ev, b->book, &b->detect_sink);
}

/* --- counting for the summary --- */

static void
count(struct brain *b, const struct event *ev)
{
	struct brain_run *r = &b->run;

	r->events++;
	if (ev->head.packet != 0) {
		if (r->first.ns == 0 || ev->head.time.ns < r->first.ns)
			r->first = ev->head.time;
		if (ev->head.time.ns > r->last.ns)
			r->last = ev->head.time;
	}
	switch (ev->kind) {
	case EV_message:
		if (ev->u.message.proto < PROTO_MAX)
			r->messages[ev->u.message.proto]++;
		r->results += ev->u.message.n_results;
		if ((ev->u.message.flags & MESSAGE_PROTECTED) != 0)
			break;
		r->clear_messages++;
		r->phi_messages += ev->u.message.phi > 0;
		break;
	case EV_anomaly:
		if (ev->u.anomaly.name < ANOMALY_MAX)
			r->anomalies[ev->u.anomaly.name] += ev->u.anomaly.count;
		break;
	default:
		break;
	}
}

static void
seen_device(struct brain *b, struct ip ip)
{
	uint64_t id = asset_of_ip(b->book, ip);

	if (id != 0 && idmap_get(&b->devices_seen, mix64(id) | 1) == IDMAP_NONE &&
	    idmap_put(&b->devices_seen, mix64(id) | 1, (uint32_t)id))
		b->run.devices++;
}

static void
see_devices(struct brain *b, const struct event *ev)
{
	if (ev->kind == EV_flow) {
		seen_device(b, ev->u.flow.orig);
		seen_device(b, ev->u.flow.resp);
	} else if (ev->kind == EV_binding) {
		seen_device(b, ev->u.binding.ip);
	}
}

/* --- events in --- */

enum err
brain_take(struct brain *b, struct bytes *records, struct why *why)
{
	struct event ev;
	size_t used;
	enum err e;

	if ((e = event_decode(*records, &ev, &used, why)) != ERR_OK)
		return e == ERR_LIMIT ? ERR_INPUT : e;
	/* What only the centre may say is not believed from a sensor. */
	if (ev.kind == EV_device || ev.kind == EV_finding || ev.kind == EV_process ||
	    ev.kind == EV_account)
		return FAIL(
		    why, ERR_INPUT, "a sensor sent an event of kind %s", event_name(ev.kind));
	if ((e = append(b, bytes_sub(*records, 0, used), &ev, why)) != ERR_OK)
		return e;
	count(b, &ev);
	think(b, &ev);
	see_devices(b, &ev);
	*records = bytes_from(*records, used);
	if (b->failed != ERR_OK) {
		*why = b->why;
		return b->failed;
	}
	return ERR_OK;
}

enum err
brain_tell(struct brain *b, enum event_kind kind, const struct event_head *head, const void *fields,
    struct why *why)
{
	struct buf record = {0};
	struct event ev;
	size_t used;
	enum err e;

	if (!event_encode(&record, kind, head, fields))
		return FAIL(why, ERR_LIMIT, "an event of kind %s is too large", event_name(kind));
	if ((e = event_decode(buf_bytes(&record), &ev, &used, why)) == ERR_OK &&
	    (e = append(b, buf_bytes(&record), &ev, why)) == ERR_OK) {
		b->run.events++;
		think(b, &ev);
	}
	buf_free(&record);
	return e;
}

static enum err
request_device(struct brain *b, const struct request *r, struct wall now, struct why *why)
{
	struct event_head head = {.time = now};
	struct asset_view view;
	enum asset_state state;
	struct ev_device d = {.id = r->id,
	    .what = BYTES("state"),
	    .after = bytes_str(r->state),
	    .who = bytes_str(r->who),
	    .reason = bytes_str(r->reason)};

	if (!asset_state_of_label(d.after, &state))
		return FAIL(why, ERR_USAGE, "a device cannot be %s", r->state);
	if (!asset_get(b->book, r->id, &view))
		return FAIL(why, ERR_ABSENT, "there is no device %llu; see hemostat device list",
		    (unsigned long long)r->id);
	d.before = bytes_str(asset_state_label(view.state));
	d.ip = view.ip;
	d.mac = view.mac;
	return brain_tell(b, EV_device, &head, &d, why);
}

static enum err
request_finding(struct brain *b, const struct request *r, struct wall now, struct why *why)
{
	struct event_head head = {.time = now};
	struct finding_view view;
	struct ev_finding f = {
	    .id = r->id, .who = bytes_str(r->who), .reason = bytes_str(r->reason)};

	if (strcmp(r->state, "closed") == 0 || strcmp(r->state, "accepted") == 0)
		f.what = bytes_str(r->state);
	else if (strcmp(r->state, "open") == 0)
		f.what = BYTES("reopened");
	else
		return FAIL(why, ERR_USAGE, "a finding cannot be %s", r->state);
	if (!detect_finding(b->detect, r->id, &view))
		return FAIL(why, ERR_ABSENT,
		    "there is no finding %llu; see hemostat finding list --all",
		    (unsigned long long)r->id);
	f.detector = bytes_str(detector_info(view.detector)->name);
	f.severity = view.severity;
	f.device = view.device;
	f.count = view.count;
	return brain_tell(b, EV_finding, &head, &f, why);
}

static enum err
tell_account(struct brain *b, const struct request *r, struct bytes before, struct bytes after,
    struct wall now, struct why *why)
{
	struct event_head head = {.time = now};
	struct ev_account a = {.name = bytes_str(r->name),
	    .what = bytes_str(r->state),
	    .before = before,
	    .after = after,
	    .who = bytes_str(r->who),
	    .from = bytes_str(r->from),
	    .reason = bytes_str(r->reason)};

	return brain_tell(b, EV_account, &head, &a, why);
}

static enum err
load_people(struct brain *b, struct people *p, struct why *why)
{
	struct buf kept = {0};
	enum err e = store_value(b->store, PEOPLE_VALUE, &kept, why);

	if (e == ERR_OK || e == ERR_ABSENT)
		e = people_decode(p, buf_bytes(&kept), why);
	if (kept.ptr != NULL)
		explicit_bzero(kept.ptr, kept.len);
	buf_free(&kept);
	return e;
}

static const char *
account_word(const struct account *a)
{
	return a == NULL ? "" : a->disabled ? "disabled" : role_label(a->role);
}

static enum err
request_account(struct brain *b, const struct request *r, struct wall now, struct why *why)
{
	struct people_change c = {
	    .name = bytes_str(r->name), .secret = bytes_str(r->secret), .now = now};
	const struct bytes what = bytes_str(r->state);
	struct people p;
	struct buf kept = {0};
	const char *before;
	enum err e;

	if (bytes_eq(what, BYTES("login")) || bytes_eq(what, BYTES("refused")) ||
	    bytes_eq(what, BYTES("logout")))
		return tell_account(b, r, (struct bytes){0}, (struct bytes){0}, now, why);
	if (!people_act_of_label(what, &c.act))
		return FAIL(why, ERR_USAGE, "an account cannot be asked to %s", r->state);
	if (r->role[0] != 0 && !role_of_label(bytes_str(r->role), &c.role))
		return FAIL(why, ERR_USAGE, "there is no role %s", r->role);
	if ((e = load_people(b, &p, why)) != ERR_OK)
		return e;
	before = account_word(people_find(&p, c.name));
	if ((e = people_apply(&p, &c, why)) == ERR_OK) {
		people_encode(&p, &kept);
		e = store_value_put(b->store, PEOPLE_VALUE, buf_bytes(&kept), why);
	}
	if (e == ERR_OK)
		e = tell_account(b, r, bytes_str(before),
		    bytes_str(account_word(people_find(&p, c.name))), now, why);
	if (kept.ptr != NULL)
		explicit_bzero(kept.ptr, kept.len);
	explicit_bzero(&p, sizeof(p));
	buf_free(&kept);
	return e;
}

static bool
texts_end(const struct request *r)
{
	return memchr(r->who, 0, sizeof(r->who)) != NULL &&
	       memchr(r->state, 0, sizeof(r->state)) != NULL &&
	       memchr(r->reason, 0, sizeof(r->reason)) != NULL &&
	       memchr(r->name, 0, sizeof(r->name)) != NULL &&
	       memchr(r->role, 0, sizeof(r->role)) != NULL &&
	       memchr(r->from, 0, sizeof(r->from)) != NULL &&
	       memchr(r->secret, 0, sizeof(r->secret)) != NULL;
}

enum err
brain_request(struct brain *b, const struct request *r, struct wall now, struct why *why)
{
	if (!texts_end(r))
		return FAIL(why, ERR_INPUT, "a request does not hold together");
	switch (r->kind) {
	case REQUEST_DEVICE_STATE:
		return request_device(b, r, now, why);
	case REQUEST_FINDING_STATE:
		return request_finding(b, r, now, why);
	case REQUEST_ACCOUNT:
		return request_account(b, r, now, why);
	default:
		return FAIL(why, ERR_INPUT, "a request of kind %u is not known", r->kind);
	}
}

/* --- to the store --- */

static enum err
put_device(struct brain *b, uint64_t id, struct buf *json, struct buf *addresses, struct why *why)
{
	struct asset_view v;
	struct store_device d = {.id = id};
	struct json j = json_on(json);

	if (asset_resolve(b->book, id) != id || !asset_get(b->book, id, &v))
		return store_device_drop(b->store, id, why);
	buf_reset(json);
	buf_reset(addresses);
	asset_json(b->book, id, &j);
	asset_addresses(b->book, id, addresses);
	d.state = bytes_str(asset_state_label(v.state));
	d.class = bytes_str(asset_class_label(v.class));
	d.maker = asset_best(b->book, id, attr_maker);
	d.model = asset_best(b->book, id, attr_model);
	d.serial = asset_best(b->book, id, attr_serial);
	d.software = asset_best(b->book, id, attr_software);
	d.os = asset_best(b->book, id, attr_os);
	d.hostname = asset_best(b->book, id, attr_hostname);
	d.addresses = buf_bytes(addresses);
	d.first = v.first_seen;
	d.last = v.last_seen;
	d.json = buf_bytes(json);
	return store_device_put(b->store, &d, why);
}

static enum err
put_finding(struct brain *b, uint64_t id, struct buf *json, struct why *why)
{
	static const char *const states[] = {"open", "closed", "accepted"};
	struct finding_view v;
	struct store_finding f = {.id = id};
	struct json j = json_on(json);

	if (!detect_finding(b->detect, id, &v))
		return ERR_OK;
	buf_reset(json);
	detect_finding_json(b->detect, id, &j);
	f.detector = bytes_str(detector_info(v.detector)->name);
	f.severity = v.severity;
	f.device = v.device;
	f.link = v.link;
	f.cause = v.cause;
	f.text = v.text;
	f.count = v.count;
	f.first = v.first.time;
	f.last = v.last;
	f.state = bytes_str(states[v.state]);
	f.evidence = buf_bytes(json);
	return store_finding_put(b->store, &f, why);
}

/* Counts go up without a word between two powers of two: every finding is looked at. */
static enum err
put_findings(struct brain *b, struct buf *json, struct why *why)
{
	struct finding_view v;
	enum err e = ERR_OK;
	uint64_t first = 0;

	for (uint64_t id = detect_next(b->detect, b->first_finding == 0 ? 0 : b->first_finding - 1);
	     e == ERR_OK && id != 0; id = detect_next(b->detect, id)) {
		uint64_t key = mix64(id) | 1;
		uint32_t print;

		if (first == 0)
			first = id;
		if (!detect_finding(b->detect, id, &v))
			continue;
		print =
		    (uint32_t)mix64(v.count * 31 + (uint64_t)v.last.ns + v.state * 7 + v.severity) &
		    INT32_MAX;
		if (idmap_get(&b->put, key) == print)
			continue;
		e = put_finding(b, id, json, why);
		if (!idmap_put(&b->put, key, print))
			idmap_clear(&b->put); /* full of ids that are gone: begin anew */
	}
	b->first_finding = first;
	return e;
}

static enum err
put_dirty(struct brain *b, struct why *why)
{
	struct buf json = {0}, addresses = {0};
	enum err e = ERR_OK;
	uint64_t id;

	while (e == ERR_OK && (id = asset_dirty_take(b->book)) != 0)
		e = put_device(b, id, &json, &addresses, why);
	if (e == ERR_OK)
		e = put_findings(b, &json, why);
	buf_free(&json);
	buf_free(&addresses);
	return e;
}

static enum err
remember(struct brain *b, struct why *why)
{
	struct buf out = {.cap = SNAPSHOT_BYTES_MAX};
	char number[24];
	enum err e = ERR_OK;
	int n;

	if (asset_encode(b->book, &out))
		e = store_value_put(b->store, "snapshot.assets", buf_bytes(&out), why);
	buf_reset(&out);
	if (e == ERR_OK && detect_encode(b->detect, &out))
		e = store_value_put(b->store, "snapshot.findings", buf_bytes(&out), why);
	buf_free(&out);
	n = snprintf(number, sizeof(number), "%llu", (unsigned long long)b->last_seq);
	if (e == ERR_OK)
		e = store_value_put(b->store, "snapshot.seq", bytes_of(number, (size_t)n), why);
	return e;
}

/* The checkpoint before the one that will follow: the ledger cannot go back behind it unseen. */
static enum err
remember_checkpoint(struct brain *b, struct why *why)
{
	uint64_t size = tlog_signed_size(b->ledger);
	enum err e;

	if (size == b->remembered)
		return ERR_OK;
	e = store_value_put(b->store, LEDGER_VALUE, tlog_note(b->ledger), why);
	b->remembered = size;
	return e;
}

/* The ledger's files first, then the store, then the checkpoint: see doc/ledger.md. */
static enum err
commit_both(struct brain *b, enum store_durability how, struct why *why)
{
	enum err e;

	if (b->ledger == NULL)
		return store_commit(b->store, how, why);
	if ((e = remember_checkpoint(b, why)) != ERR_OK ||
	    (e = tlog_write(b->ledger, how == STORE_DURABLE ? TLOG_DURABLE : TLOG_FAST, why)) !=
		ERR_OK ||
	    (e = store_commit(b->store, how, why)) != ERR_OK) {
		tlog_drop(b->ledger);
		return e;
	}
	tlog_keep(b->ledger);
	return how == STORE_DURABLE ? tlog_sign(b->ledger, why) : ERR_OK;
}

enum err
brain_commit(struct brain *b, enum store_durability how, struct why *why)
{
	enum err e;

	if ((e = put_dirty(b, why)) != ERR_OK)
		return e;
	if (++b->commits % SNAPSHOT_EVERY_COMMITS == 0 && (e = remember(b, why)) != ERR_OK)
		return e;
	return commit_both(b, how, why);
}

bool
brain_wants_commit(const struct brain *b)
{
	return store_wants_commit(b->store);
}

/* --- start and end --- */

static bool
replay(void *ctx, const struct store_event *e)
{
	struct brain *b = ctx;

	b->last_seq = e->seq;
	if (event_is_derived(&e->ev))
		return true;
	think(b, &e->ev);
	return b->failed == ERR_OK;
}

static enum err
value_of(struct brain *b, const char *key, struct buf *out, struct why *why)
{
	enum err e = store_value(b->store, key, out, why);

	return e == ERR_ABSENT ? ERR_OK : e;
}

/* A snapshot that cannot be read costs time, not facts: everything is replayed. */
static enum err
take_up(struct brain *b, bool *fresh, struct why *why)
{
	struct buf assets = {.cap = SNAPSHOT_BYTES_MAX}, findings = {.cap = SNAPSHOT_BYTES_MAX};
	struct buf number = {.cap = 32};
	struct store_filter rest = {.by = STORE_OLDEST_FIRST};
	uint64_t seq = 0;
	enum err e;

	*fresh = false;
	if ((e = value_of(b, "snapshot.assets", &assets, why)) != ERR_OK ||
	    (e = value_of(b, "snapshot.findings", &findings, why)) != ERR_OK ||
	    (e = value_of(b, "snapshot.seq", &number, why)) != ERR_OK)
		goto done;
	if (bytes_to_u64(buf_bytes(&number), &seq) && assets.len > 0 && findings.len > 0) {
		if (asset_restore(b->book, buf_bytes(&assets), why) != ERR_OK ||
		    detect_restore(b->detect, buf_bytes(&findings), why) != ERR_OK) {
			*fresh = true;
			goto done;
		}
	}
	b->last_seq = seq;
	rest.from_seq = seq + 1;
	b->replaying = true;
	e = store_events(b->store, &rest, replay, b, why);
	b->replaying = false;
	if (e == ERR_OK && b->failed != ERR_OK) {
		*why = b->why;
		e = b->failed;
	}
done:
	buf_free(&assets);
	buf_free(&findings);
	buf_free(&number);
	return e;
}

static enum err
make_parts(struct brain *b, const struct detect_config *config, struct why *why)
{
	struct asset_limits limits = {.key = b->key};

	asset_book_free(b->book);
	detect_free(b->detect);
	b->book_budget = (struct budget){.cap = BOOK_BYTES};
	b->detect_budget = (struct budget){.cap = DETECT_BYTES};
	b->book = asset_book_new(&b->book_budget, &limits);
	b->detect = detect_new(&b->detect_budget, config);
	if (b->book == NULL || b->detect == NULL)
		return FAIL(why, ERR_SYSTEM, "no memory for devices and findings");
	return ERR_OK;
}

void
brain_forget(struct brain *b)
{
	if (b == NULL)
		return;
	asset_book_free(b->book);
	detect_free(b->detect);
	idmap_free(&b->put);
	idmap_free(&b->devices_seen);
	buf_free(&b->record);
	explicit_bzero(&b->key, sizeof(b->key));
	free(b);
}

static struct brain *
brain_new(struct store *st, const struct sip_key *key, const struct detect_config *config,
    struct why *why)
{
	struct brain *b = calloc(1, sizeof(*b));

	if (b == NULL) {
		(void)FAIL(why, ERR_SYSTEM, "no memory");
		return NULL;
	}
	b->store = st;
	b->key = *key;
	b->seen_budget.cap = 8 << 20;
	b->put = (struct idmap){.cap = 4 * FINDINGS_MAX, .budget = &b->seen_budget};
	b->devices_seen = (struct idmap){.cap = ASSET_MAX, .budget = &b->seen_budget};
	b->asset_sink = (struct event_sink){b, on_asset};
	b->detect_sink = (struct event_sink){b, on_detect};
	if (make_parts(b, config, why) != ERR_OK) {
		brain_forget(b);
		return NULL;
	}
	return b;
}

/* --- the ledger --- */

enum err
brain_ledger_open(struct tlog **out, const struct store_dir *d, struct store *st, struct why *why)
{
	struct buf known = {.cap = NOTE_BYTES_MAX};
	enum err e = store_value(st, LEDGER_VALUE, &known, why);

	*out = NULL;
	if (e == ERR_OK || e == ERR_ABSENT)
		e = tlog_open(out, store_dir_fd(d), TLOG_WRITE, buf_bytes(&known), why);
	buf_free(&known);
	return e;
}

/* Events that the ledger does not hold yet; an event that is gone has an entry that says so. */
static enum err
add_absent(struct brain *b, uint64_t to_seq)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && tlog_next(b->ledger) < to_seq)
		e = tlog_add(b->ledger, tlog_next(b->ledger), (struct bytes){NULL, 0}, &b->why);
	return e;
}

static bool
catch_up_event(void *ctx, const struct store_event *e)
{
	struct brain *b = ctx;

	if ((b->failed = add_absent(b, e->seq)) != ERR_OK ||
	    (b->failed = tlog_add(b->ledger, e->seq, e->record, &b->why)) != ERR_OK)
		return false;
	if (e->seq % CATCH_UP_EVENTS != 0)
		return true;
	if ((b->failed = tlog_write(b->ledger, TLOG_FAST, &b->why)) == ERR_OK)
		tlog_keep(b->ledger);
	return b->failed == ERR_OK;
}

static enum err
catch_up(struct brain *b, struct why *why)
{
	struct store_filter rest = {.by = STORE_OLDEST_FIRST};
	uint64_t end = store_next_seq(b->store);
	enum err e;

	rest.from_seq = tlog_next(b->ledger);
	e = rest.from_seq < end ? store_events(b->store, &rest, catch_up_event, b, why) : ERR_OK;
	if (e == ERR_OK && b->failed == ERR_OK)
		b->failed = add_absent(b, end);
	if (e == ERR_OK && (e = b->failed) != ERR_OK)
		*why = b->why;
	return e;
}

static enum err
tell_ledger(struct brain *b, const char *what, const char *detail, struct why *why)
{
	struct event_head head = {.time = wall_now()};
	struct ev_process p = {
	    .role = BYTES("ledger"), .what = bytes_str(what), .detail = bytes_str(detail)};

	return brain_tell(b, EV_process, &head, &p, why);
}

/* After this the ledger holds what the store holds, on disk and signed. */
static enum err
in_step(struct brain *b, struct why *why)
{
	uint64_t held = store_next_seq(b->store) - 1, before = tlog_signed_size(b->ledger);
	bool again = tlog_broken(b->ledger), begun = tlog_note(b->ledger).len == 0;
	char detail[160];
	enum err e;

	b->remembered =
	    UINT64_MAX; /* so that the commit below writes, and so syncs all before it */
	if (held < before) {
		if (again)
			return FAIL(why, ERR_REFUSED,
			    "the store ends at event %llu, the ledger has signed %llu and its "
			    "files are damaged: see hemostat ledger verify, restore a copy",
			    (unsigned long long)held, (unsigned long long)before);
		if ((e = store_skip_to(b->store, before + 1, why)) != ERR_OK)
			return e;
	}
	if (again)
		tlog_begin_again(b->ledger);
	if ((e = catch_up(b, why)) != ERR_OK ||
	    (e = commit_both(b, STORE_DURABLE, why)) != ERR_OK ||
	    (e = tlog_trim(b->ledger, why)) != ERR_OK)
		return e;
	if (begun)
		e = tell_ledger(b, "start", "", why);
	else if (held > before) {
		(void)snprintf(detail, sizeof(detail),
		    "events %llu to %llu were stored and not yet signed",
		    (unsigned long long)before + 1, (unsigned long long)held);
		e = tell_ledger(b, "taken up", detail, why);
	}
	if (e == ERR_OK && again)
		e = tell_ledger(b, "made again",
		    "its files did not lead to its checkpoint; the "
		    "store's events do",
		    why);
	if (e == ERR_OK && held < before) {
		(void)snprintf(detail, sizeof(detail), "the store had lost events %llu to %llu",
		    (unsigned long long)held + 1, (unsigned long long)before);
		e = tell_ledger(b, "loss", detail, why);
	}
	return e;
}

enum err
brain_open(struct brain **out, struct store *st, struct tlog *ledger, const struct sip_key *key,
    const struct detect_config *config, struct why *why)
{
	struct brain *b = brain_new(st, key, config, why);
	bool fresh = false;
	enum err e;

	*out = NULL;
	if (b == NULL)
		return ERR_SYSTEM;
	e = take_up(b, &fresh, why);
	if (e == ERR_OK && fresh) {
		if ((e = make_parts(b, config, why)) == ERR_OK)
			e = store_value_put(st, "snapshot.assets", (struct bytes){NULL, 0}, why);
		if (e == ERR_OK)
			e = take_up(b, &fresh, why);
	}
	b->ledger = ledger;
	if (e == ERR_OK && ledger != NULL)
		e = in_step(b, why);
	if (e != ERR_OK) {
		brain_forget(b);
		return e;
	}
	*out = b;
	return ERR_OK;
}

enum err
brain_close(struct brain *b, struct why *why)
{
	enum err e;

	if (b == NULL)
		return ERR_OK;
	if ((e = put_dirty(b, why)) == ERR_OK && (e = remember(b, why)) == ERR_OK)
		e = commit_both(b, STORE_DURABLE, why);
	brain_forget(b);
	return e;
}

void
brain_run_told(const struct brain *b, struct brain_run *out)
{
	*out = b->run;
}

const struct asset_book *
brain_assets(const struct brain *b)
{
	return b->book;
}

enum err
brain_rebuild(struct store *st, const struct sip_key *key, const struct detect_config *config,
    uint64_t *events, struct why *why)
{
	struct brain *b = brain_new(st, key, config, why);
	enum err e;

	*events = 0;
	if (b == NULL)
		return ERR_SYSTEM;
	b->replaying = true;
	e = store_rebuild(st, replay, b, why);
	if (e == ERR_REFUSED && b->failed != ERR_OK) {
		*why = b->why;
		e = b->failed;
	}
	b->replaying = false;
	*events = b->last_seq;
	if (e != ERR_OK) {
		brain_forget(b);
		return e;
	}
	return brain_close(b, why);
}
