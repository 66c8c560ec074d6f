/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a measured value may be kept as sent: a number, or a word that laboratories use for a
 * result. All else may be free text about a person, and leaves a parser only as a keyed hash. */
#pragma once

#include "base/bytes.h"

enum { VALUE_TEXT_MAX = 64 };

/* Digits with signs, separators, comparators, exponents and titres: "5.0", "<0.5", "1:40", "+++",
 * "-----", "*5.2", "3,9 - 5,6", "10E3". At most VALUE_TEXT_MAX bytes, at least one. */
bool value_is_number(struct bytes v);

/* A word or short phrase of values.def, in either case ("NEG", "Not detected", "Positif"). */
bool value_is_word(struct bytes v);

/* One of both, blanks at the ends not counted; false for an empty value. */
bool value_is_plain(struct bytes v);
