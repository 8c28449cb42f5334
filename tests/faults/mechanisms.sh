# SPDX-License-Identifier: MIT
# Positions, tables and options of mechanisms (cases 76 and 101 to 108 of faults.md).
. "$ROOT/tests/faults/lib.sh"
. "$ROOT/tests/support/arrays.sh"
"${CC:-cc}" -o bin/difference "$ROOT/tests/cli/difference.c" -lm || exit 1

enter 100-mechanisms
within() { cd "$scratch/100-mechanisms/$1" || exit 1; }

within rope_table
table='--rope half --rope-cos rcos.npy --rope-sin rsin.npy'
for command in 'weights -o o.npy' 'stats -m entropy' 'heatmap -o o.png'; do
	refuse "101 ${command%% *}: more queries than keys stand before the table" 1 'position -38 is needed' \
		attnviz $command -q rq.npy -k rk.npy $table
done
refuse "101 an offset before the table" 1 'holds 64 positions from 0 on, and position -3 is needed' \
	attnviz weights -q rq2.npy -k rk.npy $table --query-offset=-3 -o o.npy
refuse "101 an offset beyond the table" 1 'and position 64 is needed' attnviz weights -q rq2.npy -k rk.npy $table --query-offset 63 -o o.npy
refuse "101 tables and vectors of one file" 1 'position -38 is needed' \
	attnviz weights -q d.safetensors:rq -k d.safetensors:rk --rope half --rope-cos d.safetensors:rcos --rope-sin d.safetensors:rsin -o o.npy
expect "101 the whole table can be used" 0 attnviz weights -q rq2.npy -k rk.npy $table --query-offset 62 -o o.npy

within conformer_cache
conformer='weights -a conformer -q q.npy -k k.npy --input pos_bias_u=u.npy --input pos_bias_v=v.npy --input position=p.npy'
attnviz weights -w expected_weights.npy -o expected.npy
for precision in single double; do
	attnviz $conformer --precision $precision -o o.npy
	check "102 queries stand at the end of the cache ($precision)" difference o.npy expected.npy 2e-6
done
refuse "102 positions outside the table" 1 'position holds relative positions 4 down to -4, and those from 5 down to' attnviz $conformer --past 3 -o o.npy
attnviz $conformer --past 2 -o o.npy
check "102 --past says the same" difference o.npy expected.npy 2e-6
expect "102 a part without positions needs no table" 0 attnviz $conformer --past 3 --param part=content -o o.npy

# A table of each batch is read by position, as one for all is.
within rope_table_batched
table='--rope half --rope-cos cos3.npy --rope-sin sin3.npy'
attnviz weights -q q.npy -k k.npy $table -o whole.npy
attnviz weights -q q1.npy -k k.npy $table -o last.npy
attnviz weights -q q1.npy -k k.npy $table --query-offset 0 -o first.npy
check "103 one query stands at the end of the keys" sh -c '
	attnviz weights -q q1.npy -k k.npy --rope half --rope-cos cos3.npy --rope-sin sin3.npy --query-offset 6 -o six.npy && cmp last.npy six.npy'
check "103 another position is another map" sh -c '! difference first.npy last.npy 1e-3'
refuse "103 beyond the table of a batch" 1 'holds 7 positions from 0 on, and position 7 is needed' attnviz weights -q q1.npy -k k.npy $table --query-offset 7 -o o.npy

within mask_1e9
for mask in m m4 mf; do
	for precision in single double; do
		attnviz weights -q q.npy -k k.npy --mask $mask.npy --precision $precision -o $mask.$precision.npy
	done
	check "104 both precisions agree ($mask.npy)" sh -c "attnviz weights -w $mask.single.npy --precision double -o a.npy && difference a.npy $mask.double.npy 1e-3"
done
column "104 a row masked by -1e9 is uniform in statistics" 2e-6 entropy '0.84973156 1.0986123 0.69299885' \
	attnviz stats -q q.npy -k k.npy --mask m.npy --per-row -m entropy
column "104 and in weights" 2e-6 max '0.6639109 0.33333333 0.5086116' \
	sh -c 'attnviz weights -q q.npy -k k.npy --mask m.npy -o w.npy && attnviz stats -w w.npy --per-row -m max "$@"' -
column "104 and where the logits came with the mask" 2e-6 max '0.6639109 0.33333333 0.5086116' attnviz stats -w wlog.npy --logits --per-row -m max
column "104 small biases lose nothing" 2e-6 max '0.6639109 0.68318 0.36751702' \
	sh -c 'attnviz weights -q q.npy -k k.npy --mask m4.npy --precision double -o w.npy && attnviz stats -w w.npy --per-row -m max "$@"' -

within rwkv6_one_head
rwkv='weights -a rwkv6 -q q.npy -k k.npy --layout BNHD --input time_faaaa=u.npy'
attnviz $rwkv --input time_decay=w.npy -o headed.npy 2> err
attnviz $rwkv --input time_decay=w_flat.npy -o flat.npy 2> err
check "105 one head: decays with and without an axis for it" cmp headed.npy flat.npy

within window_ragged
ragged='weights -a window --param w=1 -q q.npy -k k.npy --key-lengths 5,4'
attnviz $ragged --causal -o o.npy 2> err
attnviz stats -w o.npy --per-row --json -m row_sum | sed 's/.*"row_sum": //; s/}//' > sums
check "106 the band follows the length of the item: every query sees a key" sh -c '[ "$(awk "\$1 > 0.999 && \$1 < 1.001" sums | wc -l)" = 6 ]'
# Item 1 alone, cut to its 4 keys, is the same map.
attnviz weights -a window --param w=1 -q q.npy -k k.npy --causal --key-lengths 4,4 --batch 1 -o cut.npy 2> err
attnviz $ragged --causal --batch 1 -o item.npy 2> err
check "106 an item does not depend on the others" cmp cut.npy item.npy

# Queries of shaw stand at the end of the keys of their item: an array of distances, one row apart, is seen in the weights of equal keys.
floats 0 0 0 0 0 0 0 0  0 0 0 0 0 0 0 0 | npy zeros.npy '<f4' '(2, 1, 2, 4)'
floats 1 1 1 1 1 1 1 1  1 1 1 1 1 1 1 1 | npy ones.npy '<f4' '(2, 1, 2, 4)'
floats 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0  0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | npy keys.npy '<f4' '(2, 1, 5, 4)'
floats 0 0 0 0  2 2 2 2  0 0 0 0 | npy distances.npy '<f4' '(3, 4)'
# Distances -1, 0 and 1: the logit is 4 at the query's own key, 0 at all others.
own=0.93166
column "106 shaw: the last query stands at the last key of its item" 1e-4 max "$own $own $own $own" sh -c '
	attnviz weights -a shaw -q ones.npy -k keys.npy --input distance_embedding=distances.npy --key-lengths 5,5 -o w.npy && attnviz stats -w w.npy --per-row -m max "$@"' -

cd "$scratch" || exit 1
samples=$ROOT/samples
genesis="$samples/genesis/L0_q.npy $samples/genesis/L0_k.npy -v $samples/genesis/L0_k.npy"
refuse "108 bigbird shown: why there is no output" 2 'one copy of repeated keys has no output of its own' attnviz weights --attention bigbird $genesis \
	"$samples/mechanisms/bigbird.npz" --param block=4 --param dense=never --param repeats=shown --write output -o o.npy
refuse "108 slots: why there is no output" 2 'slots are not keys' attnviz weights --attention linformer $genesis "$samples/mechanisms/linformer.npz" \
	--param map=slots --write output -o o.npy
refuse "108 both directions: why there is no output" 2 'the output of both directions' attnviz weights --attention mamba "$samples/mechanisms/vim.npz" --write output -o o.npy
refuse "108 values that were not given are asked for" 2 'needs the values' attnviz weights "$samples/genesis/L0_q.npy" "$samples/genesis/L0_k.npy" --write output -o o.npy

cd "$scratch/100-mechanisms/mask_1e9" || exit 1
for precision in single double; do
	for what in output output-norm; do
		attnviz weights -q q.npy -k k.npy -v k.npy --mask mf.npy --dead-rows nan --write $what --precision $precision -o o.npy
		attnviz weights -q q.npy -k k.npy -v k.npy --mask mf.npy --write $what --precision $precision -o zero.npy
		check "108 dead rows are NaN in the $what ($precision)" sh -c '! difference o.npy o.npy 0 && difference zero.npy zero.npy 0'
	done
done

# 16 of 31 channels are every second one, not the first 16.
cd "$scratch" || exit 1
words=$(for i in 1 2 3 4 5 6 7 8 9; do echo 0 0.25 0.5 0.75 1 2 -1; done)
floats $words | head -c $((31 * 2 * 4)) | npy A_log.npy '<f4' '(31, 2)'
floats $words $words | head -c $((31 * 3 * 4)) | npy delta.npy '<f4' '(31, 3)'
floats 1 1 1 2 2 2 | npy B.npy '<f4' '(2, 3)'
scan='weights -a mamba --input delta=delta.npy --input A_log=A_log.npy --input B=B.npy --input C=B.npy'
attnviz $scan --param channels=16 -o some.npy 2> err
attnviz $scan --param channels=all --head 0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30 -o all.npy 2> err
check "channels are spread over all" cmp some.npy all.npy
attnviz $scan --param channels=10 -o some.npy 2> err
attnviz $scan --param channels=all --head 0,4,8,12,16,20,24,28 -o all.npy 2> err
check "as many as keep their distances equal" cmp some.npy all.npy

enter 76-values-whose-products-overflow
for command in 'weights -o o.npy' 'weights --precision single -o o.npy' 'stats -m entropy' 'heatmap --head 0 -o o.png'; do
	refuse "76 float64 beyond its products: $command" 1 'holds ' attnviz $command q.npy k.npy
done
for command in 'weights --precision single -o o.npy' 'stats -m entropy' 'heatmap --head 0 -o o.png' 'stats -a linear'; do
	refuse "76 float32 beyond its products: $command" 1 'too large' attnviz $command q32.npy k32.npy
done
attnviz weights q32.npy k32.npy -o o.npy
column "76 in double the largest product takes all" 0 max '1 1' attnviz stats -w o.npy -m max
refuse "76 a scale that overflows" 2 '--scale-factor' attnviz stats q32.npy k32.npy --scale-factor 1e9
