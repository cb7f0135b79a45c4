// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/fs/puzzlefs: what the driver supports, and counters of each superblock,
 * for root, as they disclose what others read. Documented in
 * Documentation/ABI/testing/sysfs-fs-puzzlefs.
 */
#include "internal.h"

#include <linux/completion.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

static struct kset *puzzlefs_kset;

static ssize_t show_supported(struct kobject *kobj, struct kobj_attribute *attr,
			      char *buffer)
{
	return sysfs_emit(buffer, "supported\n");
}

#define FEATURE(_name) \
	static struct kobj_attribute feature_##_name = \
		__ATTR(_name, 0444, show_supported, NULL)

FEATURE(oci_root_dir_fd);
FEATURE(share);
FEATURE(verify);
FEATURE(verity);

static struct attribute *features_attrs[] = {
	&feature_oci_root_dir_fd.attr,
	&feature_share.attr,
	&feature_verify.attr,
	&feature_verity.attr,
	NULL,
};

static umode_t feature_mode(struct kobject *kobj, struct attribute *attr,
			    int index)
{
	if (attr == &feature_verity.attr && !puzzlefs_has_verity())
		return 0;
	return attr->mode;
}

static const struct attribute_group features_group = {
	.name		= "features",
	.attrs		= features_attrs,
	.is_visible	= feature_mode,
};

struct counter {
	struct attribute attr;
	u64 (*read)(const struct puzzlefs_sb_info *sbi);
};

#define COUNTER(_name) \
	static struct counter counter_##_name = { \
		.attr = { .name = #_name, .mode = 0400 }, \
		.read = read_##_name, \
	}

static u64 read_metadata_bytes(const struct puzzlefs_sb_info *sbi)
{
	return puzzlefs_image_bytes(&sbi->image);
}

COUNTER(metadata_bytes);

static u64 read_blobs(const struct puzzlefs_sb_info *sbi)
{
	return atomic_read(&sbi->store->blobs.nelems);
}

COUNTER(blobs);

static u64 read_open_blobs(const struct puzzlefs_sb_info *sbi)
{
	return puzzlefs_count_objects(sbi->store).files;
}

COUNTER(open_blobs);

static u64 read_seek_tables(const struct puzzlefs_sb_info *sbi)
{
	return puzzlefs_count_objects(sbi->store).tables;
}

COUNTER(seek_tables);

static u64 read_seek_table_bytes(const struct puzzlefs_sb_info *sbi)
{
	return puzzlefs_count_objects(sbi->store).table_bytes;
}

COUNTER(seek_table_bytes);

static u64 read_cached_frames(const struct puzzlefs_sb_info *sbi)
{
	return puzzlefs_count_objects(sbi->store).frames;
}

COUNTER(cached_frames);

static u64 read_cached_frame_bytes(const struct puzzlefs_sb_info *sbi)
{
	return puzzlefs_count_objects(sbi->store).frame_bytes;
}

COUNTER(cached_frame_bytes);

static u64 read_shared_inodes(const struct puzzlefs_sb_info *sbi)
{
	return puzzlefs_count_shared(sbi->store).inodes;
}

COUNTER(shared_inodes);

static u64 read_shared_pages(const struct puzzlefs_sb_info *sbi)
{
	return puzzlefs_count_shared(sbi->store).pages;
}

COUNTER(shared_pages);

static u64 read_blob_errors(const struct puzzlefs_sb_info *sbi)
{
	return atomic_long_read(&sbi->store->errors);
}

COUNTER(blob_errors);

static u64 read_verification_failures(const struct puzzlefs_sb_info *sbi)
{
	return atomic_long_read(&sbi->store->verify_failures);
}

COUNTER(verification_failures);

static struct attribute *counters_attrs[] = {
	&counter_metadata_bytes.attr,
	&counter_blobs.attr,
	&counter_open_blobs.attr,
	&counter_seek_tables.attr,
	&counter_seek_table_bytes.attr,
	&counter_cached_frames.attr,
	&counter_cached_frame_bytes.attr,
	&counter_shared_inodes.attr,
	&counter_shared_pages.attr,
	&counter_blob_errors.attr,
	&counter_verification_failures.attr,
	NULL,
};
ATTRIBUTE_GROUPS(counters);

static ssize_t show_counter(struct kobject *kobj, struct attribute *attr,
			    char *buffer)
{
	const struct puzzlefs_sb_info *sbi =
		container_of(kobj, struct puzzlefs_sb_info, kobj);
	const struct counter *counter =
		container_of(attr, struct counter, attr);

	return sysfs_emit(buffer, "%llu\n", counter->read(sbi));
}

static const struct sysfs_ops counter_ops = {
	.show	= show_counter,
};

static void release_kobj(struct kobject *kobj)
{
	complete(&container_of(kobj, struct puzzlefs_sb_info, kobj)->released);
}

static const struct kobj_type counters_type = {
	.default_groups	= counters_groups,
	.sysfs_ops	= &counter_ops,
	.release	= release_kobj,
};

/**
 * puzzlefs_register_sysfs - add the directory of a superblock
 * @sb: the superblock, which is complete; the directory has the name of its
 *	device number, as in /proc/self/mountinfo
 *
 * Return: 0 or an error. In both cases puzzlefs_unregister_sysfs() must be
 * called.
 */
int puzzlefs_register_sysfs(struct super_block *sb)
{
	struct puzzlefs_sb_info *sbi = PUZZLEFS_SB(sb);

	init_completion(&sbi->released);
	sbi->kobj.kset = puzzlefs_kset;
	return kobject_init_and_add(&sbi->kobj, &counters_type, NULL, "%u:%u",
				    MAJOR(sb->s_dev), MINOR(sb->s_dev));
}

/**
 * puzzlefs_unregister_sysfs - remove the directory of a superblock
 * @sbi: the superblock's, before any of it is torn down
 *
 * Waits for readers. Files that are still open return ENODEV from then on.
 */
void puzzlefs_unregister_sysfs(struct puzzlefs_sb_info *sbi)
{
	if (!sbi->kobj.state_initialized)
		return;
	/* It is not, if memory was short. */
	if (sbi->kobj.state_in_sysfs)
		kobject_del(&sbi->kobj);
	kobject_put(&sbi->kobj);
	wait_for_completion(&sbi->released);
}

int __init puzzlefs_init_sysfs(void)
{
	int err;

	puzzlefs_kset = kset_create_and_add("puzzlefs", NULL, fs_kobj);
	if (!puzzlefs_kset)
		return -ENOMEM;
	err = sysfs_create_group(&puzzlefs_kset->kobj, &features_group);
	if (err)
		kset_unregister(puzzlefs_kset);
	return err;
}

void puzzlefs_exit_sysfs(void)
{
	sysfs_remove_group(&puzzlefs_kset->kobj, &features_group);
	kset_unregister(puzzlefs_kset);
}
