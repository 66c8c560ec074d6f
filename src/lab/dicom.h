/* SPDX-License-Identifier: Apache-2.0 */
/* One DICOM association on a wire: a modality that stores images. Pixels are a pattern. */
#pragma once

#include "lab/messages.h"

struct lab_dicom {
	struct wire_tcp *t;
	struct buf out;
	uint16_t message;
};

struct lab_dicom lab_dicom_open(struct wire_tcp *t, const char *calling, const char *called);
/* C-STORE of one image with pixel_bytes of pixels, and its answer. */
void lab_dicom_store(struct lab_dicom *d, const struct lab_case *c, size_t pixel_bytes);
/* Release, both sides. */
void lab_dicom_close(struct lab_dicom *d);
