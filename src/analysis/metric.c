/* SPDX-License-Identifier: MIT */
#include "analysis/metric.h"

#include <string.h>

#include "base/suggest.h"

static const struct metric *find(const char *name, size_t len)
{
	for (int id = 0; id < METRIC_COUNT; id++)
		if (strlen(metric_table[id].name) == len && memcmp(metric_table[id].name, name, len) == 0)
			return &metric_table[id];
	return NULL;
}

const struct metric *metric_find(const char *name)
{
	return find(name, strlen(name));
}

static enum err unknown_metric(const char *text, size_t len, struct err_info *info)
{
	char name[64] = { 0 };
	memcpy(name, text, len < sizeof name ? len : sizeof name - 1);
	struct suggestion suggestion = suggestion_for(name);
	for (int id = 0; id < METRIC_COUNT; id++)
		suggestion_offer(&suggestion, metric_table[id].name);
	return suggestion_refuse(&suggestion, "metric", "", "'attnviz help metrics' lists them", info);
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

enum err metric_select(const char *text, const struct metric **list, int *count, struct err_info *info)
{
	bool wanted[METRIC_COUNT] = { false };
	for (const char *at = text, *end; ; at = end + 1) {
		end = at + strcspn(at, ",");
		size_t len = (size_t)(end - at);
		const struct metric *metric = find(at, len);
		bool all = is_word(at, len, "all"), defaults = is_word(at, len, "default");
		if (!metric && !all && !defaults)
			return unknown_metric(at, len, info);
		for (int id = 0; id < METRIC_COUNT; id++)
			wanted[id] |= all || (defaults && metric_table[id].is_default) || metric == &metric_table[id];
		if (!*end)
			break;
	}
	*count = 0;
	for (int id = 0; id < METRIC_COUNT; id++)
		if (wanted[id])
			list[(*count)++] = &metric_table[id];
	return ERR_OK;
}

enum err metric_check(const struct metric *metric, const struct source *source, unsigned given, struct err_info *info)
{
	unsigned needs = metric->needs;
	if ((needs & METRIC_NEEDS_UNSIGNED) && source->is_signed)
		return err_set(info, ERR_VALUE, "%s is not defined where weights may be negative: give --normalise abs-row, "
			       "or use row_sum, abs_sum and negative", metric->name);
	if ((needs & METRIC_NEEDS_STOCHASTIC) && !source->is_stochastic)
		return err_set(info, ERR_VALUE, "%s is not defined where rows do not sum to 1: use %s", metric->name,
			       metric->instead);
	if ((needs & METRIC_NEEDS_LOGITS) && source->norm != NORM_SOFTMAX)
		return err_set(info, ERR_VALUE, "%s needs logits, and these weights come without: use %s", metric->name,
			       metric->instead);
	if ((needs & METRIC_NEEDS_CAUSAL) && !source->is_causal)
		return err_set(info, ERR_VALUE, "%s is about causal maps, and this one is not: give --causal, or use %s",
			       metric->name, metric->instead);
	if ((needs & METRIC_NEEDS_VALUES) && !source->values)
		return err_set(info, ERR_VALUE, "%s needs the values: give them with -v", metric->name);
	if (needs & ~given & METRIC_NEEDS_TOKENS)
		return err_set(info, ERR_VALUE, "%s needs the tokens: give them with -t", metric->name);
	if (needs & ~given & METRIC_NEEDS_NAMED)
		return err_set(info, ERR_VALUE, "%s needs the names of keys: none was given", metric->name);
	if (needs & ~given & METRIC_NEEDS_GRID)
		return err_set(info, ERR_VALUE, "%s needs to know how the patches lie in the picture: give --grid HxW",
			       metric->name);
	return ERR_OK;
}
