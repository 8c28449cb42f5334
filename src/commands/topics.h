/* SPDX-License-Identifier: MIT */
/*
 * Subjects that are neither a mechanism nor a metric, for `attnviz help TOPIC` and `attnviz explain TOPIC`.
 */
#ifndef ATTNVIZ_COMMANDS_TOPICS_H
#define ATTNVIZ_COMMANDS_TOPICS_H

#include <stdbool.h>

#include "base/options.h"
#include "base/strbuf.h"

struct topic {
	const char *name;              /* "masks"; "mask" is known as well */
	const char *summary;
	const char *text;              /* paragraphs, each on one line */
	const struct option_row *rows; /* NULL for none */
};

extern const struct topic topic_table[]; /* ended by a row without a name */

const struct topic *topic_find(const char *name);

/* Append the topic, wrapped to `columns`. */
void topic_add(const struct topic *topic, int columns, struct strbuf *out);

#endif
