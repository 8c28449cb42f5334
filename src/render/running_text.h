/* SPDX-License-Identifier: MIT */
/*
 * Tokens as running text, each on the colour of its value: what a query attends to, what attends to a key, or a number for each token.
 *
 * Text is set as it was written: spaces and line ends where the tokens have them, lines filled to the width of the page. A token
 * without a value (one that the query may not see) has no colour and is pale; the token that is asked about is framed. Values are
 * told by a colour bar below, in a terminal without colours by numbers behind the tokens.
 */
#ifndef ATTNVIZ_RENDER_RUNNING_TEXT_H
#define ATTNVIZ_RENDER_RUNNING_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "render/scene.h"
#include "render/terminal.h"

struct running_token {
	const char *text; /* valid UTF-8 */
	bool space;       /* written before it */
	bool ends_line;
};

/* One set of values of the same tokens. */
struct running_block {
	const char *title;  /* "layer 3 head 5"; NULL: none */
	const float *value; /* [count]; NaN: none */
};

struct running_text {
	const struct running_token *token;
	int64_t count;
	int64_t first;   /* position number of the first token */
	int64_t marked;  /* index of the token that is asked about; -1: none is shown */
	const struct running_block *block;
	int64_t block_count;
	struct colouring colouring; /* its scale is settled */
	const char *title, *caption;
	enum theme theme;
};

/* PNG, SVG, PDF, text or HTML: a page that stands alone, without scripts, with the values as the tokens' titles. */
enum err running_text_write(const struct running_text *scene, const struct picture_request *request, struct err_info *info);

enum err terminal_write_running_text(const struct running_text *scene, const struct terminal *terminal, struct output *out,
				     struct err_info *info);

enum err html_write_running_text(const struct running_text *scene, const struct picture_request *request, struct err_info *info);

/* The ranges of the blocks: one, or one for each where they have their own. *range is the caller's (running_text_free_ranges). */
struct value_range;
enum err running_text_ranges(const struct running_text *scene, struct value_range **range, struct err_info *info);
void running_text_free_ranges(const struct running_text *scene, struct value_range *range);
const struct value_range *running_text_range(const struct running_text *scene, const struct value_range *range, int64_t block);

#endif
