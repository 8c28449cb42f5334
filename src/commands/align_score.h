/* SPDX-License-Identifier: MIT */
/*
 * Scores of alignments: link files compared with gold links.
 */
#ifndef ATTNVIZ_COMMANDS_ALIGN_SCORE_H
#define ATTNVIZ_COMMANDS_ALIGN_SCORE_H

#include <stdbool.h>

#include "analysis/alignment.h"
#include "base/error.h"
#include "base/options.h"
#include "base/output.h"
#include "base/record.h"
#include "tensor/links.h"

extern const struct option_row score_rows[]; /* --gold, --eval, --base, --gold-base, --all-sure, --reversed, --gold-reversed */

/* The file that --gold names, or NULL; and whether --eval was given. */
const char *score_gold(void);
bool score_eval(void);

/* How links are printed. */
int score_base(void);
bool score_reversed(void);

/* Read links as the options say that they are written. */
enum err score_read_gold(struct links *gold, const char *file, struct err_info *info);
enum err score_read_links(struct links *links, const char *file, struct err_info *info);

/* Point out a gold file that is said to count from 0 and never does: somewhere there is nearly always a link of the first word. */
void score_warn_gold(const struct links *gold, const char *file);

/* Everything that is counted about one or more sentence pairs. */
struct score {
	struct alignment_counts counts;
	int64_t sentences, gold_links, jumps;
	int64_t covered_sources, gold_sources; /* source words with a link, and with a gold link */
	int64_t covered_targets, gold_targets;
};

void score_add(struct score *score, const struct link_set *links, const struct link_set *gold);

/* Print one row: table, TSV or JSON. */
enum err score_print(const struct score *score, enum record_format format, struct output *out, struct err_info *info);

/* attnviz align --eval LINKS GOLD. */
enum err score_files(const char *links_file, const char *gold_file, enum record_format format, struct output *out, struct err_info *info);

#endif
