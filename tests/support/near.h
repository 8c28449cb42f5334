/* SPDX-License-Identifier: MIT */
/*
 * Assertions for the inside of long loops. Check's own write a record for each one that holds; these speak only when they fail.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_NEAR_H
#define ATTNVIZ_TESTS_SUPPORT_NEAR_H

#include <check.h>
#include <math.h>

/* |difference| <= tolerance; a NaN fails. */
#define ASSERT_NEAR(difference, tolerance)                                                           \
	do {                                                                                         \
		double off_ = fabs(difference), most_ = (tolerance);                                 \
		if (!(off_ <= most_))                                                                \
			ck_abort_msg("|%s| is %g, above %g", #difference, off_, most_);              \
	} while (0)

#define ASSERT_SAME(a, b)                                                                            \
	do {                                                                                         \
		double a_ = (double)(a), b_ = (double)(b);                                           \
		if (!(a_ == b_))                                                                     \
			ck_abort_msg("%s is %.9g, %s is %.9g", #a, a_, #b, b_);                      \
	} while (0)

#endif
