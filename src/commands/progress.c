/* SPDX-License-Identifier: MIT */
#include "commands/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/message.h"
#include "commands/roles.h"
#include "commands/surroundings.h"

enum { BAR = 24, LINE = 128 };

/* Seconds before the bar appears, and between two of its states. */
static const double PATIENCE = 1.0, PERIOD = 0.1;

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void put(const char *text, int length)
{
	/* A bar that cannot be drawn is no reason to stop the work. */
	if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0)
		return;
}

static int format_time(double seconds, char *text, size_t size)
{
	long whole = (long)(seconds + 0.5);
	if (whole >= 3600)
		return snprintf(text, size, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
	if (whole >= 60)
		return snprintf(text, size, "%ld min %02ld s", whole / 60, whole % 60);
	return snprintf(text, size, "%ld s", whole);
}

void progress_start(struct progress *progress, const char *what)
{
	*progress = (struct progress){ .what = what, .wanted = surroundings_stderr_is_terminal() && !message_is_quiet() };
	progress->start = progress->last = progress->wanted ? now() : 0;
}

/* Reading once through more than this leaves it in memory, which others may need. */
static const double FORGET_BYTES = 32 << 20;

static void forget_files(struct progress *progress, double share)
{
	double bytes = 0;
	for (size_t i = 0; i < progress->roles->archive_count; i++)
		for (size_t t = 0; t < progress->roles->archive[i]->count; t++) {
			const struct tensor *tensor = &progress->roles->archive[i]->tensor[t];
			bytes += (double)tensor_count(tensor) * (double)dtype_size(tensor->dtype);
		}
	if ((share - progress->forgotten) * bytes < FORGET_BYTES)
		return;
	progress->forgotten = share;
	for (size_t i = 0; i < progress->roles->archive_count; i++)
		archive_forget(progress->roles->archive[i]);
}

bool progress_report(void *data, double share)
{
	struct progress *progress = data;
	if (progress->roles)
		forget_files(progress, share);
	if (!progress->wanted)
		return true;
	double time = now(), spent = time - progress->start;
	if (spent < PATIENCE || time - progress->last < PERIOD || share <= 0)
		return true;
	progress->last = time;
	progress->shown = true;
	char line[LINE], left[32], bar[BAR + 1];
	int full = (int)(share * BAR);
	memset(bar, '.', BAR);
	memset(bar, '#', (size_t)(full < BAR ? full : BAR));
	bar[BAR] = '\0';
	format_time(spent * (1 - share) / share, left, sizeof left);
	put(line, snprintf(line, sizeof line, "\r%s [%s] %3.0f %%, %s left\033[K", progress->what, bar, share * 100, left));
	return true;
}

void progress_end(struct progress *progress)
{
	static const char wipe[] = "\r\033[K";
	if (progress->shown)
		put(wipe, sizeof wipe - 1);
	progress->shown = false;
}
