/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * file.h - files and folders: whole reads, atomic durable writes, locks, and what kind of disk it
 * is.
 *
 * Where a function takes issues they may be NULL; else a refusal adds a sentence that names the
 * path. Errors of the system become RH_FULL, RH_READONLY or RH_IO by rh_errno_rc; RH_NOTFOUND: no
 * such file or folder.
 */
#ifndef RH_SYSTEM_FILE_H
#define RH_SYSTEM_FILE_H

#include "base/issue.h"

#include <sys/types.h>

/* ENOENT -> NOTFOUND, ENOSPC and EDQUOT -> FULL, EROFS -> READONLY, EACCES and EPERM -> FORBIDDEN,
 * ENOMEM -> NOMEM,
 * EISDIR and ENAMETOOLONG -> INVALID, anything else -> IO. */
enum rh_rc rh_errno_rc(int error);
/* The same with an issue: "cannot <doing> <path>: <reason>". */
enum rh_rc rh_errno_issue(struct rh_issues *is, int error, const char *doing, const char *path);

char *rh_path_join(struct rh_arena *a, const char *folder, const char *name); /* NULL: arena full */

/* The whole file, with a NUL byte behind it. RH_TOOLARGE: more than `limit` bytes; nothing is kept
 * then. */
enum rh_rc rh_file_read(struct rh_arena *a, struct rh_issues *is, const char *path, size_t limit,
                        struct rh_text *ret);
/* Replaces the file with this content: either the old or the new one is there at any moment, and on
 * RH_OK the new one is on the disk (write beside it, fsync, rename, fsync of the folder). On
 * failure the old one stays. */
enum rh_rc rh_file_write(struct rh_issues *is, const char *path, struct rh_text content,
                         mode_t mode);
/* The same with what `from` holds from its offset on (the file `to` appears whole or not at all).
 */
enum rh_rc rh_file_copy(struct rh_issues *is, const char *from, const char *to, mode_t mode);
enum rh_rc rh_write_all(int fd, const void *data,
                        size_t len); /* also after short writes and EINTR */

/* Makes a folder and those above it; one that is there is fine. RH_INVALID: a file is in the way.
 */
enum rh_rc rh_dir_make(struct rh_issues *is, const char *path, mode_t mode);
enum rh_rc rh_dir_sync(const char *path); /* makes new names in the folder durable */
/* Names in the folder in byte order, without "." and "..". */
enum rh_rc rh_dir_list(struct rh_arena *a, struct rh_issues *is, const char *path,
                       char ***ret_names, size_t *ret_count);

/* A lock that ends with the process, whatever ends it. The file holds the process's number.
 * RH_INUSE: another process has it; the issue names it. */
struct rh_lock;
enum rh_rc rh_lock_take(struct rh_issues *is, const char *path, struct rh_lock **ret);
void rh_lock_release(struct rh_lock *lock); /* NULL is fine; the file stays */

/* RH_NETWORKFS with an issue when the folder is on a network file system, where SQLite's locks and
 * shared memory do not hold. By the mount's type in /proc/self/mountinfo, else by statfs. */
enum rh_rc rh_disk_check(struct rh_issues *is, const char *folder);
bool rh_disk_type_is_network(struct rh_text type); /* "nfs4", "cifs", "fuse.sshfs", … */
/* Type of the mount with this device in the text of a mountinfo file; data NULL: none. */
struct rh_text rh_mount_type(struct rh_text mountinfo, unsigned device_major,
                             unsigned device_minor);
enum rh_rc rh_disk_free(const char *path, uint64_t *ret_bytes); /* free for this user */

#endif
