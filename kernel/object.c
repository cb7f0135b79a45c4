// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parts of blobs in memory: open files, seek tables, frames. All of them can
 * be loaded again, so few are kept while nothing uses them, for all mounts
 * together: the page cache is what caches the bytes of files.
 */
#include "blob.h"
#include "trace.h"

#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

/* Objects without users are kept up to this many bytes in all. */
#define MAX_IDLE_BYTES SZ_8M

static DEFINE_SPINLOCK(objects_lock);
static DEFINE_HASHTABLE(objects, 12);
static LIST_HEAD(idle_objects);
static size_t idle_bytes;

static u32 object_key(const struct puzzlefs_blob *blob, u32 index)
{
	u64 address = (uintptr_t)blob;

	return jhash_3words(lower_32_bits(address), upper_32_bits(address),
			    index, 0);
}

static void free_object(struct puzzlefs_object *object)
{
	if (object->index == PUZZLEFS_FILE_INDEX) {
		if (object->file)
			fput(object->file);
	} else if (object->buffer) {
		puzzlefs_free_buffer(object->buffer);
	} else {
		kvfree(object->frame);
	}
	mutex_destroy(&object->lock);
	kfree(object);
}

static unsigned long free_objects(struct list_head *list)
{
	struct puzzlefs_object *object, *next;
	unsigned long pages = 0;

	list_for_each_entry_safe(object, next, list, idle) {
		pages += DIV_ROUND_UP(object->bytes, PAGE_SIZE);
		free_object(object);
	}
	return pages;
}

/* Whether an object is this one, from the present file. Under objects_lock. */
static bool is_object(const struct puzzlefs_object *object,
		      struct puzzlefs_blob *blob, u32 index)
{
	return object->blob == blob && object->index == index &&
	       object->generation == puzzlefs_file_blob(blob)->generation;
}

/* Under objects_lock. */
static struct puzzlefs_object *find_object(struct puzzlefs_blob *blob,
					   u32 index)
{
	struct puzzlefs_object *object;

	hash_for_each_possible(objects, object, node, object_key(blob, index)) {
		if (!is_object(object, blob, index))
			continue;
		if (!object->users++ && !list_empty(&object->idle)) {
			list_del_init(&object->idle);
			idle_bytes -= object->bytes;
		}
		return object;
	}
	return NULL;
}

/* Makes sure that it is not found again. Under objects_lock. */
static void unlink_object(struct puzzlefs_object *object)
{
	hash_del(&object->node);
	list_del_init(&object->of_blob);
}

/* Moves the least recently used idle object to @list. Under objects_lock. */
static bool take_oldest(struct list_head *list)
{
	struct puzzlefs_object *object;

	object = list_first_entry_or_null(&idle_objects,
					  struct puzzlefs_object, idle);
	if (!object)
		return false;
	unlink_object(object);
	idle_bytes -= object->bytes;
	list_move(&object->idle, list);
	return true;
}

static struct puzzlefs_object *new_object(struct puzzlefs_blob *blob, u32 index)
{
	struct puzzlefs_object *object;

	object = kzalloc(sizeof(*object), GFP_KERNEL_ACCOUNT);
	if (!object)
		return NULL;
	mutex_init(&object->lock);
	INIT_LIST_HEAD(&object->idle);
	object->blob = blob;
	object->index = index;
	object->users = 1;
	return object;
}

static struct puzzlefs_object *get_linked(struct puzzlefs_blob *blob, u32 index)
{
	struct puzzlefs_object *object, *fresh;

	spin_lock(&objects_lock);
	object = find_object(blob, index);
	spin_unlock(&objects_lock);
	if (object)
		return object;
	fresh = new_object(blob, index);
	if (!fresh)
		return NULL;
	spin_lock(&objects_lock);
	object = find_object(blob, index);
	if (!object) {
		object = fresh;
		fresh = NULL;
		object->generation = puzzlefs_file_blob(blob)->generation;
		hash_add(objects, &object->node, object_key(blob, index));
		list_add(&object->of_blob, &blob->objects);
	}
	spin_unlock(&objects_lock);
	kfree(fresh);
	return object;
}

/*
 * The memory of an object. A kmalloc() of several pages takes a power of two of
 * them.
 */
static size_t real_bytes(const struct puzzlefs_object *object)
{
	size_t length = object->bytes;

	if (object->buffer)
		length = puzzlefs_buffer_size(object->buffer);
	else if (length)
		length = roundup_pow_of_two(length);
	return sizeof(*object) + length;
}

static int load_object(struct puzzlefs_object *object, puzzlefs_load_t *load,
		       const struct puzzlefs_reader *reader,
		       const struct puzzlefs_source *source)
{
	int err;

	/* Lockdep's subclasses: to load a frame, the file is loaded. */
	err = mutex_lock_killable_nested(&object->lock,
					 min(U32_MAX - object->index, 2U));
	if (err)
		return err;
	if (object->loaded) {
		err = object->error;
	} else {
		err = load(object, reader, source);
		/* After another error the next reader tries it again. */
		if (!err || err == -EUCLEAN) {
			object->error = err;
			object->bytes = real_bytes(object);
			/* Pairs with the acquire in puzzlefs_get_object(). */
			smp_store_release(&object->loaded, true);
		}
		trace_puzzlefs_load_object(object, reader, err);
	}
	mutex_unlock(&object->lock);
	return err;
}

/**
 * puzzlefs_get_object - load a part of a blob, unless it is in memory
 * @blob: the blob
 * @index: which part
 * @load: fills the object and sets its bytes to the length of what it
 *	allocated; after -EUCLEAN it is not called again for this part, as the
 *	blob is corrupt. It reports errors itself.
 * @reader: the inode that needs it, for messages
 * @source: argument of @load
 *
 * Return: the object, to be released by puzzlefs_put_object(), -EIO for
 * -EUCLEAN, another error of @load, -ENOMEM, or -EINTR if the task is killed.
 */
struct puzzlefs_object *
puzzlefs_get_object(struct puzzlefs_blob *blob, u32 index,
		    puzzlefs_load_t *load, const struct puzzlefs_reader *reader,
		    const struct puzzlefs_source *source)
{
	struct puzzlefs_object *object = get_linked(blob, index);
	int err;

	if (!object)
		return ERR_PTR(-ENOMEM);
	/* Pairs with the release in load_object(). */
	if (smp_load_acquire(&object->loaded))
		err = object->error;
	else
		err = load_object(object, load, reader, source);
	if (!err)
		return object;
	puzzlefs_put_object(object);
	return ERR_PTR(err == -EUCLEAN ? -EIO : err);
}

/* Whether a part of a blob is in memory, or is being loaded. */
bool puzzlefs_is_loaded(struct puzzlefs_blob *blob, u32 index)
{
	struct puzzlefs_object *object;
	bool found = false;

	spin_lock(&objects_lock);
	hash_for_each_possible(objects, object, node, object_key(blob, index))
		found |= is_object(object, blob, index);
	spin_unlock(&objects_lock);
	return found;
}

/*
 * Whether there are too many idle objects. One that alone exceeds the limit, such
 * as the seek table of a large blob, stays until another large one is idle: each
 * read needs it. Under objects_lock.
 */
static bool must_free(void)
{
	struct puzzlefs_object *oldest;

	if (idle_bytes <= MAX_IDLE_BYTES)
		return false;
	oldest = list_first_entry(&idle_objects, struct puzzlefs_object, idle);
	return oldest->bytes <= MAX_IDLE_BYTES ||
	       idle_bytes - oldest->bytes > MAX_IDLE_BYTES;
}

void puzzlefs_put_object(struct puzzlefs_object *object)
{
	LIST_HEAD(freed);

	spin_lock(&objects_lock);
	if (!--object->users) {
		if (object->loaded && !hlist_unhashed(&object->node)) {
			list_add_tail(&object->idle, &idle_objects);
			idle_bytes += object->bytes;
		} else {
			unlink_object(object);
			list_add(&object->idle, &freed);
		}
		while (must_free())
			take_oldest(&freed);
	}
	spin_unlock(&objects_lock);
	free_objects(&freed);
}

static void count_object(struct puzzlefs_counts *counts,
			 const struct puzzlefs_object *object)
{
	switch (object->index) {
	case PUZZLEFS_FILE_INDEX:
		counts->files++;
		break;
	case PUZZLEFS_TABLE_INDEX:
		counts->tables++;
		counts->table_bytes += object->bytes;
		break;
	default:
		counts->frames++;
		counts->frame_bytes += object->bytes;
	}
}

/**
 * puzzlefs_count_objects - count what is loaded of the blobs of a store
 * @store: the store
 *
 * Return: numbers and bytes, which may change while they are counted.
 */
struct puzzlefs_counts
puzzlefs_count_objects(const struct puzzlefs_store *store)
{
	struct puzzlefs_counts counts = {};
	struct puzzlefs_object *object;
	u32 i;

	for (i = 0; i < HASH_SIZE(objects); i++) {
		/* While an object is in the table, its blob exists. */
		spin_lock(&objects_lock);
		hlist_for_each_entry(object, &objects[i], node) {
			if (object->loaded && object->blob->store == store)
				count_object(&counts, object);
		}
		spin_unlock(&objects_lock);
		cond_resched();
	}
	return counts;
}

/**
 * puzzlefs_get_dentry - get the dentry of a blob's file
 * @blob: the blob
 *
 * Return: the dentry, to be released by dput(), or NULL if it has none.
 */
struct dentry *puzzlefs_get_dentry(struct puzzlefs_blob *blob)
{
	struct dentry *dentry;

	spin_lock(&objects_lock);
	dentry = dget(blob->dentry);
	spin_unlock(&objects_lock);
	return dentry;
}

/**
 * puzzlefs_set_dentry - set the dentry of a blob's file
 * @blob: the blob
 * @dentry: the dentry; its reference is consumed
 * @size: stored bytes
 *
 * If the file is another one than before, what has been loaded from that is
 * not used again, also for the slices of a pack.
 *
 * Return: the dentry that is not needed, to be released by dput().
 */
struct dentry *puzzlefs_set_dentry(struct puzzlefs_blob *blob,
				   struct dentry *dentry, u64 size)
{
	struct puzzlefs_object *object, *next;
	struct dentry *old;
	LIST_HEAD(freed);

	spin_lock(&objects_lock);
	old = blob->dentry;
	if (old && dentry && d_inode(old) == d_inode(dentry)) {
		spin_unlock(&objects_lock);
		return dentry;
	}
	list_for_each_entry_safe(object, next, &blob->objects, of_blob) {
		unlink_object(object);
		if (!list_empty(&object->idle)) {
			list_move(&object->idle, &freed);
			idle_bytes -= object->bytes;
		}
	}
	WRITE_ONCE(blob->generation, blob->generation + 1);
	WRITE_ONCE(blob->size, size);
	/* Pairs with the acquire in puzzlefs_has_file(). */
	smp_store_release(&blob->dentry, dentry);
	spin_unlock(&objects_lock);
	free_objects(&freed);
	return old;
}

static unsigned long count_idle(struct shrinker *shrinker,
				struct shrink_control *control)
{
	return (READ_ONCE(idle_bytes) >> PAGE_SHIFT) +
	       puzzlefs_count_contexts() + puzzlefs_count_blocks();
}

static unsigned long free_idle(struct shrinker *shrinker,
			       struct shrink_control *control)
{
	unsigned long pages = puzzlefs_free_contexts() + puzzlefs_free_blocks();
	bool found = true;

	while (found && pages < control->nr_to_scan) {
		LIST_HEAD(freed);

		spin_lock(&objects_lock);
		found = take_oldest(&freed);
		spin_unlock(&objects_lock);
		pages += free_objects(&freed);
	}
	return pages ? pages : SHRINK_STOP;
}

static struct shrinker *objects_shrinker;

int __init puzzlefs_init_objects(void)
{
	objects_shrinker = shrinker_alloc(0, "%s", "puzzlefs-objects");
	if (!objects_shrinker)
		return -ENOMEM;
	objects_shrinker->count_objects = count_idle;
	objects_shrinker->scan_objects = free_idle;
	shrinker_register(objects_shrinker);
	return 0;
}

void puzzlefs_exit_objects(void)
{
	shrinker_free(objects_shrinker);
	puzzlefs_free_blocks();
}
