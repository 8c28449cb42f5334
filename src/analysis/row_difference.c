#include "analysis/row_difference.h"

#include <math.h>

double row_difference(const double *a, const double *b, int64_t count)
{
	double largest = 0;
	for (int64_t i = 0; i < count; i++) {
		double difference = fabs(a[i] - b[i]);
		if (isnan(difference))
			return INFINITY;
		largest = difference > largest ? difference : largest;
	}
	return largest;
}
