/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler attributes under names that say what they promise. */
#pragma once

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define FALLTHROUGH       __attribute__((fallthrough))
#define UNUSED            __attribute__((unused))
#define PURE              __attribute__((pure))

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
