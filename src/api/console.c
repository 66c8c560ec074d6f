/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the console, out of the program itself: a path is looked up in a table, never opened. */
#include <stdlib.h>

#include "api/assets.h"
#include "api/inner.h"

static int
by_path(const void *key, const void *row)
{
	return bytes_cmp(*(const struct bytes *)key, bytes_str(((const struct asset *)row)->path));
}

/* "br", "gzip" in a list such as "gzip, deflate, br;q=1.0". */
static bool
accepts(struct bytes list, struct bytes coding)
{
	while (list.len > 0) {
		struct bytes q, one = bytes_split(bytes_split(list, ',', &list), ';', &q);

		if (bytes_eq_nocase(bytes_trim(one), coding))
			return !bytes_eq(bytes_trim(q), BYTES("q=0"));
	}
	return false;
}

bool
console_answer(const struct api_request *in, struct api_response *out)
{
	struct bytes path = bytes_eq(in->path, BYTES("/")) ? BYTES("/index.html") : in->path;
	const struct asset *a = bsearch(&path, assets, n_assets, sizeof(*assets), by_path);

	if (a == NULL || in->method != API_GET)
		return false;
	out->page = true;
	out->type = a->type;
	api_header(out, "ETag", "%s", a->tag);
	api_header(out, "Vary", "Accept-Encoding");
	api_header(out, "Cache-Control", "%s",
	    a->named_by_digest ? "public, max-age=31536000, immutable" : "no-cache");
	if (bytes_eq(in->if_none_match, bytes_str(a->tag))) {
		out->status = 304;
	} else if (a->brotli != NULL && accepts(in->accept_encoding, BYTES("br"))) {
		out->encoding = "br";
		out->fixed = bytes_of(a->brotli, a->n_brotli);
	} else if (a->gzip != NULL && accepts(in->accept_encoding, BYTES("gzip"))) {
		out->encoding = "gzip";
		out->fixed = bytes_of(a->gzip, a->n_gzip);
	} else {
		out->fixed = bytes_of(a->plain, a->n_plain);
	}
	return true;
}
