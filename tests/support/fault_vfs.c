/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fault_vfs.h"

#include "base/alloc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 16, PATH = 512 };

/* A change that no sync has followed: what was there before, and what was put there. */
struct change {
    struct change *before;
    sqlite3_int64 at, old_size, new_size;
    size_t len, old_len; /* len 0: a truncation to new_size */
    unsigned char *bytes, *old;
};

struct tracked {
    char path[PATH];
    struct change *last;
};

struct file {
    sqlite3_file base; /* first */
    struct tracked *tracked;
    sqlite3_file *real;
};

static struct {
    sqlite3_vfs vfs, *real;
    struct tracked files[FILES];
    enum fault fault;
    unsigned at, writes, syncs;
    int error;
    uint64_t random;
    bool fired, power_off;
} disk;

static struct file *of(sqlite3_file *f)
{
    return (struct file *)(void *)f;
}

static unsigned chance(unsigned n)
{
    disk.random = disk.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(disk.random >> 33) % n;
}

/* --- what is not on the disk yet
 * ------------------------------------------------------------------ */

static void forget(struct tracked *t)
{
    while (t->last) {
        struct change *c = t->last;
        t->last = c->before;
        rh_free(c->bytes);
        rh_free(c->old);
        rh_free(c);
    }
}

static struct tracked *track(const char *path)
{
    for (int i = 0; i < FILES; i++)
        if (disk.files[i].path[0] && strcmp(disk.files[i].path, path) == 0)
            return &disk.files[i];
    for (int i = 0; i < FILES; i++)
        if (!disk.files[i].path[0]) {
            snprintf(disk.files[i].path, PATH, "%s", path);
            return &disk.files[i];
        }
    assert(false); /* more files than are tracked */
    return NULL;
}

/* Notes what a write of `len` bytes, or a truncation (bytes NULL), is about to replace. */
static void note(struct file *f, sqlite3_int64 at, const void *bytes, size_t len)
{
    if (disk.fault != FAULT_POWER && disk.fault != FAULT_SYNC_LOST)
        return; /* nothing will be lost */
    struct change *c = rh_alloc(sizeof *c);
    f->real->pMethods->xFileSize(f->real, &c->old_size);
    c->at = at;
    c->len = len;
    c->new_size = bytes ? 0 : at;
    if (bytes) {
        c->bytes = rh_alloc(len);
        memcpy(c->bytes, bytes, len);
    }
    sqlite3_int64 end =
        bytes && at + (sqlite3_int64)len < c->old_size ? at + (sqlite3_int64)len : c->old_size;
    if (end > at) {
        c->old_len = (size_t)(end - at);
        c->old = rh_alloc(c->old_len);
        f->real->pMethods->xRead(f->real, c->old, (int)c->old_len, at);
    }
    c->before = f->tracked->last;
    f->tracked->last = c;
}

static void put(int fd, const void *bytes, size_t len, sqlite3_int64 at)
{
    ssize_t n = len ? pwrite(fd, bytes, len, at) : 0;
    assert(n == (ssize_t)len);
}

static void cut(int fd, sqlite3_int64 size)
{
    int failed = ftruncate(fd, size);
    assert(!failed);
}

static void undo(int fd, const struct tracked *t)
{
    for (const struct change *c = t->last; c; c = c->before) {
        put(fd, c->old, c->old_len, c->at);
        cut(fd, c->old_size);
    }
}

/* Oldest first; the list begins with the newest. */
static void redo_some(int fd, const struct change *c)
{
    if (!c)
        return;
    redo_some(fd, c->before);
    unsigned fate = chance(3);
    if (fate == 0)
        return;
    if (c->bytes)
        put(fd, c->bytes, fate == 1 ? c->len / 2 : c->len, c->at);
    else
        cut(fd, c->new_size);
}

void fault_vfs_power_on(void)
{
    for (int i = 0; i < FILES; i++) {
        struct tracked *t = &disk.files[i];
        int fd = t->last ? open(t->path, O_RDWR | O_CLOEXEC) : -1;
        if (fd >= 0) {
            undo(fd, t);
            redo_some(fd, t->last);
            close(fd);
        }
        forget(t);
        t->path[0] = 0;
    }
    fault_vfs_disarm();
}

/* --- files
 * ---------------------------------------------------------------------------------------- */

static int fail_with(int error, int code)
{
    errno = error;
    return code;
}

static int do_close(sqlite3_file *f)
{
    return of(f)->real->pMethods->xClose(of(f)->real);
}

static int do_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return disk.power_off ? SQLITE_IOERR_READ
                          : of(f)->real->pMethods->xRead(of(f)->real, to, n, at);
}

/* Counts a write; true: this is the one. */
static bool counts(enum fault fault, unsigned *counter)
{
    (*counter)++;
    if (disk.fault != fault || disk.fired || *counter != disk.at)
        return false;
    disk.fired = true;
    return true;
}

static int do_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    struct file *file = of(f);
    if (disk.power_off)
        return SQLITE_IOERR_WRITE;
    bool fails = counts(disk.fault == FAULT_POWER ? FAULT_POWER : FAULT_WRITE, &disk.writes);
    note(file, at, from, (size_t)n);
    if (fails && disk.fault == FAULT_WRITE) {
        file->real->pMethods->xWrite(file->real, from, n / 2, at);
        return fail_with(disk.error, disk.error == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE);
    }
    disk.power_off = fails;
    return file->real->pMethods->xWrite(file->real, from, n, at);
}

static int do_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct file *file = of(f);
    if (disk.power_off)
        return SQLITE_IOERR_TRUNCATE;
    bool fails = counts(disk.fault == FAULT_POWER ? FAULT_POWER : FAULT_WRITE, &disk.writes);
    if (fails && disk.fault == FAULT_WRITE)
        return fail_with(disk.error, SQLITE_IOERR_TRUNCATE);
    note(file, size, NULL, 0);
    disk.power_off = fails;
    return file->real->pMethods->xTruncate(file->real, size);
}

static void lose(struct file *file)
{
    for (struct change *c = file->tracked->last; c; c = c->before) {
        if (c->old_len)
            file->real->pMethods->xWrite(file->real, c->old, (int)c->old_len, c->at);
        file->real->pMethods->xTruncate(file->real, c->old_size);
    }
    forget(file->tracked);
}

static int do_sync(sqlite3_file *f, int flags)
{
    struct file *file = of(f);
    if (disk.power_off)
        return SQLITE_IOERR_FSYNC;
    if (counts(disk.fault == FAULT_SYNC_LOST ? FAULT_SYNC_LOST : FAULT_SYNC, &disk.syncs)) {
        if (disk.fault == FAULT_SYNC_LOST)
            lose(file);
        return fail_with(disk.error, SQLITE_IOERR_FSYNC);
    }
    int code = file->real->pMethods->xSync(file->real, flags);
    if (code == SQLITE_OK)
        forget(file->tracked);
    return code;
}

static int do_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return disk.power_off ? SQLITE_IOERR_FSTAT : of(f)->real->pMethods->xFileSize(of(f)->real, ret);
}

static int do_lock(sqlite3_file *f, int level)
{
    return of(f)->real->pMethods->xLock(of(f)->real, level);
}

static int do_unlock(sqlite3_file *f, int level)
{
    return of(f)->real->pMethods->xUnlock(of(f)->real, level);
}

static int do_reserved(sqlite3_file *f, int *ret)
{
    return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, ret);
}

static int do_control(sqlite3_file *f, int op, void *arg)
{
    return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg);
}

static int do_sector(sqlite3_file *f)
{
    return of(f)->real->pMethods->xSectorSize(of(f)->real);
}

static int do_device(sqlite3_file *f)
{
    return of(f)->real->pMethods->xDeviceCharacteristics(of(f)->real);
}

static int do_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return disk.power_off ? SQLITE_IOERR_SHMMAP
                          : of(f)->real->pMethods->xShmMap(of(f)->real, page, size, extend, ret);
}

static int do_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return of(f)->real->pMethods->xShmLock(of(f)->real, at, n, flags);
}

static void do_shm_barrier(sqlite3_file *f)
{
    of(f)->real->pMethods->xShmBarrier(of(f)->real);
}

static int do_shm_unmap(sqlite3_file *f, int delete_it)
{
    return of(f)->real->pMethods->xShmUnmap(of(f)->real, delete_it && !disk.power_off);
}

/* Version 2: no memory-mapped reads, which could not be counted. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = do_close,
    .xRead = do_read,
    .xWrite = do_write,
    .xTruncate = do_truncate,
    .xSync = do_sync,
    .xFileSize = do_size,
    .xLock = do_lock,
    .xUnlock = do_unlock,
    .xCheckReservedLock = do_reserved,
    .xFileControl = do_control,
    .xSectorSize = do_sector,
    .xDeviceCharacteristics = do_device,
    .xShmMap = do_shm_map,
    .xShmLock = do_shm_lock,
    .xShmBarrier = do_shm_barrier,
    .xShmUnmap = do_shm_unmap,
};

static int do_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    struct file *file = of(f);
    file->base.pMethods = NULL;
    if (disk.power_off)
        return SQLITE_CANTOPEN;
    file->real = (sqlite3_file *)(void *)(file + 1);
    int code = disk.real->xOpen(disk.real, path, file->real, flags, out);
    if (code == SQLITE_OK || file->real->pMethods)
        file->base.pMethods = &methods;
    file->tracked = track(path ? path : "");
    return code;
}

/* A name that is removed is gone for good: SQLite asks for the sync of the folder where it matters.
 */
static int do_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    (void)vfs;
    if (disk.power_off)
        return SQLITE_IOERR_DELETE;
    forget(track(path));
    return disk.real->xDelete(disk.real, path, sync_folder);
}

void fault_vfs_install(void)
{
    disk.real = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.real;
    disk.vfs.pNext = NULL;
    disk.vfs.zName = "fault";
    disk.vfs.szOsFile = (int)sizeof(struct file) + disk.real->szOsFile;
    disk.vfs.xOpen = do_open;
    disk.vfs.xDelete = do_delete;
    int code = sqlite3_vfs_register(&disk.vfs, 1);
    assert(code == SQLITE_OK);
}

void fault_vfs_arm(enum fault fault, unsigned at, int error, uint64_t seed)
{
    for (int i = 0; i < FILES; i++) {
        forget(&disk.files[i]);
        disk.files[i].path[0] = 0;
    }
    fault_vfs_disarm();
    disk.fault = fault;
    disk.at = at;
    disk.error = error;
    disk.random = seed;
}

void fault_vfs_disarm(void)
{
    disk.fault = FAULT_NONE;
    disk.fired = disk.power_off = false;
    disk.writes = disk.syncs = 0;
}

bool fault_vfs_fired(void)
{
    return disk.fired;
}

unsigned fault_vfs_writes(void)
{
    return disk.writes;
}

unsigned fault_vfs_syncs(void)
{
    return disk.syncs;
}
