/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: look-ups, inodes, pages, runs, and what is loaded of blobs. Each
 * event names the mount as messages do. For files with shared pages these are
 * the mount and the inode that opened the content first.
 *
 *	echo 1 >/sys/kernel/tracing/events/puzzlefs/enable
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM puzzlefs

#if !defined(_PUZZLEFS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _PUZZLEFS_TRACE_H

#include <linux/tracepoint.h>

struct dentry;
struct inode;
struct puzzlefs_blob;
struct puzzlefs_content;
struct puzzlefs_object;
struct puzzlefs_reader;
struct puzzlefs_run;

#ifndef _PUZZLEFS_TRACE_TYPES
#define _PUZZLEFS_TRACE_TYPES
/* Bytes of s_id and of a digest. */
#define PUZZLEFS_TRACE_MOUNT 32
#define PUZZLEFS_TRACE_DIGEST 32
#endif

#define puzzlefs_show_index(index)					\
	__print_symbolic(index, { 0xffffffff, "file" }, { 0xfffffffe, "table" })

#define puzzlefs_show_digest(digest) \
	__print_hex_str(digest, PUZZLEFS_TRACE_DIGEST)

/* A name was looked up. ino is 0 if the directory does not show it. */
TRACE_EVENT(puzzlefs_lookup,
	TP_PROTO(struct inode *dir, struct dentry *dentry, u64 ino),
	TP_ARGS(dir, dentry, ino),

	TP_STRUCT__entry(
		__array(char, mount, PUZZLEFS_TRACE_MOUNT)
		__field(u64, dir)
		__field(u64, ino)
		__dynamic_array(char, name, dentry->d_name.len + 1)
	),

	TP_fast_assign(
		char *name = __get_dynamic_array(name);

		memcpy(__entry->mount, dir->i_sb->s_id, PUZZLEFS_TRACE_MOUNT);
		__entry->dir = PUZZLEFS_I(dir)->ino;
		__entry->ino = ino;
		memcpy(name, dentry->d_name.name, dentry->d_name.len);
		name[dentry->d_name.len] = '\0';
	),

	TP_printk("mount=%s dir=%llu name=%s ino=%llu", __entry->mount,
		  __entry->dir, __get_str(name), __entry->ino)
);

/* An inode was made from its record. */
TRACE_EVENT(puzzlefs_fill_inode,
	TP_PROTO(struct inode *inode),
	TP_ARGS(inode),

	TP_STRUCT__entry(
		__array(char, mount, PUZZLEFS_TRACE_MOUNT)
		__field(u64, ino)
		__field(u64, size)
		__field(umode_t, mode)
		__field(unsigned int, nlink)
	),

	TP_fast_assign(
		memcpy(__entry->mount, inode->i_sb->s_id, PUZZLEFS_TRACE_MOUNT);
		__entry->ino = PUZZLEFS_I(inode)->ino;
		__entry->size = inode->i_size;
		__entry->mode = inode->i_mode;
		__entry->nlink = inode->i_nlink;
	),

	TP_printk("mount=%s ino=%llu mode=0%o nlink=%u size=%llu",
		  __entry->mount, __entry->ino, __entry->mode, __entry->nlink,
		  __entry->size)
);

/* Pages of a file are about to be filled. */
DECLARE_EVENT_CLASS(puzzlefs_pages,
	TP_PROTO(struct inode *inode, u64 pos, u64 length),
	TP_ARGS(inode, pos, length),

	TP_STRUCT__entry(
		__array(char, mount, PUZZLEFS_TRACE_MOUNT)
		__field(u64, ino)
		__field(u64, pos)
		__field(u64, length)
	),

	TP_fast_assign(
		const struct puzzlefs_content *content =
			READ_ONCE(PUZZLEFS_I(inode)->content);

		memset(__entry->mount, 0, PUZZLEFS_TRACE_MOUNT);
		__entry->ino = 0;
		if (content) {
			memcpy(__entry->mount, content->reader.mount,
			       PUZZLEFS_TRACE_MOUNT);
			__entry->ino = content->reader.ino;
		}
		__entry->pos = pos;
		__entry->length = length;
	),

	TP_printk("mount=%s ino=%llu pos=%llu length=%llu", __entry->mount,
		  __entry->ino, __entry->pos, __entry->length)
);

DEFINE_EVENT(puzzlefs_pages, puzzlefs_read_folio,
	     TP_PROTO(struct inode *inode, u64 pos, u64 length),
	     TP_ARGS(inode, pos, length));

DEFINE_EVENT(puzzlefs_pages, puzzlefs_readahead,
	     TP_PROTO(struct inode *inode, u64 pos, u64 length),
	     TP_ARGS(inode, pos, length));

/* A range of a file is a range of a blob, or of a hole, whose digest is 0. */
TRACE_EVENT(puzzlefs_map_run,
	TP_PROTO(const struct puzzlefs_content *content,
		 const struct puzzlefs_run *run, u64 skip, u64 length),
	TP_ARGS(content, run, skip, length),

	TP_STRUCT__entry(
		__array(char, mount, PUZZLEFS_TRACE_MOUNT)
		__field(u64, ino)
		__field(u64, pos)
		__field(u64, length)
		__field(u64, offset)
		__field(bool, compressed)
		__array(u8, digest, PUZZLEFS_TRACE_DIGEST)
	),

	TP_fast_assign(
		memcpy(__entry->mount, content->reader.mount,
		       PUZZLEFS_TRACE_MOUNT);
		__entry->ino = content->reader.ino;
		__entry->pos = run->start + skip;
		__entry->length = length;
		__entry->offset = run->offset + skip;
		__entry->compressed = run->blob && run->blob->id.compressed;
		memset(__entry->digest, 0, PUZZLEFS_TRACE_DIGEST);
		if (run->blob)
			memcpy(__entry->digest, run->blob->id.digest,
			       PUZZLEFS_TRACE_DIGEST);
	),

	TP_printk("mount=%s ino=%llu pos=%llu length=%llu blob=%s offset=%llu compressed=%d",
		  __entry->mount, __entry->ino, __entry->pos, __entry->length,
		  puzzlefs_show_digest(__entry->digest), __entry->offset,
		  __entry->compressed)
);

/* A blob's file was looked up, which may have failed. */
TRACE_EVENT(puzzlefs_locate_blob,
	TP_PROTO(const struct puzzlefs_blob *blob, int err),
	TP_ARGS(blob, err),

	TP_STRUCT__entry(
		__array(u8, digest, PUZZLEFS_TRACE_DIGEST)
		__field(u64, size)
		__field(int, err)
	),

	TP_fast_assign(
		memcpy(__entry->digest, blob->id.digest, PUZZLEFS_TRACE_DIGEST);
		__entry->size = READ_ONCE(blob->size);
		__entry->err = err;
	),

	TP_printk("blob=%s size=%llu err=%d",
		  puzzlefs_show_digest(__entry->digest), __entry->size,
		  __entry->err)
);

/* A blob's file was opened, or a seek table or frame of it was loaded. */
TRACE_EVENT(puzzlefs_load_object,
	TP_PROTO(const struct puzzlefs_object *object,
		 const struct puzzlefs_reader *reader, int err),
	TP_ARGS(object, reader, err),

	TP_STRUCT__entry(
		__array(char, mount, PUZZLEFS_TRACE_MOUNT)
		__field(u64, ino)
		__array(u8, digest, PUZZLEFS_TRACE_DIGEST)
		__field(u32, index)
		__field(u64, bytes)
		__field(int, err)
	),

	TP_fast_assign(
		memcpy(__entry->mount, reader->mount, PUZZLEFS_TRACE_MOUNT);
		__entry->ino = reader->ino;
		memcpy(__entry->digest, object->blob->id.digest,
		       PUZZLEFS_TRACE_DIGEST);
		__entry->index = object->index;
		__entry->bytes = err ? 0 : object->bytes;
		__entry->err = err;
	),

	TP_printk("mount=%s ino=%llu blob=%s index=%s bytes=%llu err=%d",
		  __entry->mount, __entry->ino,
		  puzzlefs_show_digest(__entry->digest),
		  puzzlefs_show_index(__entry->index), __entry->bytes,
		  __entry->err)
);

/* A blob has another sha256 or fs-verity digest than its image records. */
TRACE_EVENT(puzzlefs_verify_failure,
	TP_PROTO(const struct puzzlefs_blob *blob,
		 const struct puzzlefs_reader *reader),
	TP_ARGS(blob, reader),

	TP_STRUCT__entry(
		__array(char, mount, PUZZLEFS_TRACE_MOUNT)
		__field(u64, ino)
		__array(u8, digest, PUZZLEFS_TRACE_DIGEST)
	),

	TP_fast_assign(
		memcpy(__entry->mount, reader->mount, PUZZLEFS_TRACE_MOUNT);
		__entry->ino = reader->ino;
		memcpy(__entry->digest, blob->id.digest, PUZZLEFS_TRACE_DIGEST);
	),

	TP_printk("mount=%s ino=%llu blob=%s", __entry->mount, __entry->ino,
		  puzzlefs_show_digest(__entry->digest))
);

#endif /* _PUZZLEFS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
