/* SPDX-License-Identifier: MIT */
#include "base/suggest.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The classic table, of which one row is kept (Levenshtein 1966; Wagner and Fischer 1974). */
size_t suggestion_distance(const char *a, const char *b)
{
	size_t rows = strlen(a), columns = strlen(b);
	size_t *cost = mem_array(columns + 1, sizeof *cost);
	if (!cost)
		return rows > columns ? rows : columns;
	for (size_t j = 0; j <= columns; j++)
		cost[j] = j;
	for (size_t i = 1; i <= rows; i++) {
		size_t diagonal = cost[0];
		cost[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			size_t shift = 1 + (cost[j] < cost[j - 1] ? cost[j] : cost[j - 1]);
			diagonal = cost[j];
			cost[j] = change < shift ? change : shift;
		}
	}
	size_t distance = cost[columns];
	free(cost);
	return distance;
}

struct suggestion suggestion_for(const char *typed)
{
	return (struct suggestion){ .typed = typed, .distance = SIZE_MAX };
}

void suggestion_offer(struct suggestion *suggestion, const char *name)
{
	size_t length = strlen(name), distance = suggestion_distance(suggestion->typed, name);
	bool begins = strlen(suggestion->typed) > 2 && strncmp(name, suggestion->typed, strlen(suggestion->typed)) == 0;
	if (begins)
		distance = 1;
	else if (distance > length / 3 + 1 || distance >= length)
		return;
	if (distance >= suggestion->distance)
		return;
	suggestion->distance = distance;
	suggestion->nearest = name;
}

void suggestion_add(const struct suggestion *suggestion, const char *prefix, struct strbuf *out)
{
	if (suggestion->nearest)
		strbuf_addf(out, ": did you mean '%s%s'?", prefix, suggestion->nearest);
}

enum err suggestion_refuse(const struct suggestion *suggestion, const char *what, const char *prefix,
                           const char *otherwise, struct err_info *info)
{
	struct strbuf hint;
	strbuf_init(&hint);
	suggestion_add(suggestion, prefix, &hint);
	if (!hint.len)
		strbuf_addf(&hint, ": %s", otherwise);
	if (strbuf_failed(&hint))
		err_nomem(info, "a message");
	else
		err_set(info, ERR_USAGE, "unknown %s '%s%s'%s", what, prefix, suggestion->typed, hint.buf);
	strbuf_release(&hint);
	return ERR_USAGE;
}
