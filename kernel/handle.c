// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open files of blobs. A file is opened when bytes of the blob are needed, from
 * the dentry that open(2) has found, which needs no look-up.
 */
#include "blob.h"

#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/string.h>

/* What an open file takes, about. */
#define FILE_BYTES 1024

static const char *open_failure(const struct puzzlefs_blob *blob, int err)
{
	if (blob->store->kind.verity &&
	    !memchr_inv(blob->id.verity, 0, PFS_DIGEST_BYTES))
		return "no fs-verity digest in the image";
	switch (err) {
	case -EKEYREJECTED:
		return "fs-verity digest does not match";
	case -ENODATA:
		return "no fs-verity";
	default:
		return "cannot be opened";
	}
}

/* See drop_behind(), which leaves some pages of packs. */
static bool has_others_pages(const struct puzzlefs_blob *blob,
			     const struct file *file)
{
	u64 pages = READ_ONCE(file->f_mapping->nrpages);

	return pages > (blob->id.pack_size >> PAGE_SHIFT) / 4;
}

/* Opens the file, and compares its fs-verity digest. */
static int open_file(struct puzzlefs_object *object,
		     const struct puzzlefs_reader *reader,
		     const struct puzzlefs_source *source)
{
	struct puzzlefs_blob *blob = object->blob;
	struct dentry *dentry = puzzlefs_get_dentry(blob);
	struct file *file;
	int err = 0;

	if (!dentry)
		return -ENOENT;
	file = puzzlefs_open_lower(blob->store, dentry);
	dput(dentry);
	if (IS_ERR(file))
		err = PTR_ERR(file);
	else if (blob->store->kind.verity)
		err = puzzlefs_check_verity(file, blob->id.verity);
	if (!err) {
		if (has_others_pages(blob, file))
			set_bit(PUZZLEFS_BLOB_CACHED, &blob->flags);
		object->file = file;
		object->bytes = FILE_BYTES;
		return 0;
	}
	if (!IS_ERR(file) && (err == -EKEYREJECTED || err == -ENODATA))
		puzzlefs_count_verify_failure(blob, reader);
	if (!puzzlefs_is_transient(err))
		puzzlefs_report_blob(blob, reader, "%s: %pe",
				     open_failure(blob, err), ERR_PTR(err));
	if (!IS_ERR(file))
		fput(file);
	return puzzlefs_is_transient(err) ? err : -EIO;
}

/**
 * puzzlefs_get_file - open a blob's file, its own or its pack, unless it is open
 * @blob: the blob, which was found by puzzlefs_locate_blob()
 * @reader: the inode that needs it, for messages
 *
 * Return: the object with the file, to be released by puzzlefs_put_object(),
 * or an error pointer.
 */
struct puzzlefs_object *puzzlefs_get_file(struct puzzlefs_blob *blob,
					  const struct puzzlefs_reader *reader)
{
	return puzzlefs_get_object(puzzlefs_file_blob(blob),
				   PUZZLEFS_FILE_INDEX, open_file, reader,
				   NULL);
}
