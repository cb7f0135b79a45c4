// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages in the kernel log.
 */
#include "message.h"
#include "blob.h"
#include "trace.h"

#include <linux/printk.h>

/**
 * puzzlefs_printk - log one line; use puzzlefs_err() and its like instead
 * @level: KERN_ERR and so on
 * @mount: name of the mount, the s_id of its superblock
 * @fmt: text without a newline
 */
void puzzlefs_printk(const char *level, const char *mount, const char *fmt,
		     ...)
{
	struct va_format text;
	va_list args;

	va_start(args, fmt);
	text.fmt = fmt;
	text.va = &args;
	printk("%spuzzlefs (%s): %pV\n", level, mount, &text);
	va_end(args);
}

/**
 * puzzlefs_report_blob - log what is wrong with a blob, once for its file
 * @blob: the blob
 * @reader: the inode that it was read for
 * @fmt: text without a newline
 */
void puzzlefs_report_blob(struct puzzlefs_blob *blob,
			  const struct puzzlefs_reader *reader,
			  const char *fmt, ...)
{
	const struct puzzlefs_blob_id *id = &blob->id;
	struct va_format text;
	va_list args;

	atomic_long_inc(&blob->store->errors);
	if (test_bit(PUZZLEFS_BLOB_REPORTED, &blob->flags) ||
	    !__ratelimit(&blob->store->messages) ||
	    test_and_set_bit(PUZZLEFS_BLOB_REPORTED, &blob->flags))
		return;
	va_start(args, fmt);
	text.fmt = fmt;
	text.va = &args;
	if (blob->pack)
		puzzlefs_printk(KERN_ERR, reader->mount,
				"blob %*phN in pack %*phN, needed by inode %llu: %pV",
				PFS_DIGEST_BYTES, id->digest, PFS_DIGEST_BYTES,
				id->pack, reader->ino, &text);
	else
		puzzlefs_printk(KERN_ERR, reader->mount,
				"%s %*phN, needed by inode %llu: %pV",
				id->pack_size ? "pack" : "blob",
				PFS_DIGEST_BYTES, id->digest, reader->ino,
				&text);
	va_end(args);
}

/* A blob has another digest than expected; the caller reports it. */
void puzzlefs_count_verify_failure(struct puzzlefs_blob *blob,
				   const struct puzzlefs_reader *reader)
{
	atomic_long_inc(&blob->store->verify_failures);
	trace_puzzlefs_verify_failure(blob, reader);
}
