/** Types of file systems: the magic numbers of statfs(2), which fileSystemType() returns. */
export const EXT4_SUPER_MAGIC = 0xef53;
export const BTRFS_SUPER_MAGIC = 0x9123683e;
export const F2FS_SUPER_MAGIC = 0xf2f52010;
export const PROC_SUPER_MAGIC = 0x9fa0;
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630;
export const FUSE_SUPER_MAGIC = 0x65735546;
/** Of this product's driver. */
export const PUZZLEFS_SUPER_MAGIC = 0x7a7a7570;
