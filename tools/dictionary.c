/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dictionary.c - trains the zstd dictionary that new data directories start with.
 *
 *     dictionary OUT FILE.ndjson...
 *
 * Every line of the files is one sample. Writes OUT, of at most DICTIONARY_BYTES; when OUT ends in
 * ".c" it is C source that defines rh_dictionary_data and rh_dictionary_size
 * (src/record/dictionary.h). The same input and the same libzstd give the same bytes. Only
 * synthetic resources may be given: a dictionary holds pieces of what it was trained on, and goes
 * to every site.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zdict.h>

enum {
    DICTIONARY_BYTES = 64 * 1024,
    SAMPLES_MAX = 200 * 1000,
    INPUT_BYTES_MAX = 256 * 1024 * 1024,
    SAMPLES_MIN = 100 /* fewer say nothing about what resources have in common */
};

struct samples {
    char *data; /* the lines without their ends, one after the other */
    size_t len;
    size_t sizes[SAMPLES_MAX];
    unsigned n;
};

static struct samples samples, mixed;
static unsigned char dictionary[DICTIONARY_BYTES];

static int complain(const char *what, const char *name, const char *why)
{
    fprintf(stderr, "dictionary: %s %s: %s\n", what, name, why);
    return 3;
}

/* Appends the file to samples.data; its lines become samples. */
static int add_lines(const char *name, char *at, size_t len)
{
    for (char *line = at, *end = at + len; line < end;) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((stop ? stop : end) - line);

        if (n > 0 && samples.n == SAMPLES_MAX)
            return complain("cannot take", name, "more lines than SAMPLES_MAX");
        if (n > 0) {
            memmove(samples.data + samples.len, line, n);
            samples.sizes[samples.n++] = n;
            samples.len += n;
        }
        line += n + 1;
    }
    return 0;
}

static int read_file(const char *name)
{
    char *at = samples.data + samples.len;
    size_t len = 0, room = INPUT_BYTES_MAX - samples.len;
    int rc = 0, fd = open(name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return complain("cannot open", name, strerror(errno));
    for (;;) {
        ssize_t n = read(fd, at + len, room - len);
        if (n == 0)
            break;
        if (n < 0) {
            rc = complain("cannot read", name, strerror(errno));
            break;
        }
        len += (size_t)n;
        if (len == room) {
            rc = complain("cannot take", name, "more bytes than INPUT_BYTES_MAX");
            break;
        }
    }
    close(fd);
    return rc ? rc : add_lines(name, at, len);
}

/* The trainer learns from the first three quarters and chooses by the rest, so both must hold some
 * of every file. Fisher and Yates with xorshift64 (Marsaglia, J. Stat. Softw. 8(14), 2003): the
 * same mix every time. */
static void mix(void)
{
    static struct {
        const char *data;
        size_t len;
    } lines[SAMPLES_MAX];
    uint64_t state = 88172645463325252U;
    const char *at = samples.data;

    for (unsigned i = 0; i < samples.n; i++) {
        lines[i].data = at;
        lines[i].len = samples.sizes[i];
        at += samples.sizes[i];
    }
    for (unsigned left = samples.n; left > 0; left--) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        unsigned i = (unsigned)(state % left);
        memcpy(mixed.data + mixed.len, lines[i].data, lines[i].len);
        mixed.len += lines[i].len;
        mixed.sizes[mixed.n++] = lines[i].len;
        lines[i] = lines[left - 1];
    }
}

static char *reserve(void)
{
    void *p = mmap(NULL, INPUT_BYTES_MAX, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static bool is_source(const char *name)
{
    size_t n = strlen(name);
    return n > 2 && strcmp(name + n - 2, ".c") == 0;
}

static void write_source(FILE *f, size_t len)
{
    fprintf(f, "/* Made by tools/dictionary.c. */\n#include \"record/dictionary.h\"\n\n"
               "const unsigned char rh_dictionary_data[] = {");
    for (size_t i = 0; i < len; i++)
        fprintf(f, "%s%u,", i % 24 ? "" : "\n", dictionary[i]);
    fprintf(f, "\n};\nconst size_t rh_dictionary_size = sizeof rh_dictionary_data;\n");
}

static int write_out(const char *name, size_t len)
{
    FILE *f = fopen(name, "wb");

    if (!f)
        return complain("cannot write", name, strerror(errno));
    if (is_source(name))
        write_source(f, len);
    else
        fwrite(dictionary, 1, len, f);
    if (ferror(f) | fclose(f)) { /* both, so that the file is closed */
        unlink(name);
        return complain("cannot write", name, strerror(errno));
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: dictionary OUT FILE.ndjson...\n");
        return 2;
    }
    samples.data = reserve();
    mixed.data = reserve();
    if (!samples.data || !mixed.data)
        return complain("no memory for", "the samples", strerror(errno));

    for (int i = 2; i < argc; i++) {
        int rc = read_file(argv[i]);
        if (rc)
            return rc;
    }
    if (samples.n < SAMPLES_MIN)
        return complain("too few samples in", argv[2], "a hundred lines or more are needed");

    mix();
    size_t len =
        ZDICT_trainFromBuffer(dictionary, sizeof dictionary, mixed.data, mixed.sizes, mixed.n);
    if (ZDICT_isError(len))
        return complain("cannot train from", argv[2], ZDICT_getErrorName(len));
    return write_out(argv[1], len);
}
