/* SPDX-License-Identifier: Apache-2.0 */
/* What people mean by the versions and names they write into advisories of medical devices.
 * Input:   texts of the branches of an advisory, and what an inventory says of a device.
 * Output:  a verdict, never a guess: where the words leave room it is READ_DOUBT with the reason.
 * Total:   any bytes; linear but for the alternatives of one range, which are READING_PARTS_MAX.
 * Ranges:  "< x", "<= x", "> x", ">= x" are bounds; a lower bound followed by an upper one is one
 *          interval ("|" between them or not); everything else with "|" between is alternatives;
 *          a version alone is that version. "vers:all" followed by "/" and "*" is every version,
 *          followed by a constraint it is that constraint (the form is invalid and common).
 *          "All versions < x" and "prior to x" are bounds of which only the inside is sure.
 *          Dates, free text, wildcards, letters alone and conditions are doubt.
 * Versions: the generic order of intel/version.h, with its doubts. Equal texts are equal whatever
 *          they are. A tie but for zeros ("1.2" and "1.2.0") is doubt at a bound that decides.
 * Names:   compared without case, accents, punctuation, legal forms ("Ltd") and the maker's own
 * name in front of the product; makers also by the table makers.def. Part of the words in common is
 * a likeness, which a person has to confirm. */
#pragma once

#include "base/arena.h"
#include "intel/fault.h"

enum { READING_PARTS_MAX = 64, READING_TEXT_MAX = 512, READING_NAME_MAX = 256 };

/* --- versions --- */

enum read_verdict { READ_OUT, READ_IN, READ_DOUBT };

struct version_reading {
	enum read_verdict verdict;
	enum fault fault; /* of doubt, where a version could not be compared */
	const char *how; /* a few words for people: "every version", "below the upper bound", ... */
};

/* Is the version in what the text says? An empty version is doubt unless every version is meant. */
struct version_reading version_read(struct bytes text, struct bytes version);

/* --- names --- */

enum name_likeness {
	NAME_OTHER,
	NAME_LIKE, /* a person has to say whether it is the same */
	NAME_SAME,
};

struct name_query {
	struct bytes vendor, product, model; /* model may be empty */
};

struct name_listed {
	struct bytes vendor, family, product; /* family may be empty */
	struct bytes
	    text; /* other words that may name the product: its version field, its full name */
};

struct name_reading {
	enum name_likeness likeness;
	const char *how; /* "same maker and product", "maker by its other name", ... */
};

struct name_reading name_read(const struct name_query *asked, const struct name_listed *listed);

/* Words of letters and digits in lower case without accents, one blank between; the length. What
 * does not fit is cut at a word. */
size_t name_fold(struct bytes text, char out[READING_NAME_MAX]);
