// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regular files: all reading goes through the page cache.
 */
#include "internal.h"

#include <linux/fiemap.h>
#include <linux/huge_mm.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

static int puzzlefs_open(struct inode *inode, struct file *file)
{
	/*
	 * A listener of fanotify gets a file of its own before it allows the
	 * open: it may have what is missing fetched first.
	 */
	bool quiet = FMODE_FSNOTIFY_NONE(file->f_mode);
	struct puzzlefs_content *content = puzzlefs_open_content(inode, quiet);

	if (IS_ERR(content))
		return PTR_ERR(content);
	file->private_data = content;
	file->f_mapping = inode->i_mapping;
	file->f_mode |= FMODE_NOWAIT;
	return 0;
}

/* Finds the first byte of data, or of a hole, from @offset on. */
static loff_t find_data_or_hole(const struct puzzlefs_content *content,
				u64 offset, bool hole)
{
	u64 size = content->runs[content->count].start;
	const struct puzzlefs_run *run;
	u64 end;

	/* Negative offsets are large here, as they are unsigned. */
	if (offset >= size)
		return -ENXIO;
	run = &content->runs[puzzlefs_find_run(content, offset)];
	if (run->hole == hole)
		return offset;
	end = content->runs[run->next].start;
	return end == size && !hole ? -ENXIO : end;
}

static loff_t puzzlefs_llseek(struct file *file, loff_t offset, int whence)
{
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return generic_file_llseek(file, offset, whence);
	offset = find_data_or_hole(file->private_data, offset,
				   whence == SEEK_HOLE);
	if (offset < 0)
		return offset;
	return vfs_setpos(file, offset, file_inode(file)->i_sb->s_maxbytes);
}

/*
 * One extent for each range of data between holes. Its physical offset is not
 * known: it is in many blobs, which are compressed.
 */
#define EXTENT_FLAGS (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_MERGED | \
		      FIEMAP_EXTENT_NOT_ALIGNED)

/**
 * puzzlefs_fiemap - report where a file has data
 * @inode: the file
 * @info: receives extents
 * @start: of the range that is asked for
 * @length: of the range
 *
 * Return: 0, also when no more extents fit, or an error.
 */
int puzzlefs_fiemap(struct inode *inode, struct fiemap_extent_info *info,
		    u64 start, u64 length)
{
	struct puzzlefs_content *content = puzzlefs_open_content(inode, false);
	loff_t data, end;
	int err;

	if (IS_ERR(content))
		return PTR_ERR(content);
	err = fiemap_prep(inode, info, start, &length, 0);
	if (err)
		return err;
	data = find_data_or_hole(content, start, false);
	while (data >= 0 && data < start + length) {
		loff_t next;

		end = find_data_or_hole(content, data, true);
		next = find_data_or_hole(content, end, false);
		err = fiemap_fill_next_extent(info, data, 0, end - data,
					      EXTENT_FLAGS |
					      (next < 0 ? FIEMAP_EXTENT_LAST :
					       0));
		if (err)
			return err < 0 ? err : 0;
		data = next;
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

static ssize_t puzzlefs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	/* Readahead waits for the lower filesystem, which NOWAIT forbids. */
	if (iocb->ki_flags & IOCB_NOWAIT) {
		iocb->ki_flags |= IOCB_NOIO;
	} else {
		int err = puzzlefs_complete_content(iocb->ki_filp->private_data,
						    iocb->ki_pos,
						    iov_iter_count(to), false);

		if (err)
			return err;
	}
	return generic_file_read_iter(iocb, to);
}

static ssize_t puzzlefs_splice_read(struct file *file, loff_t *pos,
				    struct pipe_inode_info *pipe, size_t length,
				    unsigned int flags)
{
	int err = puzzlefs_complete_content(file->private_data, *pos, length,
					    false);

	return err ? err : filemap_splice_read(file, pos, pipe, length, flags);
}

const struct file_operations puzzlefs_file_fops = {
	.open		= puzzlefs_open,
	.llseek		= puzzlefs_llseek,
	.read_iter	= puzzlefs_read_iter,
	.splice_read	= puzzlefs_splice_read,
	.fsync		= noop_fsync,
	.get_unmapped_area = thp_get_unmapped_area,
	.mmap_prepare	= generic_file_readonly_mmap_prepare,
};
