/* SPDX-License-Identifier: MIT */
#include "cli/pager.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/output.h"
#include "base/strbuf.h"
#include "commands/command.h"

static pid_t pager;
static const char *pager_command;

static bool is_in_path(const char *program)
{
	const char *path = getenv("PATH");
	for (const char *folder = path; folder && *folder;) {
		size_t length = strcspn(folder, ":");
		struct strbuf file;
		strbuf_init(&file);
		strbuf_add(&file, folder, length);
		strbuf_addf(&file, "%s%s", length ? "/" : "", program);
		bool found = access(file.buf, X_OK) == 0;
		strbuf_release(&file);
		if (found)
			return true;
		folder += length + (folder[length] == ':');
	}
	return false;
}

/* The command, or NULL: none is wanted, or none is there. */
static const char *choose(void)
{
	const char *asked = getenv("PAGER"), *term = getenv("TERM");
	if (!term || strcmp(term, "dumb") == 0)
		return NULL;
	if (asked)
		return *asked && strcmp(asked, "cat") != 0 ? asked : NULL;
	return is_in_path("less") ? "less" : is_in_path("more") ? "more" : NULL;
}

/* less ends at once where the text fits a screen, shows colours, and leaves the text on the screen. */
static void become_pager(int from)
{
	dup2(from, STDIN_FILENO);
	if (from != STDIN_FILENO)
		close(from);
	setenv("LESS", "FRX", 0);
	setenv("LV", "-c", 0);
	execl("/bin/sh", "sh", "-c", pager_command, (char *)NULL);
	_exit(127);
}

static void start(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	pager = fork();
	if (pager == 0)
		become_pager(ends[0]);
	close(ends[0]);
	if (pager > 0)
		dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
}

void pager_prepare(void)
{
	if (!isatty(STDOUT_FILENO))
		return;
	pager_command = choose();
	if (pager_command)
		output_page(command_rows(), command_columns(), start);
}

void pager_cancel(void)
{
	output_page(0, 0, NULL);
}

/* An interrupt is for whoever reads: he may go on reading. */
void pager_wait(void)
{
	if (pager <= 0)
		return;
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (waitpid(pager, NULL, 0) < 0)
		;
	pager = 0;
}
