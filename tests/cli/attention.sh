# SPDX-License-Identifier: MIT
# The options of attention reach the numbers: stages, rows that see nothing, positions.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
export LC_ALL=C

# Every dot product is 2, every score 1.
repeat 12 floats 1 | npy q.npy '<f4' '(1, 3, 4)'
repeat 16 floats 0.5 | npy k.npy '<f4' '(1, 4, 4)'
minus_infinity() {
	printf '\000\000\200\377'
}

# values NAME BYTES_FILE OPTION...: the float32 numbers that weights writes, in both precisions that compute them.
values() {
	name=$1 want=$2
	shift 2
	for precision in auto single; do
		"$ATTNVIZ" weights -q q.npy -k k.npy --quiet --precision $precision -o got.npy "$@" 2> err || cat err
		tail -c "$(($(wc -c < "$want")))" got.npy > got.raw
		same "$name ($precision)" got.raw "$want"
	done
}
repeat 12 floats 1 > ones
repeat 12 floats 0 > zeros
repeat 12 floats nan > nans
repeat 12 floats 0.25 > uniform
{ floats 1; repeat 3 minus_infinity; floats 1 1; repeat 2 minus_infinity; floats 1 1 1; minus_infinity; } > triangle

values "scores are scaled" ones --stage scores
values "scores know no mask" ones --stage scores --causal
values "hidden logits are written as -inf" triangle --stage biased --causal=top-left
values "rows that see nothing are zero" zeros --key-lengths 0
values "rows that see nothing may be uniform" uniform --key-lengths 0 --dead-rows uniform
values "rows that see nothing may be NaN" nans --key-lengths 0 --dead-rows nan
values "rows that see something are no NaN" uniform --dead-rows nan

# What was done is in the caption.
caption() {
	name=$1 want=$2
	shift 2
	"$ATTNVIZ" heatmap -q "$samples/genesis/L0_q.npy" -k "$samples/genesis/L0_k.npy" --head 0 -o picture.svg --quiet "$@" 2> err
	if grep -qF -- "$want" picture.svg; then echo "ok $name"; else echo "not ok $name: $(cat err)"; fi
}
for kind in "linear linear" "ntk NTK" "dynamic dynamic NTK" "llama3 Llama 3" "yarn YaRN"; do
	caption "RoPE scaling ${kind%% *}" "RoPE half-split ${kind#* }" --rope half --rope-scaling "${kind%% *}" --rope-factor 4 --rope-original-length 32
done
caption "interleaved pairs" "RoPE interleaved" --rope interleaved
caption "ALiBi" "ALiBi before the scale" --alibi --bias-before-scale
caption "normalisation" "RMS-normalised" --qk-norm rms
caption "window" "window 8,0" --window 8,0

# The dynamic scaling does nothing within the trained context.
"$ATTNVIZ" weights -q "$samples/genesis/L0_q.npy" -k "$samples/genesis/L0_k.npy" --rope half -o plain.npy
"$ATTNVIZ" weights -q "$samples/genesis/L0_q.npy" -k "$samples/genesis/L0_k.npy" --rope half --rope-scaling dynamic --rope-factor 4 --rope-original-length 64 -o dynamic.npy
same "dynamic scaling within the trained context" dynamic.npy plain.npy

# Sinks take their share: e^1 / (4 e^1 + e^1) with a logit of 1.
floats 1 | npy sinks.npy '<f4' '(1,)'
"$ATTNVIZ" weights -q q.npy -k k.npy --quiet --precision double --sinks sinks.npy -o sink.npy
repeat 12 bytes 0x9a 0x99 0x99 0x99 0x99 0x99 0xc9 0x3f | npy fifth.npy '<f8' '(1, 3, 4)'
"${CC:-cc}" -o difference "$ROOT/tests/cli/difference.c" -lm || exit 1
check "a sink of the same logit is one more key" ./difference sink.npy fifth.npy 1e-15

refuse "scaling without a factor" 2 "--rope-factor" "$ATTNVIZ" weights -q q.npy -k k.npy --rope half --rope-scaling linear -o x.npy
refuse "scaling without the trained context" 2 "--rope-original-length" "$ATTNVIZ" weights -q q.npy -k k.npy --rope half --rope-scaling yarn --rope-factor 2 -o x.npy
refuse "odd rotation" 1 "even number" "$ATTNVIZ" weights -q q.npy -k k.npy --rope half --rope-dims 3 -o x.npy
refuse "sinks of another model" 1 "has shape (1,) where (8)" "$ATTNVIZ" weights "$samples"/genesis/*_[qk].npy --sinks sinks.npy -o x.npy
