// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/device.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/device.ts: fileType() */
/* S_IFMT bits of st_mode; 0 for a whiteout and for unknown kinds. */
u32 pfs_file_type(struct pfs_inode inode)
{
	enum pfs_inode_mode kind = pfs_inode_mode_kind(inode);

	if (kind == PFS_INODE_MODE_FILE)
		return PFS_S_IFREG;
	if (kind == PFS_INODE_MODE_DIR)
		return PFS_S_IFDIR;
	if (kind == PFS_INODE_MODE_LNK)
		return PFS_S_IFLNK;
	if (kind == PFS_INODE_MODE_CHR)
		return PFS_S_IFCHR;
	if (kind == PFS_INODE_MODE_BLK)
		return PFS_S_IFBLK;
	if (kind == PFS_INODE_MODE_FIFO)
		return PFS_S_IFIFO;
	if (kind == PFS_INODE_MODE_SOCK)
		return PFS_S_IFSOCK;
	return 0;
}

/* schema/device.ts: statMode() */
/* st_mode: the type of the file and its permissions. */
u32 pfs_stat_mode(struct pfs_inode inode)
{
	return pfs_file_type(inode) | pfs_inode_permissions(inode);
}

/* schema/device.ts: deviceFits() */
/* Whether Linux can have a device of this number. */
bool pfs_device_fits(u64 major, u64 minor)
{
	return major <= PFS_MAX_MAJOR && minor <= PFS_MAX_MINOR;
}
