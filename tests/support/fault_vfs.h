/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fault_vfs.h - a disk that fails on demand, between SQLite and the real one.
 *
 * It becomes SQLite's default VFS, so the code under test needs no change. It counts writes (and
 * truncations) and syncs over all files from the moment it is armed, and does one of these things
 * once: FAULT_WRITE      the n-th write stores half of its bytes and fails with `error` (ENOSPC:
 * SQLITE_FULL, else SQLITE_IOERR_WRITE) FAULT_SYNC       the n-th sync fails with `error`; what was
 * written stays FAULT_SYNC_LOST  the same, and what was written since the last sync of that file is
 * gone, as on Linux after the page cache lets go FAULT_POWER      after the n-th write nothing
 * works any more; fault_vfs_power_on then loses, for each write that no sync of its file followed,
 * nothing, all or half of it, by the seed Not for use by several threads.
 */
#ifndef RH_TESTS_FAULT_VFS_H
#define RH_TESTS_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum fault { FAULT_NONE, FAULT_WRITE, FAULT_SYNC, FAULT_SYNC_LOST, FAULT_POWER };

void fault_vfs_install(void); /* once, before the first database is opened */
void fault_vfs_arm(enum fault fault, unsigned at, int error,
                   uint64_t seed); /* with no database open */
void fault_vfs_disarm(void);
bool fault_vfs_fired(void);
unsigned fault_vfs_writes(void), fault_vfs_syncs(void); /* since it was armed */
/* After all connections are closed: what a disk shows after the power came back. */
void fault_vfs_power_on(void);

#endif
