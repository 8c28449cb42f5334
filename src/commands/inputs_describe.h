/*
 * The inputs in words, for captions and provenance.
 */
#ifndef ATTNVIZ_COMMANDS_INPUTS_DESCRIBE_H
#define ATTNVIZ_COMMANDS_INPUTS_DESCRIBE_H

#include "base/strbuf.h"
#include "commands/inputs.h"

/* "genesis.npz" or "L0_q.npy and L0_k.npy": what a title calls the inputs. */
void input_describe(const struct input *input, struct strbuf *out);

/* "query q.npy float32 (8, 64, 16), key ...": for provenance. */
void input_describe_sizes(const struct input *input, struct strbuf *out);

#endif
