/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct rh_arena *arena;
static struct rh_issues issues;
static char folder[64];

static int open_folder(void **state)
{
    (void)state;
    arena = rh_arena_open(8 << 20);
    rh_issues_init(&issues, arena);
    snprintf(folder, sizeof folder, "/tmp/rihla-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    rh_arena_close(arena);
    return system(command);
}

static const char *at(const char *name)
{
    return rh_path_join(arena, folder, name);
}

static void maps_errors_of_the_system(void **state)
{
    (void)state;
    static const struct {
        int error;
        enum rh_rc rc;
    } rows[] = {{ENOENT, RH_NOTFOUND}, {ENOSPC, RH_FULL}, {EDQUOT, RH_FULL},
                {EROFS, RH_READONLY},  {EIO, RH_IO},      {EACCES, RH_FORBIDDEN},
                {ENOMEM, RH_NOMEM},    {EBADF, RH_IO},    {12345, RH_IO}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(rh_errno_rc(rows[i].error), rows[i].rc);
    assert_int_equal(rh_errno_issue(&issues, ENOSPC, "write", "/x"), RH_FULL);
    assert_string_equal(issues.rows[0].text, "cannot write /x: No space left on device");
}

static void a_file_is_replaced_whole(void **state)
{
    (void)state;
    struct rh_text t;
    struct stat st;
    assert_int_equal(rh_file_write(&issues, at("a"), RH_TEXT("first"), 0600), RH_OK);
    assert_int_equal(rh_file_write(&issues, at("a"), RH_TEXT("second\0x"), 0640), RH_OK);
    assert_int_equal(rh_file_read(arena, &issues, at("a"), 8, &t), RH_OK);
    assert_true(rh_text_eq(t, RH_TEXT("second\0x")));
    assert_int_equal(t.data[t.len], 0);
    assert_int_equal(stat(at("a"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(rh_file_copy(&issues, at("a"), at("b"), 0600), RH_OK);
    assert_int_equal(rh_file_read(arena, &issues, at("b"), 100, &t), RH_OK);
    assert_true(rh_text_eq(t, RH_TEXT("second\0x")));
    assert_int_equal(rh_file_write(&issues, at("empty"), RH_TEXT(""), 0600), RH_OK);
    assert_int_equal(rh_file_read(arena, &issues, at("empty"), 0, &t), RH_OK);
    assert_int_equal(t.len, 0);

    char **names;
    size_t count; /* nothing is left beside them */
    assert_int_equal(rh_dir_list(arena, &issues, folder, &names, &count), RH_OK);
    assert_int_equal(count, 3);
    assert_int_equal(issues.count, 0);
}

static void refuses_to_read_what_is_missing_or_too_large(void **state)
{
    (void)state;
    struct rh_text t = RH_TEXT("untouched");
    assert_int_equal(rh_file_write(&issues, at("a"), RH_TEXT("12345"), 0600), RH_OK);
    assert_int_equal(rh_file_read(arena, &issues, at("a"), 4, &t), RH_TOOLARGE);
    assert_non_null(strstr(issues.rows[0].text, "larger than 4 bytes"));
    assert_int_equal(rh_file_read(arena, &issues, at("none"), 4, &t), RH_NOTFOUND);
    assert_non_null(strstr(issues.rows[1].text, at("none")));
    assert_int_equal(rh_file_read(arena, &issues, folder, 4, &t), RH_INVALID);
    assert_int_equal(rh_file_read(arena, NULL, "/proc/self/status", 10, &t), RH_TOOLARGE);
    assert_true(rh_text_is(t, "untouched"));
    assert_int_equal(rh_file_read(arena, NULL, "/proc/self/status", 1 << 20, &t), RH_OK);
    assert_true(t.len > 100); /* although its size is said to be 0 */
}

/* In a child: the largest file it may write is 100 bytes, so the write fails half-way. */
static void a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    static char big[100000];
    struct rh_text t;
    memset(big, 'x', sizeof big);
    assert_int_equal(rh_file_write(&issues, at("a"), RH_TEXT("old"), 0600), RH_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {100, 100};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(rh_file_write(&issues, at("a"), (struct rh_text){big, sizeof big}, 0600) == RH_IO
                  ? 0
                  : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(rh_file_read(arena, &issues, at("a"), 100, &t), RH_OK);
    assert_true(rh_text_is(t, "old"));
    char **names;
    size_t count;
    assert_int_equal(rh_dir_list(arena, &issues, folder, &names, &count), RH_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rh_file_write(&issues, at("none/a"), RH_TEXT("x"), 0600), RH_NOTFOUND);
}

static void a_full_disk_is_called_full(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        skip();
    assert_int_equal(rh_write_all(fd, "x", 1), RH_FULL);
    close(fd);
}

static void makes_folders_and_lists_names_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"b", "a", "\xD9\x85", "B", "10", "9", ".hidden"};
    static const char *const want[] = {".hidden", "10", "9", "B", "a", "b", "\xD9\x85"};
    char deep[128];
    snprintf(deep, sizeof deep, "%s/x/y//z/", folder);
    assert_int_equal(rh_dir_make(&issues, deep, 0700), RH_OK);
    assert_int_equal(rh_dir_make(&issues, deep, 0700), RH_OK);
    char *z = rh_path_join(arena, folder, "x/y/z");
    char **listed;
    size_t count;
    assert_int_equal(rh_dir_list(arena, &issues, z, &listed, &count), RH_OK);
    assert_int_equal(count, 0);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(
            rh_file_write(&issues, rh_path_join(arena, z, names[i]), RH_TEXT(""), 0600), RH_OK);
    assert_int_equal(rh_dir_list(arena, &issues, z, &listed, &count), RH_OK);
    assert_int_equal(count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(listed[i], want[i]);

    assert_int_equal(issues.count, 0);
    assert_int_equal(rh_dir_make(&issues, rh_path_join(arena, z, "a/sub"), 0700), RH_INVALID);
    assert_non_null(strstr(issues.rows[0].text, "a file of this name is there"));
    assert_int_equal(rh_dir_list(arena, &issues, at("none"), &listed, &count), RH_NOTFOUND);
    assert_int_equal(rh_dir_make(&issues, "", 0700), RH_NOTFOUND);
    assert_string_equal(rh_path_join(arena, "a/", "b"), "a/b");
}

static void a_lock_is_taken_once_and_names_its_holder(void **state)
{
    (void)state;
    struct rh_lock *lock = NULL, *second = NULL;
    char pid[32];
    snprintf(pid, sizeof pid, "process %d;", (int)getpid());
    assert_int_equal(rh_lock_take(&issues, at("lock"), &lock), RH_OK);
    assert_int_equal(rh_lock_take(&issues, at("lock"), &second), RH_INUSE);
    assert_null(second);
    assert_non_null(strstr(issues.rows[0].text, pid));
    rh_lock_release(lock);
    assert_int_equal(rh_lock_take(&issues, at("lock"), &second), RH_OK);
    rh_lock_release(second);
    rh_lock_release(NULL);
    assert_int_equal(rh_lock_take(&issues, at("none/lock"), &second), RH_NOTFOUND);
}

static void a_lock_ends_with_its_process(void **state)
{
    (void)state;
    int ready[2];
    char c;
    struct rh_lock *lock;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        c = rh_lock_take(NULL, at("lock"), &lock) == RH_OK ? 'y' : 'n';
        if (write(ready[1], &c, 1) == 1)
            pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(c, 'y');
    assert_int_equal(rh_lock_take(&issues, at("lock"), &lock), RH_INUSE);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(rh_lock_take(&issues, at("lock"), &lock), RH_OK);
    rh_lock_release(lock);
    close(ready[0]);
    close(ready[1]);
}

static void tells_network_file_systems_by_their_type(void **state)
{
    (void)state;
    static const char mountinfo[] =
        "22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
        "28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n"
        "90 28 0:45 / /mnt/clinic rw,relatime shared:5 master:2 - nfs4 server:/export rw,vers=4.2\n"
        "91 28 0:46 / /mnt/a\\040b rw - fuse.sshfs user@host:/ rw\n"
        "92 28 0:47 / /mnt/usb rw - fuseblk /dev/sdb1 rw\n"
        "broken line\n";
    static const struct {
        unsigned major, minor;
        const char *type;
        bool network;
    } rows[] = {{0, 21, "sysfs", false},     {259, 2, "ext4", false},   {0, 45, "nfs4", true},
                {0, 46, "fuse.sshfs", true}, {0, 47, "fuseblk", false}, {9, 9, NULL, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_text type = rh_mount_type(rh_text(mountinfo), rows[i].major, rows[i].minor);
        assert_true(rh_text_is(type, rows[i].type));
        assert_int_equal(rh_disk_type_is_network(type), rows[i].network);
    }
    static const char *const network[] = {"nfs", "cifs", "smb3",       "9p",
                                          "afs", "ceph", "fuse.rclone"};
    for (size_t i = 0; i < sizeof network / sizeof network[0]; i++)
        assert_true(rh_disk_type_is_network(rh_text(network[i])));
    static const char *const local[] = {"ext4",    "xfs",          "btrfs", "zfs", "tmpfs",
                                        "overlay", "fuse.ntfs-3g", "vfat",  ""};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        assert_false(rh_disk_type_is_network(rh_text(local[i])));
}

static void knows_this_disk(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    assert_int_equal(rh_disk_check(&issues, "/dev/shm"), RH_OK);
    assert_int_equal(rh_disk_check(&issues, at("none")), RH_NOTFOUND);
    assert_int_equal(rh_disk_free(folder, &bytes), RH_OK);
    assert_true(bytes > 0);
    assert_int_equal(rh_disk_free(at("none"), &bytes), RH_NOTFOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(maps_errors_of_the_system),
        TEST(a_file_is_replaced_whole),
        TEST(refuses_to_read_what_is_missing_or_too_large),
        TEST(a_failed_write_leaves_the_old_file),
        TEST(a_full_disk_is_called_full),
        TEST(makes_folders_and_lists_names_in_order),
        TEST(a_lock_is_taken_once_and_names_its_holder),
        TEST(a_lock_ends_with_its_process),
        TEST(tells_network_file_systems_by_their_type),
        TEST(knows_this_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
