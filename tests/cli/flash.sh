# SPDX-License-Identifier: MIT
# attnviz flash: counts of tiles, the model of traffic, traces and pictures.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
export LC_ALL=C
repeat 32 floats 1 | npy q.npy '<f4' '(8, 4)'

# 8 queries and keys of 4 float32 numbers in tiles of 3, causal. In elements: standard 4 * 32 + 4 * 64 = 384, FA-1 64 + 3 * 32 * 3 + 4 * 8 * 3 = 448, FA-2 64 + 3 * 64 = 256,
# with tiles skipped 64 + (3 + 6 + 8) * 8 = 200.
expect "counts" 0 "$ATTNVIZ" flash -q q.npy -k q.npy --causal --block-rows 3 --block-keys 3 --tsv -o counts.tsv
printf 'layer\tbatch\thead\tblock_rows\tblock_keys\ttiles\tfull\tpartial\tskipped\trows_skipped\tmodel_standard\tmodel_fa1\tmodel_fa2\tmodel_fa2_skip\tpeak_standard\tpeak_flash\n' > want.tsv
printf '0\t0\t0\t3\t3\t9\t3\t3\t3\t9\t1536\t1792\t1024\t800\t256\t64\n' >> want.tsv
same "tiles and traffic" counts.tsv want.tsv
expect "a trace" 0 "$ATTNVIZ" flash -q q.npy -k q.npy --causal --block-rows 3 --block-keys 3 --trace 4:5 --tsv -o trace.tsv
printf 'layer\tbatch\thead\tquery\tkey\tmaximum\tsum\tlse\n0\t0\t0\t4\t0\t2\t3\t3.09861228866811\n0\t0\t0\t4\t3\t2\t5\t3.6094379124341005\n0\t0\t0\t4\t6\t2\t5\t3.6094379124341005\n' > want.tsv
same "equal logits: the sum counts the keys seen" trace.tsv want.tsv
expect "tiles for a fast memory" 0 "$ATTNVIZ" flash -q q.npy -k q.npy --sram 256 --json -o sram.json
check "B_c = ceil(64 / 16), B_r = min(4, 4)" grep -q '"block_rows": 4, "block_keys": 4,' sram.json
for what in tiles maximum sum; do
	expect "a picture of $what" 0 "$ATTNVIZ" flash "$samples"/genesis/*_[qk].npy --layer 0 --causal --block-rows 8 --block-keys 8 --draw $what --plot $what.png -o text
	check "$what is a picture" test -s $what.png
done
expect "text" 0 "$ATTNVIZ" flash -q q.npy -k q.npy --window 2,0 --block-rows 2 --block-keys 2 --plot tiles.txt -o text

refuse "a memory too small" 2 "--sram 8" "$ATTNVIZ" flash -q q.npy -k q.npy --sram 8
refuse "traces of weights" 2 "only a softmax" "$ATTNVIZ" flash -w "$samples"/../samples/genesis/L0_q.npy --signed --trace 0:1
head -c 16384 /dev/zero | npy big.npy '<f4' '(4096, 1)'
refuse "tiles beyond sight" 2 "too many to see" "$ATTNVIZ" flash -q big.npy -k big.npy --block-rows 1 --block-keys 1 --plot x.png -o /dev/null
