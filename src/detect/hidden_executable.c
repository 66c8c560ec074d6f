/* SPDX-License-Identifier: Apache-2.0 */
/* A preamble of a DICOM file has no business being a document either. */
#include "detect/engine.h"

static bool
is_program(uint64_t magic)
{
	return magic == magic_pe || magic == magic_elf || magic == magic_macho ||
	       magic == magic_script;
}

static bool
is_preamble(struct bytes place)
{
	return bytes_find_seq(place, BYTES("preamble")) < place.len;
}

void
detect_hidden_executable(struct detect *d, const struct event *ev)
{
	const struct ev_attachment *a = &ev->u.attachment;
	struct end from = detect_speaker(d);
	struct hit h = {.detector = DETECTOR_hidden_executable,
	    .device = from.device,
	    .ip = from.ip,
	    .peer = detect_listener(d).ip,
	    .link = d->link.id,
	    .cause = bytes_sub(a->place, 0, FINDING_CAUSE_MAX)};
	bool document = a->magic == magic_zip || a->magic == magic_pdf || a->magic == magic_html;

	if (!is_program(a->magic) && !(document && is_preamble(a->place)))
		return;
	if (!is_program(a->magic))
		h.severity = severity_high;
	if (detect_hit(d, &h))
		detect_say(d, "%s sent a %s of %llu bytes inside %s (%.*s%s%.*s)",
		    end_text(d, from).t, name_label(NAMES_magic, a->magic),
		    (unsigned long long)a->size, proto_text(a->proto), (int)a->place.len,
		    (const char *)a->place.ptr, a->media.len > 0 ? ", declared as " : "",
		    (int)a->media.len, (const char *)a->media.ptr);
}
