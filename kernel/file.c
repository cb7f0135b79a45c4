// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regular files: all reading goes through the page cache.
 */
#include "internal.h"
#include "compat.h"

#include <linux/pagemap.h>
#include <linux/uio.h>

static int puzzlefs_open(struct inode *inode, struct file *file)
{
	struct puzzlefs_content *content;
	struct inode *host;

	content = puzzlefs_open_content(inode, &host);
	if (IS_ERR(content))
		return PTR_ERR(content);
	file->private_data = content;
	file->f_mapping = host->i_mapping;
	file->f_mode |= FMODE_NOWAIT;
	return 0;
}

static int puzzlefs_release(struct inode *inode, struct file *file)
{
	puzzlefs_put_content(file->f_mapping->host, file->private_data);
	return 0;
}

static ssize_t puzzlefs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	/* Readahead waits for the lower file system: not for those who can't. */
	if (iocb->ki_flags & IOCB_NOWAIT)
		iocb->ki_flags |= IOCB_NOIO;
	return generic_file_read_iter(iocb, to);
}

const struct file_operations puzzlefs_file_fops = {
	.open		= puzzlefs_open,
	.release	= puzzlefs_release,
	.llseek		= generic_file_llseek,
	.read_iter	= puzzlefs_read_iter,
	.splice_read	= puzzlefs_splice_read,
	.fsync		= noop_fsync,
	PUZZLEFS_READONLY_MMAP,
};
