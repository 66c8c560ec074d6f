/* SPDX-License-Identifier: Apache-2.0 */
/* Records as the verifier reads them, held against how the program reads them. */
#include <stdlib.h>

#include "event/event.h"
#include "verify/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct audit_complete complete;
	struct bytes in = bytes_of(data, size);
	struct audit_fact f = {0};
	struct event ev;
	size_t used;

	if (record_fact(in, &f))
		audit_fact(&complete, &f);
	if (event_decode(in, &ev, &used, NULL) != ERR_OK || used != size)
		return 0;
	/* What the program takes for a whole record, the verifier reads the same. */
	if (!record_fact(in, &f) || f.time.ns != ev.head.time.ns || f.source != ev.head.source)
		abort();
	if (ev.kind == EV_capture &&
	    (f.kind != FACT_CAPTURE || !bytes_eq(f.what, ev.u.capture.what) ||
		!bytes_eq(f.detail, ev.u.capture.detail)))
		abort();
	if (ev.kind == EV_process &&
	    (f.kind != FACT_PROCESS || !bytes_eq(f.role, ev.u.process.role) ||
		!bytes_eq(f.what, ev.u.process.what)))
		abort();
	return 0;
}
