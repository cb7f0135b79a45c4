// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Made from schema/names.ts by `make codegen`: change that, not this. */
#include "format.h"

#define PFS_SLASH 47
#define PFS_DOT 46

/*
 * Byte order: 0 where `a` comes first, 1 where they are equal, 2 where `b`
 * comes first.
 */
u32 pfs_compare_names(struct pfs_bytes a, struct pfs_bytes b)
{
	for (u32 i = 0; i < a.length; i++) {
		if (i >= b.length)
			return 2;
		if (pfs_byte(a, i) < pfs_byte(b, i))
			return 0;
		if (pfs_byte(a, i) > pfs_byte(b, i))
			return 2;
	}
	return a.length < b.length ? 0 : 1;
}

/* Whether two runs of bytes are the same. */
bool pfs_same_bytes(struct pfs_bytes a, struct pfs_bytes b)
{
	return a.length == b.length && pfs_compare_names(a, b) == 1;
}

/* Whether a byte of `bytes` is `wanted`. */
static bool pfs_contains(struct pfs_bytes bytes, u32 wanted)
{
	for (u32 i = 0; i < bytes.length; i++) {
		if (pfs_byte(bytes, i) == wanted)
			return true;
	}
	return false;
}

bool pfs_has_nul(struct pfs_bytes bytes)
{
	return pfs_contains(bytes, 0);
}

bool pfs_has_slash(struct pfs_bytes name)
{
	return pfs_contains(name, PFS_SLASH);
}

/* "." and ".." are every directory's own. */
bool pfs_is_dots(struct pfs_bytes name)
{
	if (name.length == 1)
		return pfs_byte(name, 0) == PFS_DOT;
	return name.length == 2 && pfs_byte(name, 0) == PFS_DOT &&
	       pfs_byte(name, 1) == PFS_DOT;
}
