/* SPDX-License-Identifier: Apache-2.0 */
/* An address that was at one MAC a moment ago is claimed by another.
 * Quiet: an address that DHCP gave away, two interfaces of one device, router redundancy (VRRP,
 * HSRP), an owner silent for longer than arp_hold_s. */
#include "detect/engine.h"

static bool
is_redundancy(const uint8_t *mac)
{
	static const uint8_t vrrp[] = {0x00, 0x00, 0x5e, 0x00}, hsrp[] = {0x00, 0x00, 0x0c, 0x07};
	static const uint8_t hsrp2[] = {0x00, 0x00, 0x0c, 0x9f};

	return memcmp(mac, vrrp, 4) == 0 || memcmp(mac, hsrp, 4) == 0 || memcmp(mac, hsrp2, 4) == 0;
}

void
detect_arp_takeover(struct detect *d, const struct event *ev)
{
	const struct ev_binding *b = &ev->u.binding;
	bool arp = bytes_eq(b->source, BYTES("arp")) || bytes_eq(b->source, BYTES("nd"));
	bool dhcp = bytes_eq(b->source, BYTES("dhcp"));
	char before[MAC_TEXT_MAX], after[MAC_TEXT_MAX], cause[IP_TEXT_MAX];
	struct row_owner *row, was;
	struct asset_view victim;
	struct mac old;
	struct hit h = {.detector = DETECTOR_arp_takeover};
	bool fresh;

	if ((!arp && !dhcp) || ip_is_zero(b->ip) || ip_is_group(b->ip) || mac_is_zero(b->mac) ||
	    mac_is_group(b->mac))
		return;
	row = table_row(&d->owners, key_of_ip(b->ip, 6), &fresh);
	was = *row;
	memcpy(row->mac, b->mac.b, sizeof(b->mac.b));
	row->last_ns = d->head->time.ns;
	if (fresh || dhcp || memcmp(was.mac, b->mac.b, sizeof(b->mac.b)) == 0)
		return;
	old = mac_from(was.mac);
	if (d->head->time.ns - was.last_ns > (int64_t)d->config.arp_hold_s * NS_PER_S ||
	    is_redundancy(b->mac.b) || is_redundancy(was.mac))
		return;
	h.device = asset_of_mac(d->book, old);
	if (h.device != 0 && h.device == asset_of_mac(d->book, b->mac))
		return;
	h.ip = b->ip;
	ip_format(b->ip, cause);
	h.cause = bytes_str(cause);
	(void)asset_get(d->book, h.device, &victim);
	h.severity = victim.router || victim.clinical ? severity_critical : severity_high;
	mac_format(old, before);
	mac_format(b->mac, after);
	if (detect_hit(d, &h))
		detect_say(d,
		    "%s was at %s and is now claimed by %s%s: what is sent to it can be read or "
		    "changed on the way",
		    cause, before, after, (b->flags & BINDING_GRATUITOUS) != 0 ? " unasked" : "");
}
