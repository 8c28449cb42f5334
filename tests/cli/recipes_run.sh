# SPDX-License-Identifier: MIT
# Every recipe of attnviz-formats(7), taken out of the manual and run against a stand-in for the library that it hooks: the weights of the stand-in come out.
. "$ROOT/tests/cli/lib.sh"
"${CC:-cc}" -o difference "$ROOT/tests/cli/difference.c" -lm || exit 1
manual=$ROOT/man/attnviz-formats.7
numpy=
for python in python3 /usr/bin/python3; do
	[ -n "$numpy" ] || ! "$python" -c 'import numpy' 2> /dev/null || numpy=$python
done

# whole FILE...: all layers of the command in ./command as an array, whatever it would draw.
whole() {
	sed -e 's/^attnviz [a-z]*/weights/' -e 's/ -t [^ ]*//; s/ --query-tokens [^ ]*//; s/ --skip-first [0-9]*//; s/ --layer -1//' command > arguments
	eval "\"\$ATTNVIZ\" $(cat arguments) -o got.npy --quiet"
}

# recipe TITLE STANDIN [ERROR]: the weights are those of the stand-in within the rounding of float32.
recipe() {
	rm -rf work
	mkdir work
	cd work || exit 1
	if "$numpy" "$ROOT/tests/cli/recipes.py" "$manual" "$1" "$2" > said 2>&1 && whole >> said 2>&1 && ../difference got.npy truth.npy ${3:-3e-7} >> said 2>&1; then
		echo "ok $1 ($2)"
	else
		echo "not ok $1 ($2)"
		cat command said 2> /dev/null | tail -n 5 | sed 's/^/  /'
	fi
	cd ..
}

if [ -n "$numpy" ]; then
	recipe "Hugging Face transformers: hidden states" hidden 3e-6
	recipe "Hugging Face transformers: weights" weights
	recipe "Hugging Face transformers: queries and keys of any length" sdpa
	recipe "Hugging Face transformers: queries and keys of any length" sdpa-mask
	recipe "Hugging Face transformers: queries and keys of any length" sdpa-sinks
	recipe "torch SDPA, in any model" torch
	recipe "torch SDPA, in any model" torch-float
	recipe "torch SDPA, in any model" torch-causal
	recipe "torch SDPA, in any model" torch-plain
	recipe "Hugging Face transformers: generation" generation
	recipe "torch.nn.MultiheadAttention" multihead
	recipe "flash-attn: sequences one after another" flash
	recipe "flash-attn: sequences one after another" flash-window
	recipe "TransformerLens" lens
	recipe "TransformerLens" lens-rotary
	recipe "vLLM" vllm
	recipe "vLLM" vllm-chunks
	recipe "Whisper: cross-attention" whisper
	recipe "Vision transformers (timm)" timm
	# Each recipe of the manual is one of these.
	awk '/^\.Sh EXAMPLES/ { on = 1 } /^\.Sh SEE/ { on = 0 } on && /^\.Ss / { sub(/^\.Ss /, ""); print }' "$manual" | grep -v '^llama.cpp$' | while read -r title; do
		grep -qF "recipe \"$title\"" "$ROOT/tests/cli/recipes_run.sh" && echo "ok $title is run" || echo "not ok $title is run by no test"
	done
else
	echo "skip the recipes of the manual: python3 with numpy is not here"
fi

# llama.cpp: C, against a cache of 16 slots of which 9 and then 12 are filled, in two steps.
awk '/^\.Ss llama.cpp/ { on = 1 } on && /^\.Ed/ { exit } on && code { gsub(/\\e/, "\\"); print } on && /^\.Bd/ { code = 1 }' "$manual" > recipe.c
cat > llama.c <<'END'
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct ggml_tensor { char name[64]; int64_t ne[4]; const float *data; };
static size_t ggml_nbytes(const struct ggml_tensor *t) { return sizeof(float) * (size_t)(t->ne[0] * t->ne[1] * t->ne[2]); }
static void ggml_backend_tensor_get(const struct ggml_tensor *t, void *data, size_t offset, size_t size) { memcpy(data, (const char *)t->data + offset, size); }
#include "recipe.c"
static void put(FILE *f, const char *shape)
{
	char header[128];
	snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
	fwrite("\223NUMPY\1\0\166\0", 1, 10, f);
	fprintf(f, "%-117s\n", header);
}
int main(void)
{
	enum { SLOTS = 16, HEADS = 3 };
	static const int first[] = { 0, 9 }, end[] = { 9, 12 };
	static float w[HEADS * 9 * SLOTS];
	for (int step = 0; step < 2; step++) {
		char path[16], shape[32];
		int rows = end[step] - first[step];
		snprintf(path, sizeof path, "truth%d.npy", step);
		snprintf(shape, sizeof shape, "2, 3, %d, %d", rows, end[step]);
		FILE *truth = fopen(path, "wb");
		put(truth, shape);
		for (int layer = 0; layer < 2; layer++) {
			struct ggml_tensor other = { "kqv-0", { 1, 1, 1, 1 }, w }, t = { "", { SLOTS, rows, HEADS, 1 }, w };
			snprintf(t.name, sizeof t.name, "kq_soft_max-%d", layer);
			for (int i = 0; i < HEADS * rows; i++) {
				int sees = first[step] + i % rows + 1;
				for (int key = 0; key < SLOTS; key++)
					w[i * SLOTS + key] = key < sees ? (float)(key + 1 + layer) / (float)(sees * (sees + 1) / 2 + sees * layer) : 0;
				fwrite(&w[i * SLOTS], sizeof(float), (size_t)end[step], truth);
			}
			if (save(&other, true, NULL) || !save(&t, true, NULL) || !save(&t, false, NULL))
				return 1;
		}
		fclose(truth);
	}
	return 0;
}
END
check "llama.cpp compiles" "${CC:-cc}" -Wno-unused-result -o llama llama.c -lm
check "llama.cpp runs" ./llama
for step in 0 1; do
	check "llama.cpp, step $step" "$ATTNVIZ" weights step${step}_L*_attn.npy -o got.npy
	check "llama.cpp, the weights of step $step" ./difference got.npy truth$step.npy 2e-7
done
