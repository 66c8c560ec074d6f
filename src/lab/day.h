/* SPDX-License-Identifier: Apache-2.0 */
/* The lab twin: a small laboratory that exists only as frames. Two ways to use it: a whole day with
 * everything Hemostat looks for in it (demo, drills), and long captures of one kind of traffic
 * (benchmarks). What is in them is told as truth, so that what was seen can be held against it. */
#pragma once

#include "lab/wire.h"

struct lab_truth {
	uint64_t hl7, astm, poct1a, dicom, fhir; /* messages, answers included */
	uint64_t results;
	uint64_t flows; /* TCP connections */
	uint64_t malformed;
};

/* About 20 devices, some hundred messages, one case of most findings. */
void lab_day(struct wire *w, struct lab_truth *t);

enum lab_load {
	LAB_DICOM,   /* images, with some of everything else */
	LAB_RECORDS, /* HL7 and ASTM on long connections */
	LAB_SHORT,   /* one HL7 message a connection */
	LAB_CROWD,   /* 10,000 devices with 100,000 connections that stay open */
	LAB_KINDS
};

/* Frames of about `bytes` bytes. */
void lab_load(struct wire *w, enum lab_load kind, uint64_t bytes, struct lab_truth *t);

const char *lab_load_name(enum lab_load kind); /* dicom, records, short, crowd */
