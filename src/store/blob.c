/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blob.c - large objects as files: written beside their name, synced, moved there, folders synced.
 */
#include "store/blob.h"

#include "base/alloc.h"
#include "system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDERS = 3 /* blobs, the person's, and the one of the first byte */ };

struct place {
    char folders[FOLDERS][PATH_MAX]; /* from the top down */
    char file[PATH_MAX];
    char hex[2 * RH_HASH_SIZE + 1];
};

static enum rh_rc find_place(const char *dir, const struct rh_part *part,
                             const struct rh_hash *name, struct place *ret)
{
    rh_hash_hex(name, ret->hex);
    snprintf(ret->folders[0], PATH_MAX, "%s/blobs", dir);
    snprintf(ret->folders[1], PATH_MAX, "%s/blobs/%016llx", dir, (unsigned long long)part->part);
    snprintf(ret->folders[2], PATH_MAX, "%s/blobs/%016llx/%.2s", dir,
             (unsigned long long)part->part, ret->hex);
    int len = snprintf(ret->file, PATH_MAX, "%s/blobs/%016llx/%.2s/%s", dir,
                       (unsigned long long)part->part, ret->hex, ret->hex);
    return len < PATH_MAX - 32 /* room for the name it is written under */ ? RH_OK : RH_INVALID;
}

/* A folder that this process may not write to is a fault of the disk, not of who asks. */
static enum rh_rc write_rc(enum rh_rc rc)
{
    return rc == RH_FORBIDDEN ? RH_READONLY : rc;
}

/* Every time, not only when they were made: an earlier process may have ended between making and
 * syncing them. */
static enum rh_rc sync_folders(const struct place *p)
{
    for (int i = FOLDERS - 1; i >= 0; i--) {
        enum rh_rc rc = rh_dir_sync(p->folders[i]);
        if (rc)
            return write_rc(rc);
    }
    return RH_OK;
}

static bool is_there(const struct place *p, size_t len)
{
    struct stat st;
    return lstat(p->file, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == len;
}

static enum rh_rc write_file(const struct place *p, const void *data, size_t len)
{
    char beside[PATH_MAX + 32];
    uint64_t mark;
    rh_random(&mark, sizeof mark);
    snprintf(beside, sizeof beside, "%s/.%.16s.%08x.tmp", p->folders[FOLDERS - 1], p->hex,
             (unsigned)mark);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return write_rc(rh_errno_rc(errno));
    enum rh_rc rc = rh_write_all(fd, data, len);
    if (rc == RH_OK && fsync(fd) != 0)
        rc = rh_errno_rc(errno);
    if (close(fd) != 0 && rc == RH_OK)
        rc = rh_errno_rc(errno);
    if (rc == RH_OK && rename(beside, p->file) != 0)
        rc = rh_errno_rc(errno);
    if (rc)
        unlink(beside);
    return write_rc(rc);
}

enum rh_rc rh_blob_put(const char *dir, const struct rh_part *part, const void *data, size_t len,
                       struct rh_hash *ret)
{
    if (len > (size_t)RH_BLOB_MAX_MIB << 20)
        return RH_TOOLARGE;
    struct place *p = rh_alloc(sizeof *p);
    struct rh_hash name = rh_hash_of(data, len, part->salt, sizeof part->salt);
    enum rh_rc rc = find_place(dir, part, &name, p);
    if (rc == RH_OK)
        rc = write_rc(rh_dir_make(NULL, p->folders[FOLDERS - 1], 0700));
    if (rc == RH_OK && !is_there(p, len)) /* one of another size was damaged, and is replaced */
        rc = write_file(p, data, len);
    if (rc == RH_OK)
        rc = sync_folders(p);
    rh_free(p);
    if (rc == RH_OK)
        *ret = name;
    return rc;
}

/* By mapping it: an object may be larger than what an arena holds, and nothing ever shortens one.
 */
static enum rh_rc verify_content(int fd, size_t len, const struct rh_part *part,
                                 const struct rh_hash *name)
{
    void *data = len ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (len && data == MAP_FAILED)
        return rh_errno_rc(errno);
    struct rh_hash h = rh_hash_of(len ? data : "", len, part->salt, sizeof part->salt);
    if (len)
        munmap(data, len);
    return memcmp(&h, name, sizeof h) == 0 ? RH_OK : RH_CORRUPT;
}

static enum rh_rc open_file(const char *file, int *ret_fd, uint64_t *ret_size)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        enum rh_rc rc = rh_errno_rc(errno);
        return rc == RH_FORBIDDEN ? RH_IO : rc;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return RH_IO;
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)st.st_size;
    return RH_OK;
}

enum rh_rc rh_blob_open(const char *dir, const struct rh_part *part, const struct rh_hash *name,
                        bool verify, int *ret_fd, uint64_t *ret_size)
{
    int fd = -1;
    uint64_t size = 0;
    struct place *p = rh_alloc(sizeof *p);
    enum rh_rc rc = find_place(dir, part, name, p);
    if (rc == RH_OK)
        rc = open_file(p->file, &fd, &size);
    rh_free(p);
    if (rc)
        return rc;
    if (verify)
        rc = verify_content(fd, (size_t)size, part, name);
    if (rc) {
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    *ret_size = size;
    return RH_OK;
}

enum rh_rc rh_blob_delete(const char *dir, const struct rh_part *part, const struct rh_hash *name)
{
    struct place *p = rh_alloc(sizeof *p);
    enum rh_rc rc = find_place(dir, part, name, p);
    if (rc == RH_OK && unlink(p->file) != 0)
        rc = write_rc(rh_errno_rc(errno));
    if (rc == RH_OK)
        rc = write_rc(rh_dir_sync(p->folders[FOLDERS - 1]));
    rh_free(p);
    return rc;
}
