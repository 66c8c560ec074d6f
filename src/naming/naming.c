/* SPDX-License-Identifier: Apache-2.0 */
#include "naming/naming.h"

#include <stdio.h>
#include <stdlib.h>

#include <ndpi/ndpi_api.h>

struct naming {
	struct ndpi_detection_module_struct *module;
	bool failed;
	size_t open;
};

struct naming_flow {
	struct ndpi_flow_struct *flow;
	unsigned packets;
};

struct naming *
naming_new(void)
{
	return calloc(1, sizeof(struct naming));
}

void
naming_free(struct naming *n)
{
	if (n == NULL)
		return;
	if (n->module != NULL)
		ndpi_exit_detection_module(n->module);
	free(n);
}

static bool
start(struct naming *n)
{
	NDPI_PROTOCOL_BITMASK all;

	if (n->module != NULL || n->failed)
		return n->module != NULL;
	n->module = ndpi_init_detection_module(ndpi_no_prefs);
	n->failed = n->module == NULL;
	if (n->failed)
		return false;
	NDPI_BITMASK_SET_ALL(all);
	(void)ndpi_set_protocol_detection_bitmask2(n->module, &all);
	ndpi_finalize_initialization(n->module);
	return true;
}

struct naming_flow *
naming_open(struct naming *n)
{
	struct naming_flow *f;

	if (n->open >= NAMING_FLOWS_MAX || !start(n) || (f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	if ((f->flow = ndpi_flow_malloc(sizeof(struct ndpi_flow_struct))) == NULL) {
		free(f);
		return NULL;
	}
	memset(f->flow, 0, sizeof(struct ndpi_flow_struct));
	n->open++;
	return f;
}

bool
naming_packet(struct naming *n, struct naming_flow *f, struct bytes ip, struct wall time,
    char label[NAMING_LABEL_MAX])
{
	ndpi_protocol p = {0};
	u_int8_t guessed;
	uint16_t word;

	label[0] = 0;
	if (ip.len == 0 || ip.len > UINT16_MAX)
		return false;
	p = ndpi_detection_process_packet(
	    n->module, f->flow, ip.ptr, (unsigned short)ip.len, (uint64_t)(time.ns / NS_PER_MS));
	f->packets++;
	if (p.app_protocol == NDPI_PROTOCOL_UNKNOWN && p.master_protocol == NDPI_PROTOCOL_UNKNOWN) {
		if (f->packets < NAMING_PACKETS_MAX)
			return false;
		p = ndpi_detection_giveup(n->module, f->flow, 0, &guessed);
	}
	word = p.app_protocol != NDPI_PROTOCOL_UNKNOWN ? p.app_protocol : p.master_protocol;
	if (word != NDPI_PROTOCOL_UNKNOWN)
		(void)snprintf(label, NAMING_LABEL_MAX, "%s", ndpi_get_proto_name(n->module, word));
	return true;
}

void
naming_close(struct naming *n, struct naming_flow *f)
{
	if (f == NULL)
		return;
	ndpi_flow_free(f->flow);
	free(f);
	n->open--;
}
