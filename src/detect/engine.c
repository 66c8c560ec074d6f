/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: which detectors read which event, and the findings they share.
 * A finding: (none) --detect_hit--> OPEN --a person, detect_close--> CLOSED --detect_hit--> OPEN;
 *            OPEN or CLOSED --a person--> ACCEPTED, which only counts. */
#include "detect/engine.h"

#include <stdarg.h>
#include <stdio.h>

#define K(kind) (UINT64_C(1) << EV_##kind)

struct detector {
	uint64_t kinds;
	void (*run)(struct detect *d, const struct event *ev);
};

static const struct detector detectors[DETECTORS] = {
#define DETECTOR(id, no, sev, tech, kinds, text) [no] = {kinds, detect_##id},
#include "detect/detectors.def"
};

static const enum name_value severities[DETECTORS] = {
#define DETECTOR(id, no, sev, tech, kinds, text) [no] = severity_##sev,
#include "detect/detectors.def"
};

static const char *const names[DETECTORS] = {
#define DETECTOR(id, no, sev, tech, kinds, text) [no] = #id,
#include "detect/detectors.def"
};

static const struct detect_rate rates[] = {
#define RATE(id, value, unit, text) {#id, value, unit, text},
#include "detect/rates.def"
};

const struct detect_rate *
detect_rates(size_t *n)
{
	*n = ARRAY_LEN(rates);
	return rates;
}

/* --- life --- */

struct detect *
detect_new(struct budget *budget, const struct detect_config *config)
{
	struct detect *d = budget_alloc(budget, sizeof(*d));
	bool ok = true;

	if (d == NULL)
		return NULL;
	d->budget = budget;
	if (config != NULL)
		d->config = *config;
	if (d->config.os_support == NULL)
		d->config.os_support = os_support;
#define RATE(id, value, unit, text)                                                                \
	if (d->config.id == 0)                                                                     \
		d->config.id = value;
#include "detect/rates.def"
	d->by_key = (struct idmap){.budget = budget, .cap = FINDINGS_MAX};
	d->by_id = (struct idmap){.budget = budget, .cap = FINDINGS_MAX};
#define TABLE(id, n, type)                                                                         \
	ok = ok && table_new(&d->id, budget, (n) == 0 ? d->config.result_keys : (n), sizeof(type));
	DETECT_TABLES(TABLE)
#undef TABLE
	if (ok)
		return d;
	detect_free(d);
	return NULL;
}

void
detect_free(struct detect *d)
{
	if (d == NULL)
		return;
#define TABLE(id, n, type) table_free(&d->id, d->budget);
	DETECT_TABLES(TABLE)
#undef TABLE
	budget_free(d->budget, d->findings, d->room_findings * sizeof(*d->findings));
	idmap_free(&d->by_key);
	idmap_free(&d->by_id);
	budget_free(d->budget, d, sizeof(*d));
}

/* --- helpers of detectors --- */

uint64_t
key_of_ip(struct ip ip, uint64_t salt)
{
	uint64_t hi, lo;

	memcpy(&hi, ip.b, 8);
	memcpy(&lo, ip.b + 8, 8);
	return mix64(mix64(hi + salt) ^ lo) | 1;
}

uint64_t
key_of_ips(struct ip a, struct ip b, uint64_t salt)
{
	return mix64(key_of_ip(a, salt) + key_of_ip(b, salt + 1)) | 1;
}

uint64_t
key_of_bytes(struct bytes b, uint64_t salt)
{
	static const struct sip_key key = {
	    UINT64_C(0x6865616c7468206f), UINT64_C(0x6620646576696365)};

	return (sip64(&key, b) + mix64(salt)) | 1;
}

size_t
sketch_add(struct sketch *s, uint64_t hash)
{
	uint64_t bit = UINT64_C(1) << (hash & 63);
	uint64_t *word = &s->bits[hash >> 6 & (SKETCH_WORDS - 1)];
	uint64_t set = 0, sum = 0, all = SKETCH_WORDS * 64;

	if ((*word & bit) != 0)
		return 0;
	*word |= bit;
	for (size_t i = 0; i < SKETCH_WORDS; i++)
		set += (uint64_t)__builtin_popcountll(s->bits[i]);
	/* Of things that fall on bits by chance, the i-th new bit took all/(all-i) of them. */
	for (uint64_t i = 0; i < set; i++)
		sum += (all << 16) / (all - i);
	return (size_t)(sum >> 16);
}

struct ip_text
ip_text(struct ip ip)
{
	struct ip_text t;

	if (ip_is_zero(ip))
		memcpy(t.t, "an unknown address", sizeof("an unknown address"));
	else
		ip_format(ip, t.t);
	return t;
}

struct end_text
end_text(const struct detect *d, struct end e)
{
	struct bytes name = asset_best(d->book, e.device, attr_name);
	struct end_text t;

	if (name.len == 0)
		name = asset_best(d->book, e.device, attr_model);
	if (name.len == 0)
		name = asset_best(d->book, e.device, attr_hostname);
	name = bytes_sub(name, 0, 40);
	if (name.len > 0 && bytes_printable(name))
		(void)snprintf(t.t, sizeof(t.t), "%s (%.*s)", ip_text(e.ip).t, (int)name.len,
		    (const char *)name.ptr);
	else
		(void)snprintf(t.t, sizeof(t.t), "%s", ip_text(e.ip).t);
	return t;
}

struct end
detect_client(const struct detect *d)
{
	return (struct end){d->link.client, d->link.client_id};
}

struct end
detect_server(const struct detect *d)
{
	return (struct end){d->link.server, d->link.server_id};
}

struct end
detect_speaker(const struct detect *d)
{
	return d->head->dir == dir_resp ? detect_server(d) : detect_client(d);
}

struct end
detect_listener(const struct detect *d)
{
	return d->head->dir == dir_resp ? detect_client(d) : detect_server(d);
}

static uint64_t
flow_key(const struct event_head *h)
{
	return mix64(h->flow + mix64(h->source + 1)) | 1;
}

bool
detect_in_tls(struct detect *d)
{
	return d->head->flow != 0 && table_find(&d->tls_flows, flow_key(d->head)) != NULL;
}

bool
detect_is_manager(const struct detect *d, struct ip ip)
{
	for (size_t i = 0; i < d->config.n_managers; i++) {
		if (ip_eq(d->config.managers[i], ip))
			return true;
	}
	return false;
}

static bool
cidr_holds(const struct detect_cidr *net, struct ip ip)
{
	size_t whole = net->bits / 8, rest = net->bits % 8;

	if (net->bits > 128 || memcmp(net->ip.b, ip.b, whole) != 0)
		return false;
	return rest == 0 || ((net->ip.b[whole] ^ ip.b[whole]) >> (8 - rest)) == 0;
}

const struct detect_zone *
detect_zone_of(const struct detect_config *c, struct ip ip)
{
	const struct detect_zone *best = NULL;
	unsigned bits = 0;

	for (size_t i = 0; i < c->n_zones; i++) {
		for (size_t k = 0; k < c->zones[i].n_nets; k++) {
			const struct detect_cidr *net = &c->zones[i].nets[k];

			if (cidr_holds(net, ip) && (best == NULL || net->bits > bits)) {
				best = &c->zones[i];
				bits = net->bits;
			}
		}
	}
	return best;
}

bool
detect_is_inside(const struct detect *d, struct ip ip)
{
	if (d->config.n_zones > 0)
		return detect_zone_of(&d->config, ip) != NULL;
	return ip_is_private(ip);
}

bool
detect_has_learned(const struct detect *d, uint64_t device)
{
	int64_t first = asset_first_seen(d->book, device).ns;

	if (asset_state_of(d->book, device) != ASSET_STAGED)
		return true;
	return first != 0 && d->head->time.ns - first >= (int64_t)d->config.learn_s * NS_PER_S;
}

bool
detect_window(const struct detect *d, int64_t *start, uint64_t seconds)
{
	int64_t now = d->head->time.ns;

	/* An event that is a little older than the window's start belongs to it. */
	if (*start != 0 && now - *start < (int64_t)seconds * NS_PER_S)
		return false;
	*start = now;
	return true;
}

/* --- findings --- */

static uint64_t
finding_key(enum detector_id detector, uint64_t device, struct ip ip, struct bytes cause)
{
	uint64_t who = device != 0 ? mix64(device) : key_of_ip(ip, 77);

	return mix64(key_of_bytes(cause, detector) ^ who) | 1;
}

static struct finding *
finding_of(const struct detect *d, const struct idmap *map, uint64_t key)
{
	uint32_t i = key == 0 ? IDMAP_NONE : idmap_get(map, key);

	return i == IDMAP_NONE ? NULL : &d->findings[i];
}

static void
emit(struct detect *d, const struct finding *f, const char *what, const char *reason)
{
	struct ev_finding e = {.id = f->id,
	    .detector = bytes_str(names[f->detector]),
	    .severity = f->severity,
	    .device = f->device,
	    .link = f->link,
	    .ip = f->ip,
	    .peer = f->peer,
	    .cause = bytes_of(f->cause, f->cause_len),
	    .text = bytes_of(f->text, f->text_len),
	    .count = f->count,
	    .what = bytes_str(what),
	    .reason = bytes_str(reason)};

	if (d->sink != NULL)
		d->sink->emit(d->sink->ctx, EV_finding, d->head, &e);
}

/* The finding that is missed least: closed before open, then the one silent longest. */
static struct finding *
least_missed(struct detect *d)
{
	struct finding *best = &d->findings[0];

	for (size_t i = 1; i < d->n_findings; i++) {
		struct finding *f = &d->findings[i];
		bool f_closed = f->state == FINDING_CLOSED,
		     b_closed = best->state == FINDING_CLOSED;

		if (f_closed != b_closed ? f_closed
					 : f->last_ns < best->last_ns ||
					       (f->last_ns == best->last_ns && f->id < best->id))
			best = f;
	}
	return best;
}

/* NULL: no memory. */
static struct finding *
finding_place(struct detect *d)
{
	struct finding *f;
	size_t room;

	if (d->n_findings < d->room_findings)
		return &d->findings[d->n_findings++];
	if (d->n_findings == FINDINGS_MAX) {
		f = least_missed(d);
		d->forgotten += f->state == FINDING_OPEN;
		idmap_drop(&d->by_key, f->key);
		idmap_drop(&d->by_id, f->id);
		return f;
	}
	room = d->room_findings == 0 ? 64 : d->room_findings * 2;
	f = budget_realloc(
	    d->budget, d->findings, d->room_findings * sizeof(*f), room * sizeof(*f));
	if (f == NULL)
		return NULL;
	d->findings = f;
	d->room_findings = room;
	return &d->findings[d->n_findings++];
}

static bool
finding_index(struct detect *d, const struct finding *f)
{
	uint32_t i = (uint32_t)(f - d->findings);

	return idmap_put(&d->by_key, f->key, i) && idmap_put(&d->by_id, f->id, i);
}

static bool
finding_make(struct detect *d, const struct hit *h, uint64_t key, enum name_value severity)
{
	struct finding *f = finding_place(d);

	if (f == NULL)
		return false;
	*f = (struct finding){.id = ++d->last_id,
	    .key = key,
	    .device = h->device,
	    .link = h->link,
	    .count = 1,
	    .first = *d->head,
	    .last_ns = d->head->time.ns,
	    .ip = h->ip,
	    .peer = h->peer,
	    .detector = (uint8_t)h->detector,
	    .severity = (uint8_t)severity};
	f->cause_len = (uint8_t)bytes_sub(h->cause, 0, FINDING_CAUSE_MAX).len;
	if (f->cause_len > 0)
		memcpy(f->cause, h->cause.ptr, f->cause_len);
	if (!finding_index(d, f)) {
		d->n_findings--;
		return false;
	}
	d->made[h->detector]++;
	d->said = f;
	d->what = "new";
	return true;
}

bool
detect_hit(struct detect *d, const struct hit *h)
{
	enum name_value severity = h->severity != 0 ? h->severity : severities[h->detector];
	uint64_t key =
	    finding_key(h->detector, h->device, h->ip, bytes_sub(h->cause, 0, FINDING_CAUSE_MAX));
	struct finding *f = finding_of(d, &d->by_key, key);
	int64_t now = d->head->time.ns;
	bool worse;

	if (f == NULL)
		return finding_make(d, h, key, severity);
	f->count++;
	if (now > f->last_ns)
		f->last_ns = now;
	if (f->state == FINDING_ACCEPTED)
		return false;
	worse = severity > f->severity;
	if (worse)
		f->severity = (uint8_t)severity;
	if (f->state == FINDING_CLOSED) {
		f->state = FINDING_OPEN;
		d->what = "reopened";
	} else if (worse || (f->count & (f->count - 1)) == 0 ||
		   now - f->told_ns >= (int64_t)d->config.again_s * NS_PER_S) {
		d->what = "again";
	} else {
		return false;
	}
	f->peer = h->peer;
	if (h->link != 0)
		f->link = h->link;
	d->said = f;
	return true;
}

void
detect_say(struct detect *d, const char *fmt, ...)
{
	struct finding *f = d->said;
	char text[FINDING_TEXT_MAX + 1];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	f->text_len = (uint16_t)(n < 0 ? 0 : n > FINDING_TEXT_MAX ? FINDING_TEXT_MAX : n);
	memcpy(f->text, text, f->text_len);
	f->told_ns = d->head->time.ns;
	emit(d, f, d->what, NULL);
}

static void
finding_close(struct detect *d, struct finding *f, const char *reason)
{
	if (f->state != FINDING_OPEN)
		return;
	f->state = FINDING_CLOSED;
	emit(d, f, "closed", reason);
}

void
detect_close(
    struct detect *d, enum detector_id id, uint64_t device, struct bytes cause, const char *reason)
{
	struct ip none = {{0}};
	struct finding *f = finding_of(d, &d->by_key, finding_key(id, device, none, cause));

	if (f != NULL)
		finding_close(d, f, reason);
}

/* What a person decided. */
static void
on_finding(struct detect *d, const struct ev_finding *e)
{
	struct finding *f = finding_of(d, &d->by_id, e->id);

	if (f == NULL || e->who.len == 0)
		return;
	if (bytes_eq(e->what, BYTES("closed")))
		f->state = FINDING_CLOSED;
	else if (bytes_eq(e->what, BYTES("accepted")))
		f->state = FINDING_ACCEPTED;
	else if (bytes_eq(e->what, BYTES("reopened")))
		f->state = FINDING_OPEN;
}

/* Two devices turned out to be one: their findings go under the id that stays. */
static void
on_merge(struct detect *d, const struct ev_device *e)
{
	uint64_t gone;

	if (!bytes_to_u64(e->before, &gone))
		return;
	for (size_t i = 0; i < d->n_findings; i++) {
		struct finding *f = &d->findings[i];
		uint64_t key;
		struct finding *same;

		if (f->device != gone || gone == 0)
			continue;
		key = finding_key(f->detector, e->id, f->ip, bytes_of(f->cause, f->cause_len));
		same = finding_of(d, &d->by_key, key);
		if (same != NULL) {
			same->count += f->count;
			finding_close(d, f, "the device turned out to be another");
			continue;
		}
		idmap_drop(&d->by_key, f->key);
		f->key = key;
		f->device = e->id;
		/* One was dropped just now: there is room. */
		if (!idmap_put(&d->by_key, key, (uint32_t)i))
			d->forgotten++;
	}
}

void
detect_event(struct detect *d, const struct event *ev, const struct asset_book *book,
    const struct event_sink *sink)
{
	bool fresh;

	d->head = &ev->head;
	d->book = book;
	d->sink = sink;
	if (d->first_ns == 0)
		d->first_ns = ev->head.time.ns;
	(void)asset_link_get(book, ev->head.link, &d->link);
	if (ev->kind == EV_tls && ev->head.flow != 0) {
		struct row_seen *row = table_row(&d->tls_flows, flow_key(&ev->head), &fresh);

		row->first_ns = ev->head.time.ns;
	} else if (ev->kind == EV_finding) {
		on_finding(d, &ev->u.finding);
	} else if (ev->kind == EV_device && bytes_eq(ev->u.device.what, BYTES("merge"))) {
		on_merge(d, &ev->u.device);
	}
	for (size_t i = 1; i < DETECTORS; i++) {
		if ((detectors[i].kinds >> ev->kind & 1) != 0)
			detectors[i].run(d, ev);
	}
	d->head = NULL;
	d->book = NULL;
	d->sink = NULL;
}

/* --- reading --- */

bool
detect_finding(const struct detect *d, uint64_t id, struct finding_view *out)
{
	const struct finding *f = finding_of(d, &d->by_id, id);

	memset(out, 0, sizeof(*out));
	if (f == NULL)
		return false;
	*out = (struct finding_view){.id = f->id,
	    .detector = f->detector,
	    .severity = f->severity,
	    .state = f->state,
	    .device = f->device,
	    .link = f->link,
	    .ip = f->ip,
	    .peer = f->peer,
	    .cause = bytes_of(f->cause, f->cause_len),
	    .text = bytes_of(f->text, f->text_len),
	    .count = f->count,
	    .first = f->first,
	    .last = {f->last_ns}};
	return true;
}

uint64_t
detect_next(const struct detect *d, uint64_t after)
{
	for (uint64_t id = after + 1; id <= d->last_id; id++) {
		if (finding_of(d, &d->by_id, id) != NULL)
			return id;
	}
	return 0;
}

void
detect_finding_json(const struct detect *d, uint64_t id, struct json *j)
{
	static const char *const states[] = {"open", "closed", "accepted"};
	const struct detector_info *info;
	struct finding_view f;

	if (!detect_finding(d, id, &f)) {
		json_null(j);
		return;
	}
	info = detector_info(f.detector);
	json_object(j);
	json_ku64(j, "id", f.id);
	json_kstr(j, "detector", names[f.detector]);
	json_kstr(j, "severity", name_label(NAMES_severity, f.severity));
	json_kstr(j, "state", states[f.state]);
	json_kstr(j, "technique", info->technique);
	json_ku64(j, "device", f.device);
	if (f.link != 0)
		json_ku64(j, "link", f.link);
	if (!ip_is_zero(f.ip))
		json_kstr(j, "ip", ip_text(f.ip).t);
	if (!ip_is_zero(f.peer))
		json_kstr(j, "peer", ip_text(f.peer).t);
	json_kbytes(j, "cause", f.cause);
	json_kbytes(j, "text", f.text);
	json_kstr(j, "meaning", info->text);
	json_kstr(j, "why", info->why);
	json_kstr(j, "todo", info->todo);
	json_ku64(j, "count", f.count);
	json_kwall(j, "first_seen", f.first.time);
	json_kwall(j, "last_seen", f.last);
	json_key(j, "evidence");
	json_object(j);
	json_ku64(j, "source", f.first.source);
	json_ku64(j, "packet", f.first.packet);
	if (f.first.flow != 0) {
		json_ku64(j, "flow", f.first.flow);
		json_kstr(j, "dir", name_label(NAMES_dir, f.first.dir));
		json_ku64(j, "offset", f.first.offset);
	}
	json_object_end(j);
	json_object_end(j);
}

uint64_t
detect_count(const struct detect *d, enum detector_id id)
{
	return (size_t)id < DETECTORS ? d->made[id] : 0;
}

uint64_t
detect_forgotten(const struct detect *d)
{
	return d->forgotten;
}

/* --- snapshots --- */

static const uint8_t magic[4] = {'H', 'M', 'F', 'D'};

enum { SNAPSHOT_VERSION = 1 };

static void
pack_finding(const struct finding *f, struct buf *out)
{
	pack_u64(out, f->id);
	pack_u64(out, f->key);
	pack_u64(out, f->device);
	pack_u64(out, f->link);
	pack_u64(out, f->count);
	pack_u64(out, (uint64_t)f->first.time.ns);
	pack_u64(out, f->first.source);
	pack_u64(out, f->first.packet);
	pack_u64(out, f->first.flow);
	pack_u64(out, f->first.link);
	pack_u64(out, f->first.dir);
	pack_u64(out, f->first.offset);
	pack_u64(out, (uint64_t)f->last_ns);
	pack_u64(out, (uint64_t)f->told_ns);
	pack_raw(out, f->ip.b, sizeof(f->ip.b));
	pack_raw(out, f->peer.b, sizeof(f->peer.b));
	pack_u64(out, f->detector);
	pack_u64(out, f->severity);
	pack_u64(out, f->state);
	pack_bytes(out, bytes_of(f->cause, f->cause_len));
	pack_bytes(out, bytes_of(f->text, f->text_len));
}

static void
unpack_finding(const struct detect *d, struct finding *f, struct cursor *c)
{
	struct bytes b;

	memset(f, 0, sizeof(*f));
	f->id = unpack_upto(c, d->last_id);
	f->key = unpack_u64(c);
	f->device = unpack_u64(c);
	f->link = unpack_u64(c);
	f->count = unpack_u64(c);
	f->first.time.ns = (int64_t)unpack_u64(c);
	f->first.source = unpack_u64(c);
	f->first.packet = unpack_u64(c);
	f->first.flow = unpack_u64(c);
	f->first.link = unpack_u64(c);
	f->first.dir = unpack_u64(c);
	f->first.offset = unpack_u64(c);
	f->last_ns = (int64_t)unpack_u64(c);
	f->told_ns = (int64_t)unpack_u64(c);
	unpack_raw(c, f->ip.b, sizeof(f->ip.b));
	unpack_raw(c, f->peer.b, sizeof(f->peer.b));
	f->detector = (uint8_t)unpack_upto(c, DETECTORS - 1);
	f->severity = (uint8_t)unpack_upto(c, severity_critical);
	f->state = (uint8_t)unpack_upto(c, FINDING_ACCEPTED);
	b = unpack_bytes(c, FINDING_CAUSE_MAX);
	f->cause_len = (uint8_t)b.len;
	if (b.len > 0)
		memcpy(f->cause, b.ptr, b.len);
	b = unpack_bytes(c, FINDING_TEXT_MAX);
	f->text_len = (uint16_t)b.len;
	if (b.len > 0)
		memcpy(f->text, b.ptr, b.len);
	if (f->id == 0 || f->key == 0 || f->detector == 0)
		c->short_ = true;
}

bool
detect_encode(const struct detect *d, struct buf *out)
{
	pack_raw(out, magic, sizeof(magic));
	pack_u64(out, SNAPSHOT_VERSION);
	pack_u64(out, d->last_id);
	pack_u64(out, d->forgotten);
	pack_u64(out, (uint64_t)d->first_ns);
	pack_u64(out, (uint64_t)d->dhcp_first_ns);
	pack_u64(out, DETECTORS);
	for (size_t i = 0; i < DETECTORS; i++)
		pack_u64(out, d->made[i]);
	pack_u64(out, d->n_findings);
	for (size_t i = 0; i < d->n_findings; i++)
		pack_finding(&d->findings[i], out);
#define TABLE(id, n, type) table_pack(&d->id, out);
	DETECT_TABLES(TABLE)
#undef TABLE
	return !out->cut;
}

enum err
detect_restore(struct detect *d, struct bytes in, struct why *why)
{
	struct cursor c = cursor_of(in);
	struct bytes head = cursor_take(&c, sizeof(magic));
	uint64_t n;

	if (!bytes_eq(head, bytes_of(magic, sizeof(magic))) || unpack_u64(&c) != SNAPSHOT_VERSION)
		return FAIL(
		    why, ERR_INPUT, "not a snapshot of findings of version %d", SNAPSHOT_VERSION);
	if (d->last_id != 0 || d->first_ns != 0)
		return FAIL(why, ERR_USAGE, "a snapshot of findings needs a new engine");
	d->last_id = unpack_u64(&c);
	d->forgotten = unpack_u64(&c);
	d->first_ns = (int64_t)unpack_u64(&c);
	d->dhcp_first_ns = (int64_t)unpack_u64(&c);
	n = unpack_upto(&c, 1024);
	for (uint64_t i = 0; i < n && !c.short_; i++) {
		uint64_t made = unpack_u64(&c);

		if (i < DETECTORS)
			d->made[i] = made;
	}
	n = unpack_upto(&c, FINDINGS_MAX);
	for (uint64_t i = 0; i < n && !c.short_; i++) {
		struct finding *f = finding_place(d);

		if (f == NULL)
			return FAIL(why, ERR_LIMIT, "no memory for %d findings", (int)n);
		unpack_finding(d, f, &c);
		if (c.short_)
			break;
		if (finding_of(d, &d->by_key, f->key) != NULL ||
		    finding_of(d, &d->by_id, f->id) != NULL)
			return FAIL(why, ERR_INPUT, "a finding stands twice in a snapshot");
		if (!finding_index(d, f))
			return FAIL(why, ERR_LIMIT, "no memory to index findings");
	}
#define TABLE(id, rows, type) table_unpack(&d->id, &c);
	DETECT_TABLES(TABLE)
#undef TABLE
	if (c.short_ || cursor_left(&c) > 0)
		return FAIL(why, ERR_INPUT,
		    "snapshot of findings does not hold together at byte %zu", c.at);
	return ERR_OK;
}
