/* SPDX-License-Identifier: Apache-2.0 */
/* What the tables of data/ know: makers of MAC addresses, models of laboratory devices, operating
 * systems and the end of their support.
 * Source: data/oui.tsv, maker-models.tsv, os-support.tsv, dhcp-fingerprints.tsv; each file names
 *         its own source and date.
 * Input:  texts as devices and protocols sent them.
 * Output: static texts that live forever.
 * Total:  any bytes; no memory, no state. Cost: a binary search (MAC), a scan of some hundred rows
 *         (texts): for claims, not for packets. */
#pragma once

#include "asset/asset.h"
#include "base/addr.h"
#include "base/clock.h"

/* The usual name of the maker; empty where the table does not know it. */
struct bytes oui_maker(struct mac mac);

struct model_info {
	struct bytes maker;
	struct bytes class; /* a label of asset_class_label() */
	struct bytes name;  /* as the maker writes it */
};

/* The most special row that fits the text. False (and *out cleared): none does. */
bool model_lookup(struct bytes text, struct model_info *out);

struct os_support {
	struct bytes name;  /* for people: "Windows 7 SP1, Server 2008 R2 SP1 or ..." */
	struct wall end;    /* of the common edition; 0: supported, or not known */
	struct wall latest; /* of the edition of that build that lasts longest; 0 as end */
	struct bytes source;
};

/* What a claim of attribute os means. Claims come in the words of the protocols:
 *   "Windows 6.1.7601" (NTLMSSP, SNMP), "Windows 5.1", "Windows 7 Professional 7601 Service Pack 1"
 *   (SMB), "Windows build 2600" (RDP client), "DHCP class MSFT 5.0", "DHCP options 1,3,6,15",
 *   "Debian GNU/Linux 9" (telnet, SSH), "Linux 5.10.0", "SunOS 5.8", ...
 * False (and *out cleared): not known. */
bool os_support(struct bytes claim, struct os_support *out);

/* The same for the three numbers of an NTLMSSP version block. */
bool os_of_ntlm_version(unsigned major, unsigned minor, unsigned build, struct os_support *out);

/* All of it for asset_limits.knowledge. */
extern const struct asset_knowledge asset_tables;
