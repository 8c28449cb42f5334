/*
 * Do the queries and keys of a dump give the weights that the model had? `attnviz info --verify-weights FILE`.
 */
#ifndef ATTNVIZ_COMMANDS_VERIFY_H
#define ATTNVIZ_COMMANDS_VERIFY_H

#include "base/error.h"
#include "commands/checks.h"
#include "commands/inputs.h"

/* Compute rows of some maps as the options say, and with each combination of plausible settings (scale, causal alignment, RoPE pairing, soft-cap), and compare
 * them with `spec` FILE[:NAME]. One finding: how far off the weights are, and which settings explain them best. */
enum err verify_weights(struct input *input, const char *spec, findings_put *put, void *data, struct err_info *info);

#endif
