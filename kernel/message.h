/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages in the kernel log. Each line names its mount:
 *
 *	puzzlefs (0:47/4f53e1a2b3c4): blob ab12..., needed by inode 7: ...
 *
 * The name is the superblock's s_id: its device number, as in
 * /proc/self/mountinfo, and the first digits of the sha256 that names the
 * image. What happens before there is a superblock is reported by errorfc().
 */
#ifndef _PUZZLEFS_MESSAGE_H
#define _PUZZLEFS_MESSAGE_H

#include <linux/fs.h>
#include <linux/kern_levels.h>
#include <linux/ratelimit.h>

struct puzzlefs_blob;
struct puzzlefs_reader;

__printf(3, 4)
void puzzlefs_printk(const char *level, const char *mount, const char *fmt,
		     ...);
__printf(3, 4)
void puzzlefs_report_blob(struct puzzlefs_blob *blob,
			  const struct puzzlefs_reader *reader,
			  const char *fmt, ...);

void puzzlefs_count_verify_failure(struct puzzlefs_blob *blob,
				   const struct puzzlefs_reader *reader);

#define puzzlefs_err(sb, fmt, ...) \
	puzzlefs_printk(KERN_ERR, (sb)->s_id, fmt, ##__VA_ARGS__)
#define puzzlefs_warn(sb, fmt, ...) \
	puzzlefs_printk(KERN_WARNING, (sb)->s_id, fmt, ##__VA_ARGS__)
#define puzzlefs_info(sb, fmt, ...) \
	puzzlefs_printk(KERN_INFO, (sb)->s_id, fmt, ##__VA_ARGS__)

/* Each call site has a rate limit of its own, as with pr_err_ratelimited(). */
#define puzzlefs_err_ratelimited(sb, fmt, ...)				\
do {									\
	static DEFINE_RATELIMIT_STATE(_rs, DEFAULT_RATELIMIT_INTERVAL,	\
				      DEFAULT_RATELIMIT_BURST);		\
									\
	if (__ratelimit(&_rs))						\
		puzzlefs_err(sb, fmt, ##__VA_ARGS__);			\
} while (0)

#endif /* _PUZZLEFS_MESSAGE_H */
