# SPDX-License-Identifier: MIT
# attnviz stats: numbers that are known, every form of output, and what it says when it cannot.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
export LC_ALL=C

# Row by row: all on one key; two halves; two quarters and a half; four quarters. Every mean is exact in binary.
floats 1 0 0 0  0.5 0.5 0 0  0.25 0.25 0.5 0  0.25 0.25 0.25 0.25 | npy w.npy '<f4' '(4, 4)'
printf 'a\nb\na\nc\n' > tokens.txt

"$ATTNVIZ" stats w.npy --tsv -m max,sink1,keys90,distance > out 2> err
tr '|' '\t' > want <<'END'
layer|batch|head|max|sink1|distance|keys90
0|0|0|0.5625|0.5|0.6875|2.5
END
same "TSV" out want
check "nothing on standard error" test ! -s err
"$ATTNVIZ" stats w.npy --json -m max,keys90 > out
echo '{"layer": 0, "batch": 0, "head": 0, "max": 0.5625, "keys90": 2.5}' > want
same "JSON" out want
"$ATTNVIZ" stats w.npy -m max,keys90 > out
cat > want <<'END'
layer  batch  head     max  keys90
    0      0     0  0.5625     2.5
END
same "table" out want
"$ATTNVIZ" stats w.npy --tsv --per-row -m max,sink1 -t tokens.txt > out
tr '|' '\t' > want <<'END'
layer|batch|head|query|token|max|sink1
0|0|0|0|a|1|1
0|0|0|1|b|0.5|0.5
0|0|0|2|a|0.5|0.25
0|0|0|3|c|0.25|0.25
END
same "one line a query" out want
"$ATTNVIZ" stats w.npy --tsv --per-row -m max --last-queries 2 | cut -f 4,5 > out
printf 'query\tmax\n2\t0.5\n3\t0.25\n' > want
same "the last queries" out want
"$ATTNVIZ" stats w.npy --tsv -m named --named-token a -t tokens.txt | cut -f 4 > out
printf 'named\n0.6875\n' > want
same "mass on a named token" out want
"$ATTNVIZ" stats w.npy --tsv -m named --named-keys 0,2 | cut -f 4 > by-key
same "mass on named keys" by-key want
"$ATTNVIZ" stats w.npy --tsv --per-row -m entropy --bits | awk 'NR > 1 { printf "%.4f\n", $5 }' > out
printf '0.0000\n1.0000\n1.5000\n2.0000\n' > want
same "entropy in bits" out want
"$ATTNVIZ" stats w.npy --npy -m max,sink1 -o s.npy
check "array" sh -c 'head -c 128 s.npy | grep -aq "(1, 2)" && [ "$(wc -c < s.npy)" = 144 ]'
"$ATTNVIZ" stats w.npy --npy --per-row -m max,sink1 -o r.npy
check "array of rows" sh -c 'head -c 128 r.npy | grep -aq "(1, 2, 4)" && [ "$(wc -c < r.npy)" = 192 ]'

# Real dumps.
"$ATTNVIZ" stats "$samples"/genesis/*_[qk].npy --causal --tsv > all.tsv
check "a line for each head of each layer" sh -c '[ "$(wc -l < all.tsv)" = 33 ]'
for threads in 1 2 8; do
	"$ATTNVIZ" stats "$samples"/genesis/*_[qk].npy --causal --json -m all -j $threads > t$threads
	[ $threads = 1 ] || same "$threads threads give the digits of one" t$threads t1
done
"$ATTNVIZ" stats "$samples"/genesis/*_[qk].npy --causal --tsv --layer 2 --head 3,5 > part
{ head -n 1 all.tsv; sed -n '21p;23p' all.tsv; } > want
same "a selection is cut out of the whole" part want
"$ATTNVIZ" stats "$samples"/genesis/*_[qk].npy --causal --tsv -m max --sample-rows 64 | cut -f 4 > out
"$ATTNVIZ" stats "$samples"/genesis/*_[qk].npy --causal --tsv -m max | cut -f 4 > want
same "a sample of all rows is all of them" out want
"$ATTNVIZ" stats "$samples"/genesis/*_[qk].npy --causal --tsv -m max --sample-rows 9 --seed 4 > one
"$ATTNVIZ" stats "$samples"/genesis/*_[qk].npy --causal --tsv -m max --sample-rows 9 --seed 4 > two
"$ATTNVIZ" stats "$samples"/genesis/*_[qk].npy --causal --tsv -m max --sample-rows 9 --seed 5 > three
same "a seed chooses the same rows again" one two
check "another seed chooses others" sh -c '! cmp -s one three'
check "a sample has intervals" grep -q 'max_ci' one

# Figures.
for kind in depth matrix rows histogram; do
	expect "a figure: $kind" 0 "$ATTNVIZ" stats "$samples"/genesis/*_[qk].npy --causal --tsv -m max,sink1 --plot $kind.svg --plot-kind $kind
	check "it is an SVG: $kind" grep -q '<svg' $kind.svg
	check "the rows are printed beside it: $kind" sh -c '[ "$(wc -l < out)" = 33 ]'
done
"$ATTNVIZ" stats "$samples"/genesis/*_[qk].npy --causal --plot-metric sink1 --plot sink.txt > /dev/null
check "a figure as text names its metric" grep -q 'mass on the first key' sink.txt
refuse "a figure of a metric that is not measured" 2 "--plot-metric gini" "$ATTNVIZ" stats w.npy -m max --plot x.png --plot-metric gini
refuse "a figure of an unknown format" 2 "cannot determine the format from the file name" "$ATTNVIZ" stats w.npy --plot x.jpg

# What cannot be.
refuse "unknown metric" 2 "did you mean" "$ATTNVIZ" stats w.npy -m entropi
refuse "a metric of logits on ready weights" 1 "logit_max" "$ATTNVIZ" stats w.npy -m logit_max
refuse "entropy of signed weights" 1 "entropy" "$ATTNVIZ" stats w.npy --signed -m entropy
refuse "two formats" 2 "one of --json, --tsv and --npy" "$ATTNVIZ" stats w.npy --json --tsv
refuse "rows and keys" 2 "--per-row or --per-key" "$ATTNVIZ" stats w.npy --per-row --per-key
refuse "named token without tokens" 2 "--named-token needs the tokens" "$ATTNVIZ" stats w.npy -m named --named-token a
refuse "named token that does not occur" 2 "there is no such token" "$ATTNVIZ" stats w.npy -m named --named-token z -t tokens.txt
floats 1 0 0  0.5 nan 0  0.25 0.25 0.5 | npy nan.npy '<f4' '(3, 3)'
refuse "NaN, with its place" 1 "query 1, key 1" "$ATTNVIZ" stats nan.npy -o x.tsv
check "nothing was left behind" sh -c '! ls x.* .x.* 2> /dev/null | grep .'
[ ! -w /dev/full ] || refuse "full device" 1 "no space left" "$ATTNVIZ" stats w.npy -o /dev/full

# Attention distance on the grid of a picture.
digit=$ROOT/samples/digit3
expect "distances on a grid" 0 "$ATTNVIZ" stats "$digit"/L?_q.npy "$digit"/L?_k.npy --grid 8x8 --patch-size 2 --metrics grid_distance --tsv
check "a value for each head" test "$(wc -l < out)" = 17
refuse "without the grid" 1 "give --grid HxW" "$ATTNVIZ" stats "$digit"/L?_q.npy "$digit"/L?_k.npy --metrics grid_distance
refuse "a grid larger than the map" 1 "a grid of 9 x 9 has 81 patches" "$ATTNVIZ" stats "$digit"/L?_q.npy "$digit"/L?_k.npy --metrics grid_distance --grid 9x9
