// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames in memory, decompressed; where blobs are verified, whole blobs. Small
 * files share a frame, and two reads of a large file may need parts of one.
 * Few frames are kept, for all mounts together: the page cache is what caches
 * the bytes of files.
 */
#include "blob.h"
#include "compat.h"

#include <linux/fadvise.h>
#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

/* Frames without users are kept up to this many bytes in all. */
#define MAX_IDLE_BYTES SZ_8M

static DEFINE_SPINLOCK(frames_lock);
static LIST_HEAD(idle_frames);
static size_t idle_bytes;

static void free_frame(struct puzzlefs_frame *frame)
{
	kvfree(frame->data);
	kfree(frame);
}

/* Under frames_lock. */
static struct puzzlefs_frame *find_frame(struct puzzlefs_blob *blob,
					 const struct puzzlefs_extent *extent)
{
	struct puzzlefs_frame *frame;

	list_for_each_entry(frame, &blob->cached, blob) {
		if (frame->content != extent->content)
			continue;
		if (!frame->users++) {
			list_del_init(&frame->idle);
			idle_bytes -= frame->length;
		}
		return frame;
	}
	return NULL;
}

/* Removes the least recently used idle frame. Under frames_lock. */
static struct puzzlefs_frame *take_oldest(void)
{
	struct puzzlefs_frame *frame;

	frame = list_first_entry_or_null(&idle_frames, struct puzzlefs_frame,
					 idle);
	if (frame) {
		list_del(&frame->idle);
		list_del(&frame->blob);
		idle_bytes -= frame->length;
	}
	return frame;
}

static struct puzzlefs_frame *new_frame(const struct puzzlefs_extent *extent)
{
	struct puzzlefs_frame *frame;

	frame = kzalloc(sizeof(*frame), GFP_KERNEL);
	if (!frame)
		return NULL;
	mutex_init(&frame->lock);
	INIT_LIST_HEAD(&frame->idle);
	frame->users = 1;
	frame->content = extent->content;
	frame->length = extent->content_length;
	return frame;
}

static int check_digest(struct puzzlefs_blob *blob,
			const struct puzzlefs_reader *reader, const u8 *stored)
{
	u8 digest[PFS_DIGEST_BYTES];
	int err;

	err = puzzlefs_sha256(stored, blob->size, digest);
	if (err)
		return err;
	if (!memcmp(digest, blob->digest, PFS_DIGEST_BYTES))
		return 0;
	puzzlefs_report_blob(blob, reader, "sha256 of its %llu bytes is %*phN",
			     blob->size, PFS_DIGEST_BYTES, digest);
	return -EIO;
}

static int decompress(struct puzzlefs_blob *blob,
		      const struct puzzlefs_reader *reader,
		      const struct puzzlefs_extent *extent, const u8 *stored,
		      u8 *data)
{
	int err;

	err = puzzlefs_decompress(data, extent->content_length, stored,
				  extent->stored_length);
	if (err == -EUCLEAN) {
		puzzlefs_report_blob(blob, reader,
				     "no zstd frame of %u bytes at byte %llu",
				     extent->content_length, extent->stored);
		return -EIO;
	}
	return err;
}

/* Reads, verifies and decompresses. Under frame->lock. */
static int load_frame(struct puzzlefs_blob *blob,
		      const struct puzzlefs_reader *reader,
		      const struct puzzlefs_extent *extent,
		      struct puzzlefs_frame *frame)
{
	u8 *stored, *data = NULL;
	int err;

	stored = kvmalloc(extent->stored_length, GFP_KERNEL);
	if (!stored)
		return -ENOMEM;
	if (blob->compressed) {
		data = kvmalloc(extent->content_length, GFP_KERNEL);
		err = -ENOMEM;
		if (!data)
			goto out;
	}
	err = puzzlefs_read_lower(blob->file, stored, extent->stored_length,
				  extent->stored);
	if (err)
		puzzlefs_report_blob(blob, reader,
				     "read of %u bytes at byte %llu failed: %d",
				     extent->stored_length, extent->stored,
				     err);
	if (!err && blob->store->verify)
		err = check_digest(blob, reader, stored);
	if (!err && blob->compressed)
		err = decompress(blob, reader, extent, stored, data);
	if (!err)
		frame->data = blob->compressed ? data : stored;
out:
	if (err || !blob->compressed)
		kvfree(data);
	if (err || blob->compressed)
		kvfree(stored);
	return err;
}

/**
 * puzzlefs_get_frame - load an extent of a blob, unless it is in memory
 * @blob: the blob
 * @reader: the inode that needs it, for messages
 * @extent: the extent
 *
 * Return: the frame, to be released by puzzlefs_put_frame(); -EIO if it cannot
 * be read, verified or decompressed, -ENOMEM, or another error of the read.
 */
struct puzzlefs_frame *puzzlefs_get_frame(struct puzzlefs_blob *blob,
					  const struct puzzlefs_reader *reader,
					  const struct puzzlefs_extent *extent)
{
	struct puzzlefs_frame *frame, *fresh = NULL;
	int err;

	spin_lock(&frames_lock);
	frame = find_frame(blob, extent);
	spin_unlock(&frames_lock);
	if (!frame) {
		fresh = new_frame(extent);
		if (!fresh)
			return ERR_PTR(-ENOMEM);
		spin_lock(&frames_lock);
		frame = find_frame(blob, extent);
		if (!frame) {
			frame = fresh;
			fresh = NULL;
			list_add(&frame->blob, &blob->cached);
		}
		spin_unlock(&frames_lock);
		kfree(fresh);
	}

	mutex_lock(&frame->lock);
	if (!frame->data && !frame->error)
		frame->error = load_frame(blob, reader, extent, frame);
	err = frame->error;
	mutex_unlock(&frame->lock);
	if (!err)
		return frame;
	puzzlefs_put_frame(frame);
	return ERR_PTR(err);
}

void puzzlefs_put_frame(struct puzzlefs_frame *frame)
{
	spin_lock(&frames_lock);
	if (frame->error && !list_empty(&frame->blob))
		list_del_init(&frame->blob);
	if (--frame->users) {
		spin_unlock(&frames_lock);
		return;
	}
	if (!frame->error) {
		list_add_tail(&frame->idle, &idle_frames);
		idle_bytes += frame->length;
		frame = NULL;
	}
	do {
		if (frame) {
			spin_unlock(&frames_lock);
			free_frame(frame);
			spin_lock(&frames_lock);
		}
		frame = idle_bytes > MAX_IDLE_BYTES ? take_oldest() : NULL;
	} while (frame);
	spin_unlock(&frames_lock);
}

/* Frees the cached frames of a blob without users. */
void puzzlefs_drop_frames(struct puzzlefs_blob *blob)
{
	struct puzzlefs_frame *frame, *next;
	LIST_HEAD(dropped);

	spin_lock(&frames_lock);
	list_for_each_entry(frame, &blob->cached, blob) {
		list_del(&frame->idle);
		idle_bytes -= frame->length;
	}
	list_splice_init(&blob->cached, &dropped);
	spin_unlock(&frames_lock);
	list_for_each_entry_safe(frame, next, &dropped, blob)
		free_frame(frame);
}

static unsigned long count_idle(struct shrinker *shrinker,
				struct shrink_control *control)
{
	return READ_ONCE(idle_bytes) >> PAGE_SHIFT;
}

static unsigned long free_idle(struct shrinker *shrinker,
			       struct shrink_control *control)
{
	unsigned long pages = 0;

	while (pages < control->nr_to_scan) {
		struct puzzlefs_frame *frame;

		spin_lock(&frames_lock);
		frame = take_oldest();
		spin_unlock(&frames_lock);
		if (!frame)
			break;
		pages += DIV_ROUND_UP(frame->length, PAGE_SIZE);
		free_frame(frame);
	}
	return pages ? pages : SHRINK_STOP;
}

static struct shrinker *frames_shrinker;

int __init puzzlefs_init_frames(void)
{
	frames_shrinker = puzzlefs_register_shrinker(count_idle, free_idle,
						     "puzzlefs-frames");
	return frames_shrinker ? 0 : -ENOMEM;
}

void puzzlefs_exit_frames(void)
{
	puzzlefs_unregister_shrinker(frames_shrinker);
}
