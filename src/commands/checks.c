/* SPDX-License-Identifier: MIT */
#include "commands/checks.h"

#include <string.h>

#include "commands/checks_parts.h"
#include "commands/fit.h"
#include "commands/labels.h"

int64_t check_maps(const struct heads *heads)
{
	return heads->size[AXIS_LAYER] * heads->size[AXIS_BATCH] * heads->size[AXIS_HEAD];
}

void check_place(const struct heads *heads, int64_t map, int64_t *layer, int64_t *batch, int64_t *head)
{
	*head = map % heads->size[AXIS_HEAD];
	*batch = map / heads->size[AXIS_HEAD] % heads->size[AXIS_BATCH];
	*layer = map / heads->size[AXIS_HEAD] / heads->size[AXIS_BATCH];
}

enum err check_report(const struct reporter *reporter, const char *check, const char *severity, int64_t map, int64_t maps,
		      const struct strbuf *text)
{
	const struct role *role = reporter->role;
	struct finding finding = { .check = check,
				   .severity = severity,
				   .role = role->word,
				   .tensor = role->part[0].name,
				   .layer = -1,
				   .batch = -1,
				   .head = -1,
				   .maps = maps,
				   .text = text->buf };
	if (map >= 0) {
		const bool *present = role->heads.present;
		check_place(&role->heads, map, &finding.layer, &finding.batch, &finding.head);
		finding.tensor = role->part[role->layers > 1 ? finding.layer : 0].name;
		finding.layer = role->layers > 1 ? role_layer(role, finding.layer) : present[AXIS_LAYER] ? finding.layer : role->part[0].layer;
		finding.batch = present[AXIS_BATCH] ? finding.batch : -1;
		finding.head = present[AXIS_HEAD] ? finding.head : -1;
	}
	return reporter->put(reporter->data, &finding);
}

/* What another command would say, as a finding; the file is named where it is not the role's own. */
static enum err report_trouble(const struct reporter *reporter, const char *check, const struct err_info *trouble)
{
	struct strbuf text;
	strbuf_init(&text);
	if (*trouble->file && strcmp(trouble->file, reporter->role->part[0].archive->file) != 0)
		strbuf_addf(&text, "%s: ", trouble->file);
	strbuf_addstr(&text, trouble->text);
	if (!reporter->unreadable->code && (trouble->code == ERR_IO || trouble->code == ERR_FORMAT || trouble->code == ERR_UNSUPPORTED))
		*reporter->unreadable = *trouble;
	enum err err = check_report(reporter, check, "error", -1, 0, &text);
	strbuf_release(&text);
	return err;
}

static enum err check_role(struct role *role, const struct roles_request *request, const struct role *before,
			   const struct reporter *reporter, struct err_info *info)
{
	struct err_info trouble = { 0 };
	if (!role_load(role, request, before, &trouble))
		return role->kind == NAME_WEIGHTS ? check_weights(reporter, info) : check_vectors(reporter, request, info);
	if (trouble.code == ERR_NOMEM) {
		*info = trouble;
		return trouble.code;
	}
	return report_trouble(reporter, "layout", &trouble);
}

/* Do queries, keys and values fit each other, and the tokens the axes? */
static enum err check_fit(const struct roles *roles, findings_put *put, void *data, struct err_info *unreadable)
{
	const struct role *role[NAME_ROLE_COUNT] = { NULL };
	for (int kind = NAME_QUERY; kind < NAME_ROLE_COUNT; kind++) {
		role[kind] = roles_kind(roles, (enum name_role)kind);
		if (role[kind] && !(role[kind]->loaded && role[kind]->heads.tensors))
			role[kind] = NULL;
	}
	struct err_info trouble = { 0 };
	struct labels labels = { 0 };
	const struct role *rows = role[NAME_QUERY] ? role[NAME_QUERY] : role[NAME_WEIGHTS],
			  *columns = role[NAME_KEY] ? role[NAME_KEY] : role[NAME_WEIGHTS];
	if (!rows || !columns)
		return ERR_OK;
	const struct reporter reporter = { .put = put, .data = data, .role = columns, .unreadable = unreadable };
	int64_t keys = columns->heads.size[columns->kind == NAME_WEIGHTS ? AXIS_DIM : AXIS_TOKEN];
	if (fit_heads(role[NAME_QUERY], role[NAME_KEY], role[NAME_VALUE], &trouble))
		return report_trouble(&reporter, "fit", &trouble);
	const struct labels_of of = { rows->heads.size[AXIS_TOKEN], keys, 0, 0, rows, columns };
	enum err err = labels_open(&labels, &of, &trouble) ? report_trouble(&reporter, "tokens", &trouble) : ERR_OK;
	labels_release(&labels);
	return err;
}

static enum err check_fused(const struct roles *roles, findings_put *put, void *data)
{
	const char *file, *name = roles_fused_name(roles, &file);
	if (!name)
		return ERR_OK;
	const struct finding finding = {
		.check = "fused",
		.severity = "note",
		.role = "",
		.tensor = name,
		.layer = -1,
		.batch = -1,
		.head = -1,
		.text = "the name says that queries, keys and values are in one: say --qkv FILE:NAME, and --heads-in H[,HK]"
	};
	return put(data, &finding);
}

enum err checks_run(struct roles *roles, const struct roles_request *request, findings_put *put, void *data,
		    struct err_info *unreadable, struct err_info *info)
{
	bool verified = roles_kind(roles, NAME_QUERY) && roles_kind(roles, NAME_WEIGHTS);
	enum err err = ERR_OK;
	for (int kind = NAME_QUERY; kind < NAME_ROLE_COUNT && !err; kind++) {
		struct role *role = roles_kind(roles, (enum name_role)kind);
		struct role *before = roles_kind(roles, kind == NAME_VALUE ? NAME_KEY : NAME_QUERY);
		const struct reporter reporter = { put, data, role, unreadable, verified };
		if (role)
			err = check_role(role, request, before != role && before && before->loaded ? before : NULL, &reporter, info);
	}
	if (!err && !roles_kind(roles, NAME_QUERY) && !roles_kind(roles, NAME_WEIGHTS))
		err = check_fused(roles, put, data);
	return err ? err : check_fit(roles, put, data, unreadable);
}
