/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/progress.h"

#include "base/alloc.h"
#include "base/text.h"
#include "system/clock.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    BAR_EVERY_MS = 100,
    LINE_EVERY_MS = 10000,
    JSON_EVERY_MS = 1000,
    BAR_CELLS = 20,
    SETTLED_MS = 1000 /* before this no rate and no time left are guessed */
};

enum style { NONE, BAR, LINES, JSON };

struct rh_progress {
    enum style style;
    const char *what, *unit;
    int64_t start_ns;
    uint64_t shown_ms, done, total, items;
    bool drawn;
};

/* 1234567 -> "1,234,567" */
static void grouped(char ret[32], uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            ret[at++] = ',';
        ret[at++] = digits[i];
    }
    ret[at] = 0;
}

static void duration(char *ret, size_t size, uint64_t seconds)
{
    unsigned long long s = seconds;
    if (s < 60)
        snprintf(ret, size, "%llu s", s);
    else if (s < 3600)
        snprintf(ret, size, "%llu min %llu s", s / 60, s % 60);
    else
        snprintf(ret, size, "%llu h %llu min", s / 3600, s / 60 % 60);
}

static uint64_t rate(uint64_t n, uint64_t ms)
{
    return ms ? (uint64_t)((double)n * 1000.0 / (double)ms) : 0;
}

static uint64_t seconds_left(uint64_t done, uint64_t total, uint64_t ms)
{
    if (done == 0 || done >= total)
        return 0;
    return (uint64_t)((double)ms / (double)done * (double)(total - done) / 1000.0 + 0.5);
}

static unsigned percent(uint64_t done, uint64_t total)
{
    if (done >= total)
        return 100;
    unsigned p = (unsigned)((double)done * 100.0 / (double)total);
    return p > 99 ? 99 : p; /* 100 only when it is done */
}

void rh_progress_line(char *ret, size_t size, const char *unit, uint64_t done, uint64_t total,
                      uint64_t items, uint64_t ms)
{
    char share[16] = "", count[32], speed[64] = "", per_second[32], left[64] = "", time[48];
    if (total)
        snprintf(share, sizeof share, "%3u %%  ", percent(done, total));
    grouped(count, items);
    if (ms >= SETTLED_MS) {
        grouped(per_second, rate(items, ms));
        snprintf(speed, sizeof speed, "  %s/s", per_second);
        if (total && done && done < total) {
            duration(time, sizeof time, seconds_left(done, total, ms));
            snprintf(left, sizeof left, "  %s left", time);
        }
    }
    snprintf(ret, size, "%s%s %s%s%s", share, count, unit, speed, left);
}

static uint64_t elapsed_ms(const struct rh_progress *p)
{
    return (uint64_t)(rh_clock_mono_ns() - p->start_ns) / 1000000;
}

static unsigned terminal_columns(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20 ? w.ws_col : 80;
}

static void show_bar(const struct rh_progress *p, const char *line)
{
    char bar[BAR_CELLS + 4] = "", all[320];
    if (p->total) {
        uint64_t done = p->done < p->total ? p->done : p->total;
        unsigned cells = (unsigned)((double)done * BAR_CELLS / (double)p->total);
        bar[0] = '[';
        memset(bar + 1, '#', cells);
        memset(bar + 1 + cells, '.', BAR_CELLS - cells);
        memcpy(bar + 1 + BAR_CELLS, "] ", 3);
    }
    snprintf(all, sizeof all, "%s %s%s", p->what, bar, line);
    /* One column short of the edge: a line that wraps could not be drawn over. */
    fprintf(stderr, "\r%.*s\033[K", (int)terminal_columns() - 1, all);
    fflush(stderr);
}

static void show_json(const struct rh_progress *p, uint64_t ms, bool ended)
{
    fprintf(stderr,
            "{\"progress\":\"%s\",\"done\":%llu,\"total\":%llu,\"items\":%llu,\"unit\":\"%s\","
            "\"ms\":%llu,"
            "\"per_second\":%llu,\"seconds_left\":%llu,\"ended\":%s}\n",
            p->what, (unsigned long long)p->done, (unsigned long long)p->total,
            (unsigned long long)p->items, p->unit, (unsigned long long)ms,
            (unsigned long long)rate(p->items, ms),
            (unsigned long long)seconds_left(p->done, p->total, ms), ended ? "true" : "false");
}

static void show(struct rh_progress *p, uint64_t ms)
{
    char line[200];
    rh_progress_line(line, sizeof line, p->unit, p->done, p->total, p->items, ms);
    if (p->style == BAR)
        show_bar(p, line);
    else if (p->style == LINES)
        fprintf(stderr, "%s: %s\n", p->what, line);
    else
        show_json(p, ms, false);
    p->drawn = p->style == BAR;
    p->shown_ms = ms;
}

struct rh_progress *rh_progress_open(enum rh_progress_kind kind, const char *what, const char *unit)
{
    struct rh_progress *p = rh_alloc(sizeof *p);
    *p = (struct rh_progress){.what = what, .unit = unit, .start_ns = rh_clock_mono_ns()};
    p->style = kind == RH_PROGRESS_NONE   ? NONE
               : kind == RH_PROGRESS_JSON ? JSON
               : isatty(STDERR_FILENO)    ? BAR
                                          : LINES;
    return p;
}

void rh_progress_set(struct rh_progress *p, uint64_t done, uint64_t total, uint64_t items)
{
    static const unsigned every_ms[] = {
        [BAR] = BAR_EVERY_MS, [LINES] = LINE_EVERY_MS, [JSON] = JSON_EVERY_MS};
    p->done = done;
    p->total = total;
    p->items = items;
    if (p->style == NONE)
        return;
    uint64_t ms = elapsed_ms(p);
    if (ms - p->shown_ms >= every_ms[p->style])
        show(p, ms);
}

void rh_progress_clear(struct rh_progress *p)
{
    if (!p->drawn)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    p->drawn = false;
}

void rh_progress_close(struct rh_progress *p)
{
    if (!p)
        return;
    uint64_t ms = elapsed_ms(p);
    rh_progress_clear(p);
    if (p->style == JSON) {
        show_json(p, ms, true);
    } else if (p->style != NONE) {
        char count[32], per_second[32], time[48];
        grouped(count, p->items);
        grouped(per_second, rate(p->items, ms));
        duration(time, sizeof time, (ms + 500) / 1000);
        fprintf(stderr, "%s: %s %s in %s (%s/s)\n", p->what, count, p->unit, time, per_second);
    }
    rh_free(p);
}
