/* SPDX-License-Identifier: MIT */
/*
 * Do the queries and keys of a dump give the weights that the model had? `attnviz info --verify-weights FILE`, and unasked where
 * a dump holds both.
 */
#ifndef ATTNVIZ_COMMANDS_VERIFY_H
#define ATTNVIZ_COMMANDS_VERIFY_H

#include <stdbool.h>

#include "analysis/deviation.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "commands/checks.h"
#include "commands/inputs.h"

/* What came out, for programs. */
struct verification {
	const char *tensor;             /* the model's weights; the roles' */
	int64_t layer, batch, head;     /* of the largest deviation; -1: there is no such axis */
	int64_t maps;                   /* that were compared */
	struct deviation given;         /* with the options as they are */
	bool searched;
	struct deviation best;          /* of the sample, with the settings that explain the weights best */
	struct strbuf settings;
};
void verification_release(struct verification *verification); /* works on a zeroed struct */

/*
 * Compute the chosen maps as the options say, and compare them with `spec` FILE[:NAME], weight by weight. Where that is NULL, a
 * sample of rows is compared with the input that plays the weights. Where they differ, settings are searched for that made them
 * (verify_search.h), for all layers together or, where these differ, for each. One finding: how far off the weights are, and which
 * settings explain them.
 */
enum err verify_weights(struct input *input, const char *spec, findings_put *put, void *data, struct verification *verification,
			struct err_info *info);

#endif
