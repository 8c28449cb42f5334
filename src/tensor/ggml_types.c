/* SPDX-License-Identifier: MIT */
#include "tensor/ggml_types.h"

#include <stddef.h>

static const struct type_row {
	const char *name;
	enum dtype dtype; /* DTYPE_COUNT: quantised */
} type_table[] = {
	[0] = { "F32", DTYPE_F32 }, [1] = { "F16", DTYPE_F16 }, [2] = { "Q4_0", DTYPE_COUNT }, [3] = { "Q4_1", DTYPE_COUNT },
	[6] = { "Q5_0", DTYPE_COUNT }, [7] = { "Q5_1", DTYPE_COUNT }, [8] = { "Q8_0", DTYPE_COUNT }, [9] = { "Q8_1", DTYPE_COUNT },
	[10] = { "Q2_K", DTYPE_COUNT }, [11] = { "Q3_K", DTYPE_COUNT }, [12] = { "Q4_K", DTYPE_COUNT }, [13] = { "Q5_K", DTYPE_COUNT },
	[14] = { "Q6_K", DTYPE_COUNT }, [15] = { "Q8_K", DTYPE_COUNT }, [16] = { "IQ2_XXS", DTYPE_COUNT }, [17] = { "IQ2_XS", DTYPE_COUNT },
	[18] = { "IQ3_XXS", DTYPE_COUNT }, [19] = { "IQ1_S", DTYPE_COUNT }, [20] = { "IQ4_NL", DTYPE_COUNT }, [21] = { "IQ3_S", DTYPE_COUNT },
	[22] = { "IQ2_S", DTYPE_COUNT }, [23] = { "IQ4_XS", DTYPE_COUNT }, [24] = { "I8", DTYPE_I8 }, [25] = { "I16", DTYPE_I16 },
	[26] = { "I32", DTYPE_I32 }, [27] = { "I64", DTYPE_I64 }, [28] = { "F64", DTYPE_F64 }, [29] = { "IQ1_M", DTYPE_COUNT },
	[30] = { "BF16", DTYPE_BF16 }, [34] = { "TQ1_0", DTYPE_COUNT }, [35] = { "TQ2_0", DTYPE_COUNT }, [39] = { "MXFP4", DTYPE_COUNT },
};

bool ggml_type(uint64_t number, enum dtype *dtype, const char **name)
{
	const struct type_row *row = number < sizeof type_table / sizeof type_table[0] ? &type_table[number] : &type_table[4];
	*name = row->name ? row->name : "a type of a newer ggml";
	*dtype = row->name ? row->dtype : DTYPE_COUNT;
	return *dtype != DTYPE_COUNT;
}
