/* SPDX-License-Identifier: MIT */
/*
 * One mechanism opened on arrays of a test's own, and its matrix held against an expectation in every way in which the program may come by it: the definition in
 * double, the tiles of each table of kernels, and tiles of scattered rows on two threads; together with what the source says about coverage, visibility and support.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_ATTEND_H
#define ATTNVIZ_TESTS_SUPPORT_ATTEND_H

#include "mechanism/mechanism.h"
#include "mechanism/normalised.h"
#include "support/vectors.h"

enum { ATTEND_INPUTS = 16 };

struct attend {
	struct mechanism_args args;
	struct mechanism_binding binding[ATTEND_INPUTS];
	struct vector_view view[ATTEND_INPUTS];
	struct vector array[ATTEND_INPUTS];
	const char *parameter[ATTEND_INPUTS];
	double *owned[ATTEND_INPUTS];
	size_t owned_count;
	struct source *source;
	struct err_info info;
	double fast_tolerance; /* 2e-6 unless changed */
};

void attend_init(struct attend *attend);
void attend_init_vectors(struct attend *attend, struct vectors *vectors); /* with inputs/Q, inputs/K and inputs/V as query, key and value */
void attend_release(struct attend *attend);

/* Bind an array to a role; query, key, value and weights get a canonical view too. The data must outlive `attend`. */
void attend_input(struct attend *attend, const char *role, struct vector vector);

/* A new array of the formula of the vectors, bound to a role (NULL: only made). Returns it. */
struct vector attend_formula(struct attend *attend, const char *role, double seed, double amp, int rank, const int64_t *shape);

/* "name=value" */
void attend_parameter(struct attend *attend, const char *text);

/* Open; a failure fails the test with its message. attend_refused opens and expects an error whose text holds each of the words. */
void attend_open(struct attend *attend, const char *mechanism);
void attend_refused(struct attend *attend, const char *mechanism, enum err err, const char *words);

/* What was opened, seen through --normalise. */
void attend_normalise(struct attend *attend, enum normalise normalise);

/* The matrix of a map by the definition; the caller frees. */
double *attend_matrix(const struct attend *attend, int64_t map);

/* Hold a map against W (queries x keys), in double within `exact`, in tiles within fast_tolerance; weights beyond 1 relatively. */
void attend_expect(const struct attend *attend, int64_t map, const double *weight, double exact);

/* The tiles against the definition alone. */
void attend_expect_itself(const struct attend *attend);

/* Output of the definition against O (queries x width). */
void attend_expect_output(const struct attend *attend, int64_t map, const double *output, double exact);

#endif
