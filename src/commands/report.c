/* SPDX-License-Identifier: MIT */
#include "commands/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "tensor/npy.h"

static const double BITS_PER_NAT = 1.4426950408889634074;

/* Half the width of an interval, and where it begins and ends; a table has the first alone. */
enum { NAME_SIZE = 64, INTERVAL_COLUMNS = 3 };
static const char *const interval_words[INTERVAL_COLUMNS] = { "ci", "low", "high" };

/* Which columns there are, and where they begin. */
struct report {
	struct report_request request;
	const struct input *input;
	struct output *out;
	struct record *record;       /* NULL for arrays */
	struct record_column *column;
	char (*interval_name)[INTERVAL_COLUMNS][NAME_SIZE];
	int columns, place, token;   /* place: the query or key; -1: no such column */
	int *metric_column, *interval_column, *first_column; /* first: of a list, what its first number stands for; 0: no such column */
};

static int add_column(struct report *report, const char *name, enum record_type type)
{
	report->column[report->columns] = (struct record_column){ name, type };
	return report->columns++;
}

static enum record_type metric_type(const struct report *report, const struct metric *metric)
{
	if (report->request.of != REPORT_HEADS)
		return RECORD_REAL;
	return metric->level == METRIC_LIST ? RECORD_REAL_LIST : metric->level == METRIC_WORD ? RECORD_TEXT : RECORD_REAL;
}

static int interval_columns(const struct report *report)
{
	return report->request.format == RECORD_TABLE ? 1 : INTERVAL_COLUMNS;
}

static void add_place_columns(struct report *report)
{
	bool queries = report->request.of == REPORT_QUERIES;
	const char *const *token = queries ? report->input->labels.query : report->input->labels.key;
	report->place = report->token = -1;
	add_column(report, "layer", RECORD_INT);
	add_column(report, "batch", RECORD_INT);
	add_column(report, "head", RECORD_INT);
	if (report->request.of == REPORT_HEADS)
		return;
	report->place = add_column(report, queries ? "query" : "key", RECORD_INT);
	if (token)
		report->token = add_column(report, "token", RECORD_TEXT);
}

static enum err set_columns(struct report *report, struct err_info *info)
{
	const struct report_request *request = &report->request;
	size_t metrics = (size_t)request->metric_count;
	report->column = mem_zero_array(5 + (2 + INTERVAL_COLUMNS) * metrics, sizeof *report->column);
	report->interval_name = mem_zero_array(metrics, sizeof *report->interval_name);
	report->metric_column = mem_zero_array(metrics, sizeof *report->metric_column);
	report->interval_column = mem_zero_array(metrics, sizeof *report->interval_column);
	report->first_column = mem_zero_array(metrics, sizeof *report->first_column);
	if (!report->column || !report->interval_name || !report->metric_column || !report->interval_column || !report->first_column)
		return err_nomem(info, "the columns");
	add_place_columns(report);
	for (int i = 0; i < request->metric_count; i++) {
		const struct metric *metric = request->metric[i];
		report->metric_column[i] = add_column(report, metric->name, metric_type(report, metric));
		if (metric_type(report, metric) == RECORD_REAL_LIST) {
			snprintf(report->interval_name[i][0], NAME_SIZE, "%s_first", metric->name);
			report->first_column[i] = add_column(report, report->interval_name[i][0], RECORD_INT);
		}
		if (!request->intervals || metric_type(report, metric) != RECORD_REAL)
			continue;
		report->interval_column[i] = report->columns;
		for (int part = 0; part < interval_columns(report); part++) {
			snprintf(report->interval_name[i][part], NAME_SIZE, "%s_%s", metric->name, interval_words[part]);
			add_column(report, report->interval_name[i][part], RECORD_REAL);
		}
	}
	return ERR_OK;
}

static enum err write_header(struct report *report, struct err_info *info)
{
	const struct input *input = report->input;
	int64_t shape[6];
	int rank = 0;
	struct strbuf header;
	if (input->has_layers)
		shape[rank++] = (int64_t)input->selection.layers;
	if (input->has_batches)
		shape[rank++] = (int64_t)input->selection.batches;
	shape[rank++] = (int64_t)input->selection.heads;
	shape[rank++] = report->request.metric_count;
	if (report->request.of != REPORT_HEADS)
		shape[rank++] = report->request.of == REPORT_QUERIES ? report->request.row_count : input->source->keys;
	strbuf_init(&header);
	npy_header(&header, DTYPE_F64, rank, shape);
	enum err err = strbuf_failed(&header) ? err_nomem(info, "the header") : output_write(report->out, header.buf, header.len);
	strbuf_release(&header);
	return err;
}

static void report_free(struct report *report)
{
	free(report->column);
	free(report->interval_name);
	free(report->metric_column);
	free(report->interval_column);
	free(report->first_column);
	free(report);
}

enum err report_new(const struct report_request *request, const struct input *input, struct output *out, struct report **report, struct err_info *info)
{
	struct report *made = mem_zero_array(1, sizeof *made);
	if (!made)
		return err_nomem(info, "the report");
	made->request = *request;
	made->input = input;
	made->out = out;
	enum err err = set_columns(made, info);
	if (!err && request->array)
		err = write_header(made, info);
	else if (!err && !(made->record = record_new(request->format, made->column, made->columns, out)))
		err = err_nomem(info, "the report");
	if (err)
		report_free(made);
	else
		*report = made;
	return err;
}

static double in_unit(const struct report *report, int metric, double value)
{
	bool bits = report->request.bits && strcmp(report->request.metric[metric]->unit, "nats") == 0;
	return (bits ? value * BITS_PER_NAT : value) + 0.0; /* no minus zero */
}

static void put_place(struct report *report, const struct stats_result *result)
{
	int64_t layer, batch, head;
	source_map_id(result->source, result->map, &layer, &batch, &head);
	record_int(report->record, 0, report->input->layer_number[layer]);
	record_int(report->record, 1, batch);
	record_int(report->record, 2, head);
}

static enum err put_head(struct report *report, const struct stats_result *result)
{
	struct record *record = report->record;
	put_place(report, result);
	for (int i = 0; i < report->request.metric_count; i++) {
		int column = report->metric_column[i];
		switch (metric_type(report, report->request.metric[i])) {
		case RECORD_REAL_LIST:
			record_real_list(record, column, result->list[i], result->list_count[i]);
			record_int(record, report->first_column[i], result->list_first[i]);
			break;
		case RECORD_TEXT: record_text(record, column, result->word[i]); break;
		default: record_real(record, column, in_unit(report, i, result->value[i].value));
		}
		const struct stats_value *value = &result->value[i];
		const double part[INTERVAL_COLUMNS] = { value->half_width, value->low, value->high };
		for (int k = 0; k < interval_columns(report) && report->interval_column[i]; k++)
			record_real(record, report->interval_column[i] + k, in_unit(report, i, part[k]));
	}
	return record_row(record);
}

static const double *values_of(const struct report *report, const struct stats_result *result, int metric)
{
	return report->request.of == REPORT_QUERIES ? result->per_row[metric] : result->per_key[metric];
}

static enum err put_rows(struct report *report, const struct stats_result *result)
{
	const struct report_request *request = &report->request;
	bool queries = request->of == REPORT_QUERIES;
	const char *const *token = queries ? report->input->labels.query : report->input->labels.key;
	int64_t count = queries ? request->row_count : result->source->keys;
	enum err err = ERR_OK;
	for (int64_t row = 0; !err && row < count; row++) {
		int64_t place = queries && request->row ? request->row[row] : row;
		put_place(report, result);
		record_int(report->record, report->place, place);
		if (report->token >= 0)
			record_text(report->record, report->token, token[place]);
		for (int i = 0; i < request->metric_count; i++)
			record_real(report->record, report->metric_column[i], in_unit(report, i, values_of(report, result, i)[row]));
		err = record_row(report->record);
	}
	return err;
}

static enum err put_array(struct report *report, const struct stats_result *result)
{
	const struct report_request *request = &report->request;
	enum err err = ERR_OK;
	for (int i = 0; !err && i < request->metric_count; i++) {
		int64_t count = request->of == REPORT_QUERIES ? request->row_count : request->of == REPORT_KEYS ? result->source->keys : 1;
		const double *value = request->of == REPORT_HEADS ? &result->value[i].value : values_of(report, result, i);
		for (int64_t row = 0; !err && row < count; row++) {
			double number = in_unit(report, i, value[row]);
			err = output_write(report->out, &number, sizeof number);
		}
	}
	return err;
}

enum err report_map(void *data, const struct stats_result *result, struct err_info *info)
{
	struct report *report = data;
	(void)info; /* the output knows what failed */
	if (report->request.array)
		return put_array(report, result);
	return report->request.of == REPORT_HEADS ? put_head(report, result) : put_rows(report, result);
}

enum err report_end(struct report *report)
{
	if (!report)
		return ERR_OK;
	enum err err = record_end(report->record);
	report_free(report);
	return err;
}
