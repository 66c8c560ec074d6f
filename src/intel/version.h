/* SPDX-License-Identifier: Apache-2.0 */
/* Which of two versions is newer, by the rules of the scheme they belong to.
 * Source:  semver 2.0.0 §11; node-semver (npm); Go modules (go); Debian policy 5.6.12 and dpkg
 * (deb); rpm-version(7) (rpm); vercmp(8) (alpm); apk-package(5) (apk); PMS 3.3 (gentoo); PEP 440
 *          (pep440); Maven 3.8 version order specification (maven); Gem::Version (gem); NuGet
 *          package versioning (nuget); vers specification (intdot, lexicographic,
 *          datetime). generic is for devices, whose makers follow no rule: see below.
 * Input:   two texts from anywhere.
 * Total:   any bytes give an order or a reason why there is none; never a guess.
 * Order:   antisymmetric in every scheme, and transitive over the pairs that have an order, but for
 *          two that follow their reference where it is not: alpm, where a release is left out on
 * one side, and maven, where "1-a1" meets "1.a". Linear:  one pass over both texts; numbers of any
 * length; no memory. Limits:  VERSION_TEXT_MAX bytes. generic: runs of digits are numbers, runs of
 * letters are text without case, the rest separates; a number is above text, more is above less. A
 * leading "v", "ver" or "version" says nothing. There is no order, but a reason for a person to
 * look, where the two are not counted alike: other letters in front, a year in front of one only, a
 * word such as "beta" or "build" in one only, letters alone, wildcards, free text. */
#pragma once

#include "base/attr.h"
#include "base/bytes.h"
#include "intel/fault.h"

enum { VERSION_TEXT_MAX = 512 };

struct version_scheme;

/* By its name in any case: "deb", "pypi", ...; NULL where there is no such scheme. */
const struct version_scheme *version_scheme_named(struct bytes name);
/* "pep440" for pypi, too: one name for each order. */
const char *version_scheme_name(const struct version_scheme *s);
/* The i-th name there is; NULL behind the last. */
const char *version_scheme_at(size_t i);

/* FAULT_none: *order is below, at or above 0 as a is older than, equal to or newer than b.
 * Else why there is no order (*order is 0); *of tells whose fault it is: 0 a, 1 b, 2 both. */
enum fault version_compare(
    const struct version_scheme *s, struct bytes a, struct bytes b, int *order, int *of) MUST_CHECK;

/* Whether text is a version of the scheme at all. */
enum fault version_check(const struct version_scheme *s, struct bytes text) MUST_CHECK;
