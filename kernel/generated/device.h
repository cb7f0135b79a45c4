/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/device.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_DEVICE_H
#define _PFS_DEVICE_H

#include "../format_base.h"
#include "metadata.h"

/* Linux keeps device numbers in 12 and 20 bits. */
#define PFS_MAX_MAJOR 0xfff
#define PFS_MAX_MINOR 0xfffff

u32 pfs_file_type(struct pfs_inode inode);
u32 pfs_stat_mode(struct pfs_inode inode);
bool pfs_device_fits(u64 major, u64 minor);

#endif /* _PFS_DEVICE_H */
