/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: node 0 is empty; nodes of a subtree stand after its root; open[0..depth) are the
 * open containers, 0 where one was not kept. */
#include "proto/fhir/doc.h"

void
doc_init(struct doc *d, struct budget *budget)
{
	*d = (struct doc){.depth = 0};
	d->nodes.cap = DOC_NODES_MAX * sizeof(struct doc_node);
	d->nodes.budget = budget;
	d->text.cap = DOC_TEXT_MAX;
	d->text.budget = budget;
}

void
doc_reset(struct doc *d)
{
	buf_reset(&d->nodes);
	buf_reset(&d->text);
	d->depth = 0;
	d->key_len = 0;
	d->cut = false;
}

void
doc_free(struct doc *d)
{
	buf_free(&d->nodes);
	buf_free(&d->text);
}

static struct doc_node *
node_at(const struct doc *d, doc_id id)
{
	return (struct doc_node *)(void *)d->nodes.ptr + id;
}

const struct doc_node *
doc_node(const struct doc *d, doc_id id)
{
	static const struct doc_node none;

	return id == 0 ? &none : node_at(d, id);
}

static uint32_t
add_text(struct doc *d, struct bytes text)
{
	uint32_t at = (uint32_t)d->text.len;

	buf_add(&d->text, text);
	return at;
}

static uint32_t
u32_of(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static doc_id
add_node(struct doc *d, const struct json_token *t)
{
	static const struct doc_node none;
	struct doc_node n = {.kind = (uint8_t)t->kind, .size = u32_of(t->size)};
	doc_id parent = d->depth > 0 ? d->open[d->depth - 1] : 0, id;
	struct bytes text = bytes_sub(t->text, 0, DOC_STRING_MAX);

	n.offset = u32_of(t->offset);
	n.key_at = d->key_at;
	n.key_len = d->key_len;
	d->key_len = 0;
	if (d->nodes.len == 0)
		buf_add(&d->nodes, bytes_of(&none, sizeof(none)));
	if (d->depth > 0 && parent == 0)
		return 0;
	n.text_len = (uint32_t)text.len;
	n.text_at = add_text(d, text);
	id = (doc_id)(d->nodes.len / sizeof(n));
	buf_add(&d->nodes, bytes_of(&n, sizeof(n)));
	if (d->nodes.cut || d->text.cut) {
		d->cut = true;
		if (d->nodes.len / sizeof(n) > id)
			d->nodes.len -= sizeof(n);
		return 0;
	}
	if (parent == 0)
		return id;
	if (node_at(d, parent)->last == 0)
		node_at(d, parent)->child = id;
	else
		node_at(d, node_at(d, parent)->last)->next = id;
	node_at(d, parent)->last = id;
	return id;
}

doc_id
doc_add(struct doc *d, const struct json_token *t)
{
	doc_id id;

	switch (t->kind) {
	case JSON_KEY:
		d->key_len =
		    (uint32_t)(t->text.len < DOC_STRING_MAX ? t->text.len : DOC_STRING_MAX);
		d->key_at = add_text(d, bytes_sub(t->text, 0, DOC_STRING_MAX));
		return 0;
	case JSON_OBJECT:
	case JSON_ARRAY:
		id = add_node(d, t);
		d->open[d->depth++] = id;
		return id;
	case JSON_OBJECT_END:
	case JSON_ARRAY_END:
		return d->depth > 0 ? d->open[--d->depth] : 0;
	case JSON_MORE:
	case JSON_TEXT_END:
	case JSON_BROKEN:
		return 0;
	default:
		return add_node(d, t);
	}
}

void
doc_drop_below(struct doc *d, doc_id id)
{
	struct doc_node *n = node_at(d, id);

	if (id == 0)
		return;
	d->nodes.len = ((size_t)id + 1) * sizeof(*n);
	d->text.len = n->text_at + n->text_len;
	n->child = n->last = 0;
	d->nodes.cut = d->text.cut = false;
}

struct bytes
doc_key(const struct doc *d, doc_id id)
{
	const struct doc_node *n = doc_node(d, id);

	return bytes_of(d->text.ptr + n->key_at, n->key_len);
}

struct bytes
doc_text(const struct doc *d, doc_id id)
{
	const struct doc_node *n = doc_node(d, id);

	if (id == 0)
		return (struct bytes){NULL, 0};
	if (n->kind == JSON_TRUE)
		return BYTES("true");
	if (n->kind == JSON_FALSE)
		return BYTES("false");
	return bytes_of(d->text.ptr + n->text_at, n->text_len);
}

static doc_id
get(const struct doc *d, doc_id object, struct bytes key)
{
	if (doc_node(d, object)->kind != JSON_OBJECT)
		return 0;
	for (doc_id id = doc_child(d, object); id != 0; id = doc_next(d, id)) {
		if (bytes_eq(doc_key(d, id), key))
			return id;
	}
	return 0;
}

doc_id
doc_get(const struct doc *d, doc_id object, const char *key)
{
	return get(d, object, bytes_str(key));
}

doc_id
doc_at(const struct doc *d, doc_id object, const char *path)
{
	struct bytes rest = bytes_str(path);

	while (rest.len > 0 && object != 0) {
		object = get(d, object, bytes_split(rest, '/', &rest));
		if (rest.len > 0 && doc_node(d, object)->kind == JSON_ARRAY)
			object = doc_child(d, object);
	}
	return object;
}

struct bytes
doc_text_at(const struct doc *d, doc_id object, const char *path)
{
	return doc_text(d, doc_at(d, object, path));
}
