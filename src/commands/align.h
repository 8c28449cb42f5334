/* SPDX-License-Identifier: MIT */
/*
 * What the parts of attnviz align share.
 */
#ifndef ATTNVIZ_COMMANDS_ALIGN_H
#define ATTNVIZ_COMMANDS_ALIGN_H

#include "analysis/extract.h"
#include "base/error.h"
#include "base/record.h"
#include "commands/align_score.h"
#include "commands/inputs.h"
#include "commands/picture.h"
#include "commands/progress.h"

struct aligning {
	struct input input;
	struct picture picture;
	struct progress progress;
	struct extract_request request;
	struct alignment alignment;
	struct links gold;        /* read where --gold was given */
	const struct link_set *gold_line; /* the sentence pair at hand, or NULL */
	const char **row_label;   /* [queries used]: what they are called; NULL: numbers */
	int64_t timed_rows;       /* of the queries used, those that stand for a word: the one that predicts the end token comes after them */
	double frame_seconds;     /* of one key; 0: keys are not frames */
	enum record_format format;
};

/* The links as a set: sources are keys, targets queries, counted from the first of the whole axis. Released by the caller. */
enum err align_links(const struct alignment *alignment, const struct extract_request *request, struct link_set *links, struct err_info *info);

/* "L3.H5" of a map. */
void align_map_name(const struct input *input, int64_t map, struct strbuf *out);

/* --rank-heads: every chosen map by itself, best first, and the mean of the best greedy subset where there is gold. */
enum err align_rank(struct aligning *aligning, struct output *out, struct err_info *info);

/* The links, one per row; the words in time; or Pharaoh. */
enum err align_print_links(const struct aligning *aligning, const struct link_set *links, struct output *out, struct err_info *info);
enum err align_print_times(const struct aligning *aligning, struct output *out, struct err_info *info);
enum err align_print_pharaoh(const struct link_set *links, int base, bool reversed, struct output *out);

/* The picture, with links, path and gold drawn, and its options. `reduced` names how heads became one ("mean"), or is NULL. */
extern const struct option_row align_style_rows[];
enum err align_draw(struct aligning *aligning, const struct link_set *links, const char *method, const char *reduced, struct err_info *info);

#endif
