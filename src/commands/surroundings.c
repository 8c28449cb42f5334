/* SPDX-License-Identifier: MIT */
#include "commands/surroundings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "commands/command.h"
#include "commands/terminfo.h"

enum { COLUMNS_DEFAULT = 80, ROWS_DEFAULT = 24, ROWS_OF_FILES = 47, COLUMNS_MAX = 1000 };

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

enum err surroundings_kernels(const struct kernels **kernels, struct err_info *info)
{
	const char *limit = variable("ATTNVIZ_CPU");
	*kernels = kernels_select(limit);
	if (*kernels)
		return ERR_OK;
	struct strbuf names;
	strbuf_init(&names);
	const struct kernels *available[KERNELS_MAX];
	int count = kernels_available(available);
	for (int i = 0; i < count; i++)
		strbuf_addf(&names, "%s%s", i ? ", " : "", available[i]->name);
	err_set(info, ERR_USAGE, "ATTNVIZ_CPU=%s: this machine has %s", limit ? limit : "", names.buf);
	strbuf_release(&names);
	return ERR_USAGE;
}

static bool locale_is_utf8(void)
{
	const char *locale = variable("LC_ALL");
	if (!locale)
		locale = variable("LC_CTYPE");
	if (!locale)
		locale = variable("LANG");
	return locale && (strcasestr(locale, "utf-8") || strcasestr(locale, "utf8"));
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; name && *list; list++)
		if (strncasecmp(name, *list, strlen(*list)) == 0)
			return true;
	return false;
}

/* Terminals of 24 bits that say so: COLORTERM, where it came along (ssh leaves it behind); their name; or the program that they run in. */
static bool has_24bit(const char *term)
{
	static const char *const terms[] = { "alacritty", "foot", "wezterm", "xterm-kitty", "kitty", "xterm-ghostty", "ghostty", "contour", "konsole", "iterm", "mintty", "rio", NULL };
	static const char *const programs[] = { "iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "mintty", "rio", NULL };
	const char *colour = variable("COLORTERM"), *vte = variable("VTE_VERSION");
	return (colour && (strcasecmp(colour, "truecolor") == 0 || strcasecmp(colour, "24bit") == 0)) || (term && (strstr(term, "direct") || strstr(term, "truecolor"))) ||
	       is_one_of(term, terms) || is_one_of(variable("TERM_PROGRAM"), programs) || variable("WT_SESSION") || variable("KONSOLE_VERSION") || (vte && strtol(vte, NULL, 10) >= 3600);
}

static enum terminal_colour colours(bool always)
{
	const char *term = variable("TERM");
	if (!always && (!isatty(STDOUT_FILENO) || variable("NO_COLOR") || !term || strcmp(term, "dumb") == 0))
		return TERMINAL_ASCII;
	/* A multiplexer of an older kind passes on what it knows, not what the terminal around it can. */
	bool screen = term && strncmp(term, "screen", 6) == 0 && !variable("COLORTERM");
	if (!screen && has_24bit(term))
		return TERMINAL_24BIT;
	int count = term ? terminfo_colours(term) : -1;
	if (count >= 1 << 24)
		return TERMINAL_24BIT;
	return always || count >= 256 || strstr(term, "256color") || strncmp(term, "xterm", 5) == 0 || strncmp(term, "screen", 6) == 0 || strncmp(term, "tmux", 4) == 0
		? TERMINAL_256 : TERMINAL_ASCII;
}

static int size_variable(const char *name, int fallback)
{
	const char *text = variable(name);
	long value = text ? strtol(text, NULL, 10) : 0;
	return value > 0 && value <= COLUMNS_MAX ? (int)value : fallback;
}

/* Zeros where there is no window. */
static struct winsize window_size(void)
{
	struct winsize window = { 0 };
	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || !window.ws_col || !window.ws_row)
		return (struct winsize){ 0 };
	return window;
}

int command_columns(void)
{
	struct winsize window = window_size();
	return size_variable("COLUMNS", window.ws_col ? window.ws_col : COLUMNS_DEFAULT);
}

int command_rows(void)
{
	struct winsize window = window_size();
	return size_variable("LINES", window.ws_row ? window.ws_row : ROWS_DEFAULT);
}

void surroundings_terminal(struct terminal *terminal, bool always_colour)
{
	struct winsize window = window_size();
	*terminal = (struct terminal){
		.colour = colours(always_colour),
		.unicode = locale_is_utf8(),
		.columns = command_columns(),
		.rows = size_variable("LINES", window.ws_row ? window.ws_row : ROWS_OF_FILES),
	};
}

/* rxvt, Konsole and others say "15;default;0": the colours of text and ground. 7 and 15 are the white ones. */
bool surroundings_ground_is_light(void)
{
	const char *colours = variable("COLORFGBG"), *ground = colours ? strrchr(colours, ';') : NULL;
	return ground && (strcmp(ground, ";7") == 0 || strcmp(ground, ";15") == 0);
}

bool surroundings_stdout_is_terminal(void)
{
	return isatty(STDOUT_FILENO);
}

bool surroundings_stderr_is_terminal(void)
{
	return isatty(STDERR_FILENO);
}
