/*
 * Every mechanism that there is, declared once; table.c lists them in the order in which `attnviz explain` does.
 */
#ifndef ATTNVIZ_MECHANISM_TABLE_H
#define ATTNVIZ_MECHANISM_TABLE_H

#include "mechanism/mechanism.h"

extern const struct mechanism mechanism_softmax;
extern const struct mechanism mechanism_weights;

#endif
