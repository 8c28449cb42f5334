/* SPDX-License-Identifier: MIT */
/* Every bit pattern of the small floats, against their definition and against the worked numbers of the shared vectors. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "tensor/dtype.h"

/* sign * 1.mantissa * 2^(exponent - bias), or sign * 0.mantissa * 2^(1 - bias): the definition, in double. */
static double by_definition(unsigned bits, int exponent_bits, int mantissa_bits, int bias, bool has_infinity)
{
	unsigned mantissa = bits & ((1u << mantissa_bits) - 1);
	unsigned exponent = bits >> mantissa_bits & ((1u << exponent_bits) - 1);
	double sign = bits >> (mantissa_bits + exponent_bits) & 1 ? -1 : 1;
	bool last = exponent == (1u << exponent_bits) - 1;
	if (last && has_infinity)
		return mantissa ? NAN : sign * INFINITY;
	if (last && !has_infinity && mantissa == (1u << mantissa_bits) - 1)
		return NAN;
	double fraction = ldexp(mantissa, -mantissa_bits);
	return sign * (exponent ? ldexp(1 + fraction, (int)exponent - bias) : ldexp(fraction, 1 - bias));
}

static void assert_same(double value, double wanted, unsigned bits)
{
	if (isnan(wanted)) {
		ck_assert_msg(isnan(value), "0x%x: %g, wanted NaN", bits, value);
		return;
	}
	ck_assert_msg(value == wanted && !signbit(value) == !signbit(wanted), "0x%x: %.17g, wanted %.17g", bits, value, wanted);
}

START_TEST(every_float16_pattern_has_its_value)
{
	for (unsigned bits = 0; bits <= 0xffff; bits++)
		assert_same(dtype_f16((uint16_t)bits), by_definition(bits, 5, 10, 15, true), bits);
}
END_TEST

START_TEST(every_bfloat16_pattern_has_its_value)
{
	for (unsigned bits = 0; bits <= 0xffff; bits++)
		assert_same(dtype_bf16((uint16_t)bits), by_definition(bits, 8, 7, 127, true), bits);
}
END_TEST

START_TEST(every_float8_pattern_has_its_value)
{
	for (unsigned bits = 0; bits <= 0xff; bits++) {
		assert_same(dtype_f8_e4m3((uint8_t)bits), by_definition(bits, 4, 3, 7, false), bits);
		assert_same(dtype_f8_e5m2((uint8_t)bits), by_definition(bits, 5, 2, 15, true), bits);
	}
}
END_TEST

/* Runs and single values take different code once the compiler has vectorised the runs. */
START_TEST(a_run_of_halves_equals_its_elements)
{
	static uint16_t bits[65536];
	static float run[65536];
	for (unsigned i = 0; i <= 0xffff; i++)
		bits[i] = (uint16_t)i;
	for (int dtype = DTYPE_F16; dtype <= DTYPE_BF16; dtype++) {
		dtype_widen_f32((enum dtype)dtype, (const unsigned char *)bits, 65536, run);
		for (unsigned i = 0; i <= 0xffff; i++)
			assert_same(run[i], dtype == DTYPE_F16 ? dtype_f16((uint16_t)i) : dtype_bf16((uint16_t)i), i);
	}
}
END_TEST

START_TEST(patterns_of_the_shared_vector)
{
	const char *path = suite_data_path("vectors/36_dtypes.json");
	static const struct {
		const char *name;
		enum dtype dtype;
	} table[] = { { "f16", DTYPE_F16 }, { "bf16", DTYPE_BF16 }, { "f8_e4m3fn", DTYPE_F8_E4M3 }, { "f8_e5m2", DTYPE_F8_E5M2 } };
	json_t *root = json_load_file(path, 0, NULL);
	ck_assert_ptr_nonnull(root);
	int seen = 0;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const char *key;
		json_t *value;
		json_object_foreach(json_object_get(json_object_get(root, "expected"), table[i].name), key, value) {
			unsigned bits = (unsigned)strtoul(key, NULL, 16);
			uint16_t storage = (uint16_t)bits;
			double wanted = json_is_string(value) ? strtod(json_string_value(value), NULL) : json_number_value(value);
			double got;
			dtype_widen_f64(table[i].dtype, (const unsigned char *)&storage, 1, &got);
			assert_same(got, wanted, bits);
			seen++;
		}
	}
	json_decref(root);
	ck_assert_int_eq(seen, 21);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dtypes");
	TCase *tcase = tcase_create("values");
	tcase_add_test(tcase, every_float16_pattern_has_its_value);
	tcase_add_test(tcase, every_bfloat16_pattern_has_its_value);
	tcase_add_test(tcase, every_float8_pattern_has_its_value);
	tcase_add_test(tcase, a_run_of_halves_equals_its_elements);
	tcase_add_test(tcase, patterns_of_the_shared_vector);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
