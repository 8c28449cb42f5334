# SPDX-License-Identifier: MIT
# attnviz info --verify-weights finds the settings that made the weights, and what it prints makes them again.
. "$ROOT/tests/faults/lib.sh"
"${CC:-cc}" -o "$scratch/bin/difference" "$ROOT/tests/cli/difference.c" -lm || exit 1
dumps=$ROOT/tests/data/verify

# settled: what the search of the last run came to, from ./out; empty where it found nothing.
settled() {
	sed -n 's/.*"settings": "\([^"]\{1,\}\)".*/\1/p' out
}

# within LIMIT: the largest difference with these settings.
within() {
	awk -v limit="$1" -F '"max_abs": ' '/"settings": "[^"]/ { found = 1; if ($2 + 0 > limit) exit 1 } END { exit !found }' out
}

# made NAME DUMP 'SETTINGS' LIMIT [OPTIONS...]: found by info, as they are typed, beside options that were given; and `attnviz weights` makes the weights with them.
made() {
	name=$1 dump=$2 want=$3 limit=$4
	shift 4
	attnviz info -q "$dump:q" -k "$dump:k" "$@" --no-checks --verify-weights "$dump:attn" --json > out 2> err
	got=$(settled)
	if [ "$got" != "$want" ] || ! within "$limit"; then
		echo "not ok $name: found '$got', not '$want' $(cat err)"
		return
	fi
	attnviz weights -w "$dump:attn" -o model.npy --quiet
	attnviz weights -q "$dump:q" -k "$dump:k" "$@" $got -o again.npy --quiet 2> err
	difference again.npy model.npy "$limit" > off 2>&1 && echo "ok $name" || echo "not ok $name: $got is off by $(cat off err)"
}

# fails NAME DUMP TEXT [OPTIONS...]: nothing explains the weights, and the finding says so with TEXT.
fails() {
	name=$1 dump=$2 text=$3
	shift 3
	attnviz info -q "$dump:q" -k "$dump:k" "$@" --no-checks --verify-weights "$dump:attn" > out 2> err
	if grep -q '^warning: ' out && grep -qF -- "$text" out && ! grep -q '; with ' out; then
		echo "ok $name"
	else
		echo "not ok $name: $(tail -n 1 out) $(cat err)"
	fi
}

for case in "60-verify-window --causal --window 5" "61-verify-chunk --causal --chunk 8" "63-verify-qk-norm --causal --qk-norm rms" \
	"64-verify-cap-with-scale --scale-factor 0.3 --causal --softcap 50" "65-verify-alibi --causal --alibi" \
	"67-verify-qk-norm-and-rope --causal --qk-norm rms --rope half --rope-base 1000000"; do
	enter "${case%% *}"
	made "${case%% *}" dump.npz "${case#* }" 1e-5
done

# Sink logits are told to seven digits.
enter 62-verify-sinks
attnviz info -q dump.npz:q -k dump.npz:k --no-checks --verify-weights dump.npz:attn --json > out
check "62-verify-sinks" within 1e-5
settled | sed 's/.*--sink-logits //' | tr , '\n' > logits
sed -n '/sink_logits/,/\]/p' expected.json | sed -n 's/^ *\(-\{0,1\}[0-9.]*\),\{0,1\}$/\1/p' > want
check "each head's sink logit" awk 'NR == FNR { want[FNR] = $1; next } { n++; d = $1 - want[FNR]; if (d > 1e-5 || d < -1e-5) exit 1 } END { exit n != 4 }' want logits
made "and they are taken as they are printed" dump.npz "$(settled)" 1e-5

enter 66-verify-tiled-keys
attnviz info -q dump.npz:q -k dump.npz:k --no-checks --verify-weights dump.npz:attn --json > out
check "66-verify-tiled-keys" within 1e-5
attnviz info -q dump.npz:q -k dump.npz:k --no-checks --verify-weights dump.npz:attn > out
check "the order of the heads is named" grep -q "with --causal with key head h mod 2 for query head h by at most [0-9.]*e-0[6-9] (the order of the heads is wrong: .*numpy.take(keys, numpy.arange(4) % 2" out

# What models have together.
cd "$scratch" || exit 1
made "rotation and norm with its weights" "$dumps/qwen3.npz" "--causal --rope half --rope-base 1000000" 1e-5 --qk-norm rms --query-norm "$dumps/qwen3.npz:query_weight" --key-norm "$dumps/qwen3.npz:key_weight"
made "soft-cap, scale, window and rotation" "$dumps/gemma2.npz" "--scale-factor 0.0625 --causal --window 7 --rope half --softcap 50" 1e-5
made "window and rotation of one key head" "$dumps/window-of-shared-heads.npz" "--causal --window 6 --rope half --rope-base 500000" 1e-5
made "layer norm and half of the dims" "$dumps/layer-norm.npz" "--causal --qk-norm layer --rope half --rope-dims 8" 1e-5
made "epsilon of short vectors" "$dumps/short-vectors.npz" "--causal --qk-norm rms --qk-norm-epsilon 1e-05 --rope half" 1e-5
made "a base that nobody would guess" "$dumps/any-base.npz" "--causal --rope interleaved --rope-base 31415" 1e-5
made "scaling of Llama 3.1" "$dumps/llama3.npz" "--causal --rope half --rope-base 500000 --rope-scaling llama3 --rope-factor 8 --rope-original-length 8192" 1e-5
made "slopes times the scale" "$dumps/falcon.npz" "--causal --alibi --bias-before-scale" 1e-5
made "slopes of six heads" "$dumps/alibi-of-six.npz" "--causal --alibi" 1e-5
made "a window on both sides" "$dumps/both-sides.npz" "--window 5,3" 1e-5
made "first keys that stay" "$dumps/streaming.npz" "--causal --window 6 --keep-first 3" 1e-5
made "chunk and rotation" "$dumps/chunk-and-rotation.npz" "--causal --chunk 8 --rope interleaved --rope-base 500000" 1e-5
made "queries amid the keys" "$dumps/past.npz" "--causal --past 13 --rope half" 1e-5
made "the first query at the first key" "$dumps/top-left.npz" "--scale-factor 0.1 --causal=top-left" 1e-5
made "padding on the right" "$dumps/padded-right.npz" "--causal --key-lengths 16,9,13" 1e-5
made "padding on the left, and uniform rows" "$dumps/padded-left.npz" "--causal --key-begin 4 --dead-rows uniform" 1e-5
made "padding on the left of each item" "$dumps/padded-left-each.npz" "--causal --key-begin 4,0,7 --rope half" 1e-5

# Sinks, window and rotation; numbers that have no short form.
attnviz info -q "$dumps/gpt-oss.npz:q" -k "$dumps/gpt-oss.npz:k" --no-checks --verify-weights "$dumps/gpt-oss.npz:attn" --json > out
found=$(settled)
check "sinks, window and rotation" sh -c 'echo "$1" | grep -q "^--causal --window 9 --rope half --rope-base 150000 --sink-logits 0\.5[0-9]*,-1\.2[45][0-9]*,[0-9.]*,0\.12[45][0-9]*$"' - "$found"
made "and again with what was printed" "$dumps/gpt-oss.npz" "$found" 1e-5
attnviz info -q "$dumps/other-slopes.npz:q" -k "$dumps/other-slopes.npz:k" --no-checks --verify-weights "$dumps/other-slopes.npz:attn" --json > out
found=$(settled)
check "slopes of their own" sh -c 'echo "$1" | grep -q "^--causal --alibi-slopes 0\.[45][0-9]*,0\.[23][0-9]*,0\.[12][0-9]*,0\.0[45][0-9]*$"' - "$found"
made "and again as they were printed" "$dumps/other-slopes.npz" "$found" 1e-5

# Weights in half precision: as near as they are stored.
made "bfloat16" "$dumps/bfloat16.npz" "--scale-factor 0.2 --causal --window 7 --rope half --softcap 50" 0.00196
made "float16" "$dumps/float16.npz" "--causal --qk-norm rms --rope half --rope-base 1000000" 0.00026
attnviz info -q "$dumps/bfloat16.npz:q" -k "$dumps/bfloat16.npz:k" --no-checks --verify-weights "$dumps/bfloat16.npz:attn" > out
check "and what limits it is said" grep -q "by at most 0.00[0-9]*, as bfloat16 weights are rounded" out

# Beside options that are right, wrong, or too much.
made "what is right already is left out" "$dumps/gemma2.npz" "--scale-factor 0.0625 --window 7" 1e-5 --causal --softcap 50 --rope half
attnviz info -q "$dumps/gemma2.npz:q" -k "$dumps/gemma2.npz:k" --no-checks --verify-weights "$dumps/gemma2.npz:attn" --json --causal --softcap 30 --rope half --window 8 --alibi \
	--scale-factor 0.0625 > out
check "wrong options are replaced" test "$(settled)" = "--window 7 without --alibi --softcap 50"
attnviz info -q "$dumps/gemma2.npz:q" -k "$dumps/gemma2.npz:k" --no-checks --verify-weights "$dumps/gemma2.npz:attn" --json --causal --softcap 50 --rope half --window 7 \
	--scale-factor 0.0625 > out
check "options that are right find nothing" test -z "$(settled)"

# Layers, heads and items that differ.
attnviz info -q "$dumps/layers-that-differ.npz:q" -k "$dumps/layers-that-differ.npz:k" --layout LHND --layout weights=LHNM --no-checks \
	--verify-weights "$dumps/layers-that-differ.npz:attn" --json > out
check "layers of two kinds" test "$(settled)" = "--layer 0,2 --causal --window 4 --rope half; --layer 1,3 --causal --rope half --rope-base 1000000"
check "each of them exactly" within 1e-5
attnviz info -q "$dumps/tiled-and-rotated.npz:q" -k "$dumps/tiled-and-rotated.npz:k" --no-checks --verify-weights "$dumps/tiled-and-rotated.npz:attn" --json > out
check "the order of the heads beside a rotation" test "$(settled)" = "--causal --rope half with key head h mod 2 for query head h"
check "which is exact" within 1e-5
attnviz info -q "$dumps/qwen3.npz:q" -k "$dumps/qwen3.npz:k" --no-checks --verify-weights "$dumps/qwen3.npz:attn" --threads 1 > one
attnviz info -q "$dumps/qwen3.npz:q" -k "$dumps/qwen3.npz:k" --no-checks --verify-weights "$dumps/qwen3.npz:attn" --threads 3 > three
same "any number of threads" one three

# What is not explained.
fails "noise" "$dumps/noise.npz" "are they of the same layer and the same run?"
fails "and what was tried is said" "$dumps/noise.npz" "no plausible mask, scale, soft-cap, normalisation, rotation, linear bias, sink logit or order of heads explains them ("
fails "uniform weights" "$dumps/uniform.npz" "no plausible mask"
fails "rows that were cut" "$dumps/cut-rows.npz" "their rows sum to less than one"
fails "a norm whose weights are missing" "$dumps/qwen3.npz" "no plausible mask"
fails "a bias by distance" "$dumps/by-distance.npz" "an additive bias by distance (T5's buckets, or a table that was learned) beside --scale-factor 1 fits them"
fails "queries of another dump" "$dumps/noise.npz" "no plausible mask" --causal

# Found, and no warning, where nobody asked.
attnviz info "$dumps/gemma2.npz" > out 2> err
check "a dump that holds all three is looked at unasked" grep -q "^note: weights attn: .*; with --scale-factor 0.0625 --causal --window 7 --rope half --softcap 50 by at most [0-9.]*e-0[6-9] " out
