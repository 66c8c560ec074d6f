/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/dicom.h"

#include <stdio.h>

#include "proto/dicom/write.h"

#define CT_STORAGE    "1.2.840.10008.5.1.4.1.1.2"
#define EXPLICIT_LE   "1.2.840.10008.1.2.1"
#define OUR_CLASS_UID "1.2.826.0.1.3680043.9.7777.1"
#define INSTANCE_ROOT "1.2.826.0.1.3680043.9.7777.2"

enum { C_STORE = 0x0001, ANSWER = 0x8000, CONTEXT = 1, PDU_MAX = 16384 };

static void
send(struct lab_dicom *d, int side)
{
	wire_tcp_send(d->t, side, buf_bytes(&d->out));
	buf_reset(&d->out);
}

struct lab_dicom
lab_dicom_open(struct wire_tcp *t, const char *calling, const char *called)
{
	struct lab_dicom d = {.t = t};
	struct dicom_offer offer = {
	    .id = CONTEXT, .abstract = CT_STORAGE, .transfer = {EXPLICIT_LE}};
	struct dicom_association a = {.version = 1,
	    .called = called,
	    .calling = calling,
	    .offers = &offer,
	    .n_offers = 1,
	    .max_length = PDU_MAX,
	    .class_uid = OUR_CLASS_UID,
	    .version_name = "NORDSCAN_41"};

	dicom_write_association(&d.out, &a);
	send(&d, 0);
	a.answer = true;
	a.version_name = "LABPACS_9";
	dicom_write_association(&d.out, &a);
	send(&d, 1);
	return d;
}

static void
text(struct buf *out, uint32_t tag, const char *vr, const char *value)
{
	dicom_write_element(out, SYNTAX_EXPLICIT, tag, vr, bytes_str(value));
}

static void
write_image(struct buf *out, const struct lab_case *c, const char *instance, size_t pixel_bytes)
{
	struct buf pixels = {0};
	char name[48];

	(void)snprintf(name, sizeof(name), "%s^%s", c->family, c->given);
	text(out, 0x00080016, "UI", CT_STORAGE);
	text(out, 0x00080018, "UI", instance);
	text(out, 0x00080050, "SH", c->order);
	text(out, 0x00080060, "CS", "CT");
	text(out, 0x00080070, "LO", "Nordlicht Imaging");
	text(out, 0x00081090, "LO", "NordScan 41");
	text(out, 0x00100010, "PN", name);
	text(out, 0x00100020, "LO", c->patient);
	text(out, 0x00100030, "DA", c->born);
	text(out, 0x00181000, "LO", "NS41-00093");
	text(out, 0x00181020, "LO", "4.1.7");
	dicom_write_u16(out, SYNTAX_EXPLICIT, 0x00280010, 512);
	for (size_t i = 0; i < pixel_bytes; i++)
		buf_byte(&pixels, (uint8_t)(i * 7 + (i >> 9)));
	dicom_write_element(out, SYNTAX_EXPLICIT, 0x7fe00010, "OW", buf_bytes(&pixels));
	buf_free(&pixels);
}

void
lab_dicom_store(struct lab_dicom *d, const struct lab_case *c, size_t pixel_bytes)
{
	struct dicom_command_spec request = {
	    .command = C_STORE, .id = ++d->message, .class_uid = CT_STORAGE, .has_data = true};
	struct dicom_command_spec answer = {
	    .command = C_STORE | ANSWER, .id = d->message, .class_uid = CT_STORAGE};
	struct buf image = {0};
	char instance[64];

	(void)snprintf(
	    instance, sizeof(instance), "%s.%u.%u", INSTANCE_ROOT, c->number, d->message);
	request.instance_uid = answer.instance_uid = instance;
	write_image(&image, c, instance, pixel_bytes);
	dicom_write_message(&d->out, CONTEXT, &request, buf_bytes(&image), PDU_MAX);
	send(d, 0);
	dicom_write_message(&d->out, CONTEXT, &answer, (struct bytes){NULL, 0}, PDU_MAX);
	send(d, 1);
	buf_free(&image);
}

void
lab_dicom_close(struct lab_dicom *d)
{
	dicom_write_release(&d->out, false);
	send(d, 0);
	dicom_write_release(&d->out, true);
	send(d, 1);
	buf_free(&d->out);
}
