// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/names.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/names.ts: compareNames() */
/*
 * Byte order of at most MAX_NAME_BYTES, then of lengths: 0 if `a` comes first,
 * 1 if they are equal, 2 if `b` comes first.
 */
u32 pfs_compare_names(struct pfs_bytes a, struct pfs_bytes b)
{
	return pfs_compare_bytes(a, b, PFS_MAX_NAME_BYTES);
}

/* schema/names.ts: sameBytes() */
/* Whether two sequences of at most MAX_NAME_BYTES are equal. */
bool pfs_same_bytes(struct pfs_bytes a, struct pfs_bytes b)
{
	return a.length == b.length && pfs_compare_names(a, b) == 1;
}

/* schema/names.ts: separator() */
/*
 * The first byte of a name, of at most MAX_NAME_BYTES, that is NUL or a slash,
 * or NO_SEPARATOR.
 */
u32 pfs_separator(struct pfs_bytes name)
{
	u32 length = pfs_at_most(name.length, PFS_MAX_NAME_BYTES);

	for (u32 i = 0; i < length; i++) {
		u32 byte = pfs_byte(name, i);

		if (byte == 0 || byte == PFS_SLASH)
			return byte;
	}
	return PFS_NO_SEPARATOR;
}

/* schema/names.ts: hasNul() */
/* Whether any of at most MAX_TARGET_BYTES is NUL. */
bool pfs_has_nul(struct pfs_bytes bytes)
{
	u32 length = pfs_at_most(bytes.length, PFS_MAX_TARGET_BYTES);

	for (u32 i = 0; i < length; i++) {
		if (pfs_byte(bytes, i) == 0)
			return true;
	}
	return false;
}

/* schema/names.ts: isDots() */
/*
 * Whether a name is "." or "..", which every directory has for itself and its
 * parent.
 */
bool pfs_is_dots(struct pfs_bytes name)
{
	if (name.length == 1)
		return pfs_byte(name, 0) == PFS_PERIOD;
	return name.length == 2 && pfs_byte(name, 0) == PFS_PERIOD &&
	       pfs_byte(name, 1) == PFS_PERIOD;
}
