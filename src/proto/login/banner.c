/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/login/banner.h"

/* What is told where a line holds a text. */
struct pattern {
	const char *text;
	enum name_value attr;
	const char *value; /* NULL: what follows the text, up to `stop` */
	const char *stop;  /* bytes that end it */
	bool keep_text;    /* the value begins with the text itself */
};

/* Serial servers: Moxa and Lantronix manuals as of protocols of their set-up menus; the rest are
 * greetings of the programs themselves. */
static const struct pattern patterns[] = {
    /* serial servers */
    {"Model name", attr_model, NULL, "\r\t", false},
    {"Serial No.", attr_serial, NULL, " \r\t", false},
    {"Serial Number", attr_serial, NULL, " \r\t", false},
    {"Firmware version", attr_firmware, NULL, "\r\t", false},
    {"Software version", attr_firmware, NULL, " \r\t", false},
    {"NPort", attr_maker, "Moxa", NULL, false},
    {"Moxa", attr_maker, "Moxa", NULL, false},
    {"Lantronix", attr_maker, "Lantronix", NULL, false},
    {"Digi Connect", attr_maker, "Digi", NULL, false},
    {"PortServer", attr_maker, "Digi", NULL, false},
    /* systems */
    {"Microsoft Telnet", attr_os, "Windows", NULL, false},
    {"Microsoft FTP Service", attr_os, "Windows", NULL, false},
    {"OpenSSH_for_Windows", attr_os, "Windows", NULL, false},
    {"Welcome to the Windows CE", attr_os, "Windows CE", NULL, false},
    {"Debian GNU/Linux", attr_os, NULL, " \r\t\\(", true},
    {"Ubuntu ", attr_os, NULL, " \r\t\\(", true},
    {"CentOS release", attr_os, NULL, " \r\t(", true},
    {"Red Hat Linux release", attr_os, NULL, " \r\t(", true},
    {"Red Hat Enterprise Linux", attr_os, NULL, "\r\t(", true},
    {"Raspbian GNU/Linux", attr_os, NULL, " \r\t\\(", true},
    {"SunOS ", attr_os, NULL, " \r\t", true},
    {"FreeBSD/", attr_os, "FreeBSD", NULL, false},
    {"OpenBSD/", attr_os, "OpenBSD", NULL, false},
    {"NetBSD/", attr_os, "NetBSD", NULL, false},
    {"VxWorks", attr_os, "VxWorks", NULL, false},
    {"QNX", attr_os, "QNX", NULL, false},
    {"BusyBox v", attr_software, NULL, " \r\t(", true},
    {"User Access Verification", attr_maker, "Cisco", NULL, false},
    /* FTP servers */
    {"vsFTPd ", attr_software, NULL, " )\r\t", true},
    {"ProFTPD ", attr_software, NULL, " )\r\t", true},
    {"Pure-FTPd", attr_software, "Pure-FTPd", NULL, false},
    {"FileZilla Server", attr_software, NULL, "\r\t", true},
    {"Microsoft FTP Service", attr_software, "Microsoft FTP Service", NULL, false},
    {"wu-", attr_software, NULL, " ()\r\t", true},
    {"Serv-U FTP Server", attr_software, NULL, "\r\tf", true},
    {"NcFTPd Server", attr_software, "NcFTPd Server", NULL, false},
    {"Xlight FTP", attr_software, "Xlight FTP", NULL, false},
    {"JD FTP Server", attr_software, "JD FTP Server", NULL, false},
    {"HP JetDirect", attr_model, "HP JetDirect", NULL, false},
};

enum { VALUE_MAX = 48 };

static bool
ends(uint8_t c, const char *stop)
{
	for (; *stop != 0; stop++) {
		if ((uint8_t)*stop == c)
			return true;
	}
	return false;
}

/* What follows: without ':' and blanks before it; at most one word more than blanks stop. */
static struct bytes
value_at(struct bytes line, size_t at, const struct pattern *p)
{
	size_t text = bytes_str(p->text).len, n;

	n = at + text;
	while (n < line.len && (line.ptr[n] == ' ' || line.ptr[n] == ':' || line.ptr[n] == '\t'))
		n++;
	while (n < line.len && !ends(line.ptr[n], p->stop) && line.ptr[n] >= 0x20)
		n++;
	line = bytes_sub(line, 0, n);
	line = bytes_from(line, p->keep_text ? at : at + text);
	while (line.len > 0 && (line.ptr[0] == ':' || line.ptr[0] <= 0x20))
		line = bytes_from(line, 1);
	return bytes_trim(bytes_sub(line, 0, VALUE_MAX));
}

void
banner_tell(const struct observer *o, enum name_value dir, uint64_t offset, struct bytes line,
    const char *source)
{
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		const struct pattern *p = &patterns[i];
		size_t at = bytes_find_seq(line, bytes_str(p->text));
		struct bytes value;

		if (at == line.len)
			continue;
		value = p->value != NULL ? bytes_str(p->value) : value_at(line, at, p);
		if (value.len > 0 && bytes_printable(value))
			observe_claim(o, dir, offset + at, p->attr, value, source, 70);
	}
}
