// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/device.ts by make codegen. DO NOT EDIT. */
#include "format.h"

#define PFS_S_IFIFO 4096
#define PFS_S_IFCHR 8192
#define PFS_S_IFDIR 16384
#define PFS_S_IFBLK 24576
#define PFS_S_IFREG 32768
#define PFS_S_IFLNK 40960
#define PFS_S_IFSOCK 49152
/* Linux keeps device numbers in 12 and 20 bits. */
#define PFS_MAX_MAJOR 4095
#define PFS_MAX_MINOR 1048575

/* schema/device.ts: fileType() */
/* S_IFMT bits of st_mode; 0 for a whiteout and for kinds that are not known. */
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
bool pfs_device_fits(u64 major, u64 minor)
{
	return major <= PFS_MAX_MAJOR && minor <= PFS_MAX_MINOR;
}
