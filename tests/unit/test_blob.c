/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/blob.h"

#include "scratch.h"

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

static const struct rh_part mina = {.part = 0xA1, .salt = "salt of person A"};
static const struct rh_part omar = {.part = 0xFFFFFFFFFFFFFFB2, .salt = "salt of person B"};

static char dir[64];

static int open_folder(void **state)
{
    (void)state;
    return scratch_make(dir);
}

static int remove_folder(void **state)
{
    (void)state;
    return scratch_remove(dir);
}

static void path_of(const struct rh_part *part, const struct rh_hash *name, char ret[256])
{
    char hex[2 * RH_HASH_SIZE + 1];
    rh_hash_hex(name, hex);
    snprintf(ret, 256, "%s/blobs/%016llx/%.2s/%s", dir, (unsigned long long)part->part, hex, hex);
}

static unsigned count_files(const char *what)
{
    char command[200];
    unsigned n = 0;
    snprintf(command, sizeof command, "find %s -type f %s | wc -l", dir, what);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%u", &n), 1);
    pclose(f);
    return n;
}

static void assert_content(const struct rh_part *part, const struct rh_hash *name,
                           const char *content, size_t len)
{
    int fd;
    uint64_t size;
    char back[4096];
    assert_int_equal(rh_blob_open(dir, part, name, true, &fd, &size), RH_OK);
    assert_int_equal(size, len);
    assert_int_equal(read(fd, back, sizeof back), len);
    assert_memory_equal(back, content, len);
    close(fd);
}

static void gives_back_what_was_put(void **state)
{
    (void)state;
    struct rh_hash name;
    char path[256];
    struct stat st;
    assert_int_equal(rh_blob_put(dir, &mina, "film\0film", 9, &name), RH_OK);
    assert_content(&mina, &name, "film\0film", 9);
    path_of(&mina, &name, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    *strrchr(path, '/') = 0;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void takes_an_empty_object(void **state)
{
    (void)state;
    struct rh_hash name;
    assert_int_equal(rh_blob_put(dir, &mina, "", 0, &name), RH_OK);
    assert_content(&mina, &name, "", 0);
}

static void two_persons_never_share_a_file(void **state)
{
    (void)state;
    struct rh_hash a, b;
    int fd;
    uint64_t size;
    assert_int_equal(rh_blob_put(dir, &mina, "same", 4, &a), RH_OK);
    assert_int_equal(rh_blob_put(dir, &omar, "same", 4, &b), RH_OK);
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_int_equal(count_files(""), 2);
    assert_int_equal(rh_blob_open(dir, &omar, &a, false, &fd, &size), RH_NOTFOUND);
    assert_int_equal(rh_blob_delete(dir, &mina, &a), RH_OK);
    assert_content(&omar, &b, "same", 4);
}

static void leaves_one_that_is_there(void **state)
{
    (void)state;
    struct rh_hash a, b;
    char path[256];
    struct stat before, after;
    assert_int_equal(rh_blob_put(dir, &mina, "film", 4, &a), RH_OK);
    path_of(&mina, &a, path);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(rh_blob_put(dir, &mina, "film", 4, &b), RH_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void finds_damage_and_repairs_a_short_one(void **state)
{
    (void)state;
    struct rh_hash name;
    char path[256];
    int fd;
    uint64_t size;
    assert_int_equal(rh_blob_put(dir, &mina, "film of today", 13, &name), RH_OK);
    path_of(&mina, &name, path);
    fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "F", 1, 0), 1);
    close(fd);
    assert_int_equal(rh_blob_open(dir, &mina, &name, true, &fd, &size), RH_CORRUPT);
    assert_int_equal(rh_blob_open(dir, &mina, &name, false, &fd, &size), RH_OK);
    close(fd);
    assert_int_equal(truncate(path, 4), 0);
    assert_int_equal(rh_blob_open(dir, &mina, &name, true, &fd, &size), RH_CORRUPT);
    assert_int_equal(rh_blob_put(dir, &mina, "film of today", 13, &name), RH_OK);
    assert_content(&mina, &name, "film of today", 13);
}

static void deletes_once(void **state)
{
    (void)state;
    struct rh_hash name;
    int fd;
    uint64_t size;
    assert_int_equal(rh_blob_put(dir, &mina, "film", 4, &name), RH_OK);
    assert_int_equal(rh_blob_delete(dir, &mina, &name), RH_OK);
    assert_int_equal(rh_blob_open(dir, &mina, &name, false, &fd, &size), RH_NOTFOUND);
    assert_int_equal(rh_blob_delete(dir, &mina, &name), RH_NOTFOUND);
}

static void refuses_one_that_is_too_large(void **state)
{
    (void)state;
    struct rh_hash name;
    char byte = 0;
    assert_int_equal(rh_blob_put(dir, &mina, &byte, ((size_t)RH_BLOB_MAX_MIB << 20) + 1, &name),
                     RH_TOOLARGE);
    assert_int_equal(count_files(""), 0);
}

static void does_not_follow_a_link(void **state)
{
    (void)state;
    struct rh_hash name;
    char path[256];
    int fd;
    uint64_t size;
    assert_int_equal(rh_blob_put(dir, &mina, "film", 4, &name), RH_OK);
    path_of(&mina, &name, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_not_equal(rh_blob_open(dir, &mina, &name, false, &fd, &size), RH_OK);
}

/* A write that fails in the middle, here at the limit of the process, leaves neither the object nor
 * a piece of it. */
static void leaves_nothing_of_a_failed_write(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rh_hash name;
        char content[8192] = "large";
        struct rlimit limit = {4096, 4096};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit((int)rh_blob_put(dir, &mina, content, sizeof content, &name));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), RH_IO); /* EFBIG */
    assert_int_equal(count_files(""), 0);
}

static void says_that_the_folder_cannot_be_written_to(void **state)
{
    (void)state;
    struct rh_hash name;
    assert_int_equal(chmod(dir, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0) /* rights mean nothing to root */
            _exit(99);
        _exit((int)rh_blob_put(dir, &mina, "film", 4, &name));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(dir, 0700), 0);
    assert_int_equal(WEXITSTATUS(status), RH_READONLY);
    assert_int_equal(count_files(""), 0);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, open_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(gives_back_what_was_put),
        WITH_FOLDER(takes_an_empty_object),
        WITH_FOLDER(two_persons_never_share_a_file),
        WITH_FOLDER(leaves_one_that_is_there),
        WITH_FOLDER(finds_damage_and_repairs_a_short_one),
        WITH_FOLDER(deletes_once),
        WITH_FOLDER(refuses_one_that_is_too_large),
        WITH_FOLDER(does_not_follow_a_link),
        WITH_FOLDER(leaves_nothing_of_a_failed_write),
        WITH_FOLDER(says_that_the_folder_cannot_be_written_to),
    };
    return cmocka_run_group_tests_name("blob", tests, NULL, NULL);
}
