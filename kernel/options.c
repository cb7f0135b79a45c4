// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mount options: parsed, checked, shown, and compared with those of a remount.
 */
#include "internal.h"

#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/namei.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

enum {
	OPT_OCI_ROOT_DIR,
	OPT_IMAGE_MANIFEST,
	OPT_METADATA,
	OPT_PLACES,
	OPT_VERITY,
	OPT_VERIFY,
	OPT_SHARE,
};

static const struct constant_table verify_values[] = {
	{ "none",	VERIFY_NONE },
	{ "blob",	VERIFY_BLOB },
	{}
};

static const struct constant_table share_values[] = {
	{ "all",	SHARE_ALL },
	{ "pages",	SHARE_PAGES },
	{ "none",	SHARE_NONE },
	{}
};

/* A directory as a string, or as FSCONFIG_SET_PATH(_EMPTY) or _SET_FD pass it. */
static int is_directory(struct p_log *log, const struct fs_parameter_spec *spec,
			struct fs_parameter *param,
			struct fs_parse_result *result)
{
	if ((param->type == fs_value_is_string && *param->string) ||
	    param->type == fs_value_is_filename ||
	    param->type == fs_value_is_file)
		return 0;
	return inval_plog(log, "Bad value for '%s'", param->key);
}

const struct fs_parameter_spec puzzlefs_parameters[] = {
	__fsparam(is_directory, "oci_root_dir", OPT_OCI_ROOT_DIR, 0, NULL),
	fsparam_string("image_manifest", OPT_IMAGE_MANIFEST),
	fsparam_string("metadata", OPT_METADATA),
	fsparam_string("places", OPT_PLACES),
	fsparam_string("verity", OPT_VERITY),
	fsparam_enum("verify", OPT_VERIFY, verify_values),
	fsparam_enum("share", OPT_SHARE, share_values),
	{}
};

/* The path of a directory as a string, for messages and /proc/mounts. */
static char *path_text(const struct path *path)
{
	char *page = kmalloc(PATH_MAX, GFP_KERNEL);
	char *text;

	if (!page)
		return ERR_PTR(-ENOMEM);
	text = d_path(path, page, PATH_MAX);
	if (!IS_ERR(text)) {
		text = kstrdup(text, GFP_KERNEL);
		if (!text)
			text = ERR_PTR(-ENOMEM);
	}
	kfree(page);
	return text;
}

/* A string is resolved while mounting; a descriptor is a directory already. */
static int parse_root(struct fs_context *fc, struct fs_parameter *param)
{
	struct puzzlefs_sb_info *sbi = fc->s_fs_info;
	struct path root = {};
	char *text;
	int err;

	if (param->type == fs_value_is_string) {
		text = param->string;
		param->string = NULL;
	} else {
		if (param->type == fs_value_is_file) {
			root = param->file->f_path;
			path_get(&root);
		} else {
			err = fs_lookup_param(fc, param, false, LOOKUP_FOLLOW,
					      &root);
			if (err)
				return err;
		}
		text = path_text(&root);
		if (IS_ERR(text)) {
			path_put(&root);
			return PTR_ERR(text);
		}
	}
	path_put(&sbi->layout);
	sbi->layout = root;
	kfree(sbi->oci_root_dir);
	sbi->oci_root_dir = text;
	return 0;
}

static int parse_digest(struct fs_context *fc, struct fs_parameter *param,
			u8 *digest, bool *found)
{
	struct pfs_bytes digits = { param->string, strlen(param->string) };
	struct pfs_scratch_u8 bytes = { digest, PFS_DIGEST_BYTES };

	*found = pfs_parse_hex(digits, bytes);
	if (*found)
		return 0;
	errorfc(fc, "%s=%s: a digest is %d lower-case hexadecimal digits",
		param->key, param->string, PFS_HEX_DIGITS);
	return -EINVAL;
}

/**
 * puzzlefs_parse_param - take an option of mount(8) or fsconfig(2)
 * @fc: its superblock information receives the value
 * @param: the option
 *
 * Return: 0, -ENOPARAM, -EINVAL, -ENOMEM, or the error of looking a path up.
 */
int puzzlefs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct puzzlefs_sb_info *sbi = fc->s_fs_info;
	struct fs_parse_result result;
	int option = fs_parse(fc, puzzlefs_parameters, param, &result);

	switch (option) {
	case OPT_OCI_ROOT_DIR:
		return parse_root(fc, param);
	case OPT_IMAGE_MANIFEST:
		return parse_digest(fc, param, sbi->manifest,
				    &sbi->has_manifest);
	case OPT_METADATA:
		return parse_digest(fc, param, sbi->metadata,
				    &sbi->has_metadata);
	case OPT_PLACES:
		return parse_digest(fc, param, sbi->places.digest,
				    &sbi->has_places);
	case OPT_VERITY:
		return parse_digest(fc, param, sbi->verity, &sbi->has_verity);
	case OPT_VERIFY:
		sbi->verify = result.uint_32;
		sbi->has_verify = true;
		return 0;
	case OPT_SHARE:
		sbi->share = result.uint_32;
		sbi->has_share = true;
		return 0;
	default:
		return option;
	}
}

/**
 * puzzlefs_check_options - check that the options of a new mount name an image
 * @fc: receives messages
 * @sbi: has the options
 *
 * Return: 0, -EINVAL, or -EOPNOTSUPP.
 */
int puzzlefs_check_options(struct fs_context *fc,
			   const struct puzzlefs_sb_info *sbi)
{
	if (!sbi->oci_root_dir) {
		errorfc(fc, "missing option: oci_root_dir=DIRECTORY");
		return -EINVAL;
	}
	if (!sbi->has_manifest && !sbi->has_metadata) {
		errorfc(fc,
			"missing option: image_manifest=SHA256 or metadata=SHA256");
		return -EINVAL;
	}
	if (sbi->has_manifest && sbi->has_metadata) {
		errorfc(fc, "image_manifest= or metadata=, not both");
		return -EINVAL;
	}
	if (sbi->has_places && !sbi->has_manifest) {
		errorfc(fc, "places= is an option of image_manifest=");
		return -EINVAL;
	}
	if (sbi->has_verity && !puzzlefs_has_verity()) {
		errorfc(fc,
			"verity=: this kernel exports no fs-verity digests");
		return -EOPNOTSUPP;
	}
	return 0;
}

static bool same(const u8 *a, const u8 *b)
{
	return !memcmp(a, b, PFS_DIGEST_BYTES);
}

/**
 * puzzlefs_repeats_options - compare the options of a remount with the mount's
 * @new: the options of the remount
 * @old: those of the mount
 *
 * Return: whether the remount changes none.
 */
bool puzzlefs_repeats_options(const struct puzzlefs_sb_info *new,
			      const struct puzzlefs_sb_info *old)
{
	return (!new->oci_root_dir ||
		!strcmp(new->oci_root_dir, old->oci_root_dir)) &&
	       (!new->has_manifest || same(new->manifest, old->manifest)) &&
	       (!new->has_metadata || same(new->metadata, old->metadata)) &&
	       (!new->has_places ||
		same(new->places.digest, old->places.digest)) &&
	       (!new->has_verity || same(new->verity, old->verity)) &&
	       (!new->has_verify || new->verify == old->verify) &&
	       (!new->has_share || new->share == old->share);
}

int puzzlefs_show_options(struct seq_file *seq, struct dentry *root)
{
	struct puzzlefs_sb_info *sbi = PUZZLEFS_SB(root->d_sb);

	seq_show_option(seq, "oci_root_dir", sbi->oci_root_dir);
	seq_printf(seq, ",%s=%*phN",
		   sbi->has_metadata ? "metadata" : "image_manifest",
		   PFS_DIGEST_BYTES, puzzlefs_image_name(sbi));
	if (sbi->has_places)
		seq_printf(seq, ",places=%*phN", PFS_DIGEST_BYTES,
			   sbi->places.digest);
	if (sbi->has_verity)
		seq_printf(seq, ",verity=%*phN", PFS_DIGEST_BYTES, sbi->verity);
	if (sbi->verify == VERIFY_BLOB)
		seq_puts(seq, ",verify=blob");
	if (sbi->share != SHARE_ALL)
		seq_printf(seq, ",share=%s", share_values[sbi->share].name);
	return 0;
}
