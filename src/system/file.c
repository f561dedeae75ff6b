/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/file.h"

#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { COPY_BYTES = 256 << 10, MOUNTINFO_MAX = 4 << 20 };

enum rh_rc rh_errno_rc(int error)
{
    static const struct {
        int error;
        enum rh_rc rc;
    } rows[] = {
        {ENOENT, RH_NOTFOUND},      {ENOTDIR, RH_NOTFOUND}, {ENOSPC, RH_FULL},
        {EDQUOT, RH_FULL},          {EROFS, RH_READONLY},   {EACCES, RH_FORBIDDEN},
        {EPERM, RH_FORBIDDEN},      {ENOMEM, RH_NOMEM},     {EISDIR, RH_INVALID},
        {ENAMETOOLONG, RH_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].error == error)
            return rows[i].rc;
    return RH_IO;
}

enum rh_rc rh_errno_issue(struct rh_issues *is, int error, const char *doing, const char *path)
{
    char reason[128];
    return rh_issue_add(is, rh_errno_rc(error), NULL, "cannot %s %s: %s", doing, path,
                        strerror_r(error, reason, sizeof reason));
}

char *rh_path_join(struct rh_arena *a, const char *folder, const char *name)
{
    size_t n = strlen(folder);
    return rh_arena_printf(a, "%s%s%s", folder, n && folder[n - 1] != '/' ? "/" : "", name);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Until the end of the file: its size may be 0 (as in /proc) or change while it is read. */
static enum rh_rc read_all(struct rh_arena *a, int fd, size_t limit, struct rh_text *ret,
                           int *ret_error)
{
    struct rh_buf b = rh_buf(a);
    struct stat st;
    size_t piece = 4096;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        if ((uint64_t)st.st_size > limit)
            return RH_TOOLARGE;
        piece = (size_t)st.st_size + 1;
    }
    for (;;) {
        char *to = rh_buf_room(&b, piece + 1);
        if (!to)
            return b.rc;
        ssize_t n = read(fd, to, piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *ret_error = errno;
            return RH_IO;
        }
        b.len += (size_t)n;
        if (b.len > limit)
            return RH_TOOLARGE;
        if (n == 0)
            break;
        piece = 65536;
    }
    b.data[b.len] = 0;
    *ret = rh_buf_get(&b);
    return RH_OK;
}

enum rh_rc rh_file_read(struct rh_arena *a, struct rh_issues *is, const char *path, size_t limit,
                        struct rh_text *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
    if (fd < 0)
        return rh_errno_issue(is, errno, "open", path);
    enum rh_rc rc = read_all(a, fd, limit, ret, &error);
    close(fd);
    if (error)
        return rh_errno_issue(is, error, "read", path);
    if (rc == RH_TOOLARGE)
        return rh_issue_add(is, rc, NULL, "%s is larger than %zu bytes", path, limit);
    return rc;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

enum rh_rc rh_write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rh_errno_rc(errno);
        at += n;
        len -= (size_t)n;
    }
    return RH_OK;
}

/* The folder part of a path, "." when there is none. */
static void folder_of(const char *path, char ret[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(ret, PATH_MAX, ".");
    else
        snprintf(ret, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

enum rh_rc rh_dir_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return rh_errno_rc(errno);
    int failed = fsync(fd), error = errno;
    close(fd);
    /* Some file systems cannot sync a folder and say so; their renames are ordered without it. */
    return failed && error != EINVAL && error != EROFS ? rh_errno_rc(error) : RH_OK;
}

static enum rh_rc copy_bytes(int from, int to)
{
    char *piece = rh_alloc(COPY_BYTES);
    enum rh_rc rc = RH_OK;
    while (!rc) {
        ssize_t n = read(from, piece, COPY_BYTES);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        rc = n < 0 ? rh_errno_rc(errno) : rh_write_all(to, piece, (size_t)n);
    }
    rh_free(piece);
    return rc;
}

/* Writes content (or, when its data are NULL, all of `from`) beside the path, then moves it there.
 */
static enum rh_rc replace(struct rh_issues *is, const char *path, struct rh_text content, int from,
                          mode_t mode)
{
    char beside[PATH_MAX], folder[PATH_MAX];
    if (snprintf(beside, sizeof beside, "%s.%d.tmp", path, (int)getpid()) >= (int)sizeof beside)
        return rh_errno_issue(is, ENAMETOOLONG, "write", path);
    folder_of(path, folder);

    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return rh_errno_issue(is, errno, "write", beside);
    enum rh_rc rc = from >= 0 ? copy_bytes(from, fd) : rh_write_all(fd, content.data, content.len);
    int error = errno;
    if (!rc && (fchmod(fd, mode) || fsync(fd))) {
        error = errno;
        rc = rh_errno_rc(error);
    }
    if (close(fd) && !rc) {
        error = errno;
        rc = rh_errno_rc(error);
    }
    if (!rc && rename(beside, path)) {
        error = errno;
        rc = rh_errno_rc(error);
    }
    if (rc) {
        unlink(beside);
        return rh_errno_issue(is, error, "write", path);
    }
    rc = rh_dir_sync(folder);
    return rc ? rh_issue_add(is, rc, NULL, "cannot sync the folder %s", folder) : RH_OK;
}

enum rh_rc rh_file_write(struct rh_issues *is, const char *path, struct rh_text content,
                         mode_t mode)
{
    return replace(is, path, content, -1, mode);
}

enum rh_rc rh_file_copy(struct rh_issues *is, const char *from, const char *to, mode_t mode)
{
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rh_errno_issue(is, errno, "open", from);
    enum rh_rc rc = replace(is, to, (struct rh_text){NULL, 0}, fd, mode);
    close(fd);
    return rc;
}

/* ---- folders ----------------------------------------------------------------------------------
 */

static enum rh_rc make_one(struct rh_issues *is, const char *path, mode_t mode)
{
    struct stat st;
    if (mkdir(path, mode) == 0) {
        char folder[PATH_MAX];
        folder_of(path, folder);
        rh_dir_sync(folder); /* best effort: above may be a folder that we may not open */
        return RH_OK;
    }
    int error = errno;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return RH_OK;
        return rh_issue_add(is, RH_INVALID, NULL,
                            "cannot make the folder %s: a file of this name is there", path);
    }
    return rh_errno_issue(is, error, "make the folder", path);
}

enum rh_rc rh_dir_make(struct rh_issues *is, const char *path, mode_t mode)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part)
        return rh_errno_issue(is, len ? ENAMETOOLONG : ENOENT, "make the folder", path);
    memcpy(part, path, len + 1);
    while (len > 1 && part[len - 1] == '/')
        part[--len] = 0;
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        enum rh_rc rc = make_one(is, part, mode);
        if (rc)
            return rc;
        *slash = '/';
    }
    return make_one(is, part, mode);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum rh_rc rh_dir_list(struct rh_arena *a, struct rh_issues *is, const char *path,
                       char ***ret_names, size_t *ret_count)
{
    DIR *d = opendir(path);
    if (!d)
        return rh_errno_issue(is, errno, "open the folder", path);
    char **names = NULL;
    size_t count = 0, cap = 0;
    enum rh_rc rc = RH_OK;
    const struct dirent *e;
    errno = 0;
    while (!rc && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *name = rh_arena_copy(a, e->d_name, strlen(e->d_name));
        char **more = name ? rh_arena_grow(a, names, &cap, count + 1, sizeof *names) : NULL;
        if (more) {
            names = more;
            names[count++] = name;
        } else {
            rc = RH_NOMEM;
        }
        errno = 0;
    }
    if (!rc && errno)
        rc = rh_errno_issue(is, errno, "read the folder", path);
    closedir(d);
    if (rc)
        return rc;
    if (count)
        qsort(names, count, sizeof *names, by_bytes);
    *ret_names = names;
    *ret_count = count;
    return RH_OK;
}

/* ---- the lock ---------------------------------------------------------------------------------
 */

struct rh_lock {
    int fd;
};

static enum rh_rc refuse_lock(struct rh_issues *is, int fd, const char *path)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    size_t digits = strspn(pid, "0123456789");
    if (n <= 0 || digits == 0)
        return rh_issue_add(is, RH_INUSE, NULL, "%s is locked by another process", path);
    pid[digits] = 0;
    return rh_issue_add(is, RH_INUSE, NULL,
                        "%s is locked by process %s; stop that one first, or let it do the work",
                        path, pid);
}

enum rh_rc rh_lock_take(struct rh_issues *is, const char *path, struct rh_lock **ret)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return rh_errno_issue(is, errno, "open the lock", path);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        int error = errno;
        enum rh_rc rc = error == EWOULDBLOCK ? refuse_lock(is, fd, path)
                                             : rh_errno_issue(is, error, "lock", path);
        close(fd);
        return rc;
    }
    char pid[24];
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)n, 0) != n) {
        /* The number is for people; a full disk must not keep the data from being opened and read.
         */
    }
    struct rh_lock *lock = rh_alloc(sizeof *lock);
    lock->fd = fd;
    *ret = lock;
    return RH_OK;
}

void rh_lock_release(struct rh_lock *lock)
{
    if (!lock)
        return;
    if (ftruncate(lock->fd, 0)) {
        /* A number that is left over only stands there until the next one takes the lock. */
    }
    close(lock->fd);
    rh_free(lock);
}

/* ---- what kind of disk ------------------------------------------------------------------------
 */

bool rh_disk_type_is_network(struct rh_text type)
{
    static const char *const network[] = {
        "nfs",
        "nfs4",
        "cifs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "afs",
        "ncpfs",
        "coda",
        "9p",
        "ceph",
        "lustre",
        "beegfs",
        "gpfs",
        "glusterfs",
        "davfs",
        "orangefs",
        "pvfs2",
        "vboxsf",
        "prl_fs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.rclone",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.ceph-fuse",
        "fuse.davfs",
        "fuse.davfs2",
        "fuse.curlftpfs",
        "fuse.gcsfuse",
        "fuse.smbnetfs",
        "fuse.goofys",
        "fuse.moosefs",
        "fuse.mfs",
        "fuse.juicefs",
        "fuse.seaweedfs",
        "fuse.vmhgfs-fuse",
        "fuse.nfs",
    };
    for (size_t i = 0; i < sizeof network / sizeof network[0]; i++)
        if (rh_text_is(type, network[i]))
            return true;
    return false;
}

struct rh_text rh_mount_type(struct rh_text mountinfo, unsigned device_major, unsigned device_minor)
{
    /* proc(5): 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
    struct rh_text line, field, found = {NULL, 0};
    char device[32];
    snprintf(device, sizeof device, "%u:%u", device_major, device_minor);
    while (rh_text_split(&mountinfo, '\n', &line)) {
        bool here = false;
        for (unsigned i = 0; rh_text_split(&line, ' ', &field); i++) {
            if (i == 2)
                here = rh_text_is(field, device);
            if (i > 5 && rh_text_is(field, "-")) {
                if (here && rh_text_split(&line, ' ', &field))
                    found = field; /* of several mounts of one device all have this type */
                break;
            }
        }
    }
    return found;
}

/* statfs(2), linux/magic.h. FUSE is not here: its mounts say themselves what they are. */
static const char *network_magic(unsigned long magic)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } rows[] = {
        {0x6969, "nfs"},     {0x517B, "smb"},      {0xFF534D42, "cifs"},   {0xFE534D42, "smb2"},
        {0x5346414F, "afs"}, {0x6B414653, "afs"},  {0x564C, "ncpfs"},      {0x73757245, "coda"},
        {0x01021997, "9p"},  {0x00C36400, "ceph"}, {0x0BD00BD0, "lustre"}, {0x786F4256, "vboxsf"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].magic == magic)
            return rows[i].name;
    return NULL;
}

enum rh_rc rh_disk_check(struct rh_issues *is, const char *folder)
{
    struct stat st;
    struct statfs fs;
    if (stat(folder, &st) || statfs(folder, &fs))
        return rh_errno_issue(is, errno, "look at", folder);

    char type[32] = "";
    const char *magic = network_magic((unsigned long)fs.f_type & 0xFFFFFFFFUL);
    struct rh_arena *a = rh_arena_open(2 * MOUNTINFO_MAX);
    struct rh_text mounts, found = {NULL, 0};
    if (rh_file_read(a, NULL, "/proc/self/mountinfo", MOUNTINFO_MAX, &mounts) == RH_OK)
        found = rh_mount_type(mounts, major(st.st_dev), minor(st.st_dev));
    if (rh_disk_type_is_network(found))
        snprintf(type, sizeof type, "%.*s", RH_TEXT_ARG(found));
    else if (magic)
        snprintf(type, sizeof type, "%s", magic);
    rh_arena_close(a);
    if (!type[0])
        return RH_OK;
    return rh_issue_add(is, RH_NETWORKFS, NULL,
                        "%s is on a network file system (%s), where the database can be damaged; "
                        "choose a folder on a "
                        "disk of this machine",
                        folder, type);
}

enum rh_rc rh_disk_free(const char *path, uint64_t *ret_bytes)
{
    struct statvfs fs;
    if (statvfs(path, &fs))
        return rh_errno_rc(errno);
    *ret_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return RH_OK;
}
