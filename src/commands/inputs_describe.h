/* SPDX-License-Identifier: MIT */
/*
 * The inputs in words, for captions and provenance.
 */
#ifndef ATTNVIZ_COMMANDS_INPUTS_DESCRIBE_H
#define ATTNVIZ_COMMANDS_INPUTS_DESCRIBE_H

#include "base/strbuf.h"
#include "commands/inputs.h"

/* "genesis.npz", "L0_q.npy, L0_k.npy", or where there are many files "L*_k.npy, L*_q.npy": what a title calls the inputs. Never a folder. */
void input_describe(const struct input *input, struct strbuf *out);

/* The name of a file without its folders; "standard input", "pipe", or the file behind it for a descriptor (/dev/fd/63). */
void describe_file(const char *path, struct strbuf *out);

/* What of the inputs is shown: "layer 3, item 1, head 5", "step 2, 12 layers, mean of heads 0-3"; "" for a single map without such axes. `reduced` names how the
 * heads became one ("mean"), or is NULL. */
void input_describe_place(const struct input *input, const char *reduced, struct strbuf *out);

/* Both: "genesis.npz: layer 3, head 5". */
void input_describe_shown(const struct input *input, const char *reduced, struct strbuf *out);

/* "query q.npy float32 (8, 64, 16), key ...": for provenance. */
void input_describe_sizes(const struct input *input, struct strbuf *out);

#endif
