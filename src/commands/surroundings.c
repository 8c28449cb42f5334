#include "commands/surroundings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "commands/command.h"

enum { COLUMNS_DEFAULT = 80, ROWS_DEFAULT = 24, COLUMNS_MAX = 1000 };

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

static enum terminal_colour colours(bool always)
{
	const char *term = variable("TERM"), *colour = variable("COLORTERM");
	if (!always && (!isatty(STDOUT_FILENO) || variable("NO_COLOR") || !term || strcmp(term, "dumb") == 0))
		return TERMINAL_ASCII;
	if ((colour && (strcasecmp(colour, "truecolor") == 0 || strcasecmp(colour, "24bit") == 0)) || (term && strstr(term, "direct")))
		return TERMINAL_24BIT;
	return always || strstr(term, "256color") || strncmp(term, "xterm", 5) == 0 || strncmp(term, "screen", 6) == 0 || strncmp(term, "tmux", 4) == 0
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

void surroundings_terminal(struct terminal *terminal, bool always_colour)
{
	struct winsize window = window_size();
	*terminal = (struct terminal){
		.colour = colours(always_colour),
		.unicode = locale_is_utf8(),
		.columns = command_columns(),
		.rows = size_variable("LINES", window.ws_row ? window.ws_row : ROWS_DEFAULT),
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
