/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: carrier and cuts; the rest is a stream: cut into units, each judged and refused. */
#include <assert.h>

#include "fuzz.h"
#include "gate/policy.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate_link link = {.name = "fuzz", .max_bytes = 1 << 20, .n_rules = 2};
	struct policy_memory memory = {0};
	struct unit_scan u;
	struct bytes in = bytes_of(data, size), unit;
	struct buf answer = {.cap = 1 << 16};
	enum unit_carrier c;
	size_t taken = 0;

	if (size < 2)
		return 0;
	c = (enum unit_carrier)(UNIT_RAW + data[0] % 5);
	link.rules[0] = (struct gate_rule){.deny = 1, .type = "ADT*", .sender = "*x*"};
	link.rules[1] = (struct gate_rule){.type = "*R01"};
	unit_scan_init(&u, c, true);
	in = unit = bytes_from(in, 1);
	while (in.len > 0) {
		size_t most = 1 + data[0] / 5u * 7u;
		struct unit_piece p = unit_next(&u, bytes_sub(in, 0, most));
		struct judgement j;
		bool close;

		assert(p.len >= 1 && p.len <= in.len);
		taken += p.len;
		in = bytes_from(in, p.len);
		if (!p.ends)
			continue;
		policy_judge(&link, c, dir_orig, bytes_sub(unit, 0, taken), taken, &memory, &j);
		policy_answer(&answer, c, bytes_sub(unit, 0, taken), &j, (struct wall){0}, &close);
		buf_reset(&answer);
		unit = bytes_from(unit, taken);
		taken = 0;
	}
	buf_free(&answer);
	return 0;
}
