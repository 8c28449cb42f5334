# SPDX-License-Identifier: MIT
# The options that belong to one command, or to a few: what each changes, in numbers worked out by hand. `sh options_own.sh --list` prints what
# is covered, "COMMAND OPTION" a line: the first two words of the names of the tests.
if [ "${1-}" = --list ]; then
	# Names are the first argument of what tests: COMMAND --OPTION: ...
	for command in heatmap text arcs align rollout stats overlay; do
		echo "$command --raw-tokens"
	done
	for command in heatmap text stats weights align arcs overlay compare blocks flash info; do
		echo "$command --quiet"
	done
	sed -n "s/^[a-z_]* ['\"]\\([a-z]*\\) \\(--[a-z0-9-]*\\).*/\\1 \\2/p" "$0" | sort -u
	exit
fi
. "$ROOT/tests/faults/lib.sh"
. "$ROOT/tests/support/arrays.sh"
unset COLUMNS LINES
for name in cells even maxima four values q k w w2 q_last hole signs; do
	cp "$ROOT/tests/data/options/$name.npy" .
done
cp "$ROOT/tests/data/options/white.png" "$ROOT/tests/data/options/black.png" .
"${CC:-cc}" -O1 -o pixels "$ROOT/tests/cli/pixels.c" $(pkg-config --cflags --libs libpng) || exit 1
printf 'a\nb\nc\nd\n' > abcd.txt

# array NAME 'V1 V2 ...' ARGUMENTS...: attnviz weights writes these float32 values.
array() {
	name=$1 wanted=$2
	shift 2
	attnviz weights "$@" --quiet -o array.npy 2> err && od -An -v -t f4 -j 128 array.npy | tr -s ' \n' ' ' > got
	if awk -v wanted="$wanted" '{ n = split(wanted, want, " "); bad = NF != n; for (i = 1; i <= n; i++) { d = $i - want[i]; bad = bad || d * d > 1e-9 } exit bad }' got; then
		echo "ok $name"
	else
		echo "not ok $name: $(cat got err)"
	fi
}

# prints NAME TEXT COMMAND...: what the command prints is TEXT, where \t and \n stand for themselves.
prints() {
	name=$1
	printf "$2" > want
	shift 2
	"$@" > got 2> err
	same "$name" got want
}

# cells NAME 'V1 V2 ...' COMMAND...: the grey cells that it draws, from the top, as shares of 255, each within 0.005; the picture is the last word.
cells() {
	name=$1 wanted=$2
	shift 2
	"$@" p.png --quiet > /dev/null 2> err
	./pixels p.png cells 20 | cut -c 1-2 > got
	if awk -v wanted="$wanted" '
		BEGIN { count = split(wanted, want, " ") }
		{ v = (16 * (index("0123456789abcdef", substr($1, 1, 1)) - 1) + index("0123456789abcdef", substr($1, 2, 1)) - 1) / 255; d = v - want[NR]; bad = bad || d * d > 25e-6 }
		END { exit bad || NR != count }' got; then
		echo "ok $name"
	else
		echo "not ok $name: $(tr '\n' ' ' < got) $(cat err)"
	fi
}

# differ NAME COMMAND... -- COMMAND...: both succeed, and print other things.

# stats. The rows of four.npy are sixteenths: 8 4 2 2, 1 12 2 1, 3 3 8 2, 5 1 4 6.
one='attnviz stats four.npy'
column 'stats --metrics: names and order' 1e-6 max '0.53125' $one --metrics max,row_sum
prints 'stats --tsv: a header' 'layer\tbatch\thead\tmax\n0\t0\t0\t0.53125\n' $one -m max --tsv
prints 'stats --json' '{"layer": 0, "batch": 0, "head": 0, "max": 0.53125}\n' $one -m max --json
column 'stats --bits' 1e-6 entropy '1.75' $one -m entropy --bits --per-row --rows 0:1
column 'stats --rows' 1e-6 max '0.75 0.5' $one -m max --per-row --rows 1:3
column 'stats --per-row' 1e-6 max '0.5 0.75 0.5 0.375' $one -m max --per-row
column 'stats --per-key' 1e-6 received '1.0625 1.25 1 0.6875' $one -m received --per-key
column 'stats --last-queries' 1e-6 max '0.4375' $one -m max --last-queries 2
column 'stats --below' 1e-6 below '0.1875' $one -m below --below 0.125
column 'stats --below: more' 1e-6 below '0.5625' $one -m below --below 0.2
column 'stats --h2o-share' 1e-6 h2o_sparsity '0.4375' $one -m h2o_sparsity --h2o-share 0.3
column 'stats --collapse' 1e-6 collapse '0.25' $one -m collapse --collapse 1
column 'stats --collapse: more' 1e-6 collapse '0.5' $one -m collapse --collapse 1.22
column 'stats --saturation' 1e-6 saturation '0.25' $one -m saturation --saturation 0.7
column 'stats --saturation: more' 1e-6 saturation '0.75' $one -m saturation --saturation 0.45
column 'stats --top-k' 1e-6 top_k '0.53125' $one -m top_k --top-k 1
column 'stats --top-k: more' 1e-6 top_k '0.90625' $one -m top_k --top-k 3
column 'stats --band' 1e-6 local '0.53125' $one -m local --band 0
column 'stats --band: more' 1e-6 local '0.78125' $one -m local --band 1
column 'stats --diagonality' 1e-6 diagonality '0.53125' $one -m diagonality --diagonality 0.1
column 'stats --diagonality: more' 1e-6 diagonality '0.78125' $one -m diagonality --diagonality 0.3
# What is nothing is not the default.
column 'stats --below: nothing' 1e-6 below '0' $one -m below --below 0
column 'stats --h2o-share: nothing' 1e-6 h2o_sparsity '0' $one -m h2o_sparsity --h2o-share 0
column 'stats --collapse: nothing' 1e-6 collapse '0' attnviz stats cells.npy -H 0 -m collapse --collapse 0
column 'stats --saturation: nothing' 1e-6 saturation '1' $one -m saturation --saturation 0
column 'stats --diagonality: nothing' 1e-6 diagonality '0.53125' $one -m diagonality --diagonality 0
# 1 - exp(-d^2 / (2 g^2)) at d = 1/4, 1/2, 3/4, of which the means over the rows are .25, .109375, .109375.
column 'stats --guided' 1e-5 guided '0.3011' $one -m guided --guided 0.25
column 'stats --grid' 1e-5 grid_distance '0.546415' $one -m grid_distance --grid 2x2
column 'stats --patch-size' 1e-5 grid_distance '8.742641' $one -m grid_distance --grid 2x2 --patch-size 16
column 'stats --named-keys' 1e-6 named '0.515625' $one -m named --named-keys 0,2
column 'stats --named-token' 1e-6 named '0.25' $one -t abcd.txt -m named --named-token c
column 'stats --sample-rows: all of them' 1e-6 max '0.53125' $one -m max --sample-rows 4
attnviz stats four.npy -m max --npy > stats.npy
check 'stats --npy' test "$(od -An -t f8 -j 128 stats.npy | tr -d ' ')" = 0.53125
attnviz stats four.npy -m max --tsv -o stats.tsv
check 'stats --output' test "$(tail -n 1 stats.tsv | cut -f 4)" = 0.53125
# One of the four rows, each by some seed.
for seed in 0 1 2 3 4 5 6 7 8 9 10 11; do
	attnviz stats four.npy -m max --sample-rows 1 --seed $seed --tsv --quiet | tail -n 1 | cut -f 4
done | sort -u | tr '\n' ' ' > got
check 'stats --seed: each row comes by some seed' test "$(cat got)" = '0.375 0.5 0.75 '
matrix='attnviz stats -w maxima.npy --layout LHNM --colormap gray --plot-kind'
cells 'stats --plot-metric' '0.75 0.5 0.25 0' $matrix matrix -m row_sum,max --plot-metric max --vmin 0.5 --vmax 1 --plot
cells 'stats --plot-kind: a matrix of layers and heads' '1 0.6667 0.3333 0' $matrix matrix -m max --plot
prints 'stats --plot-kind: dots by depth' 'layer\n' sh -c 'attnviz stats -w maxima.npy --layout LHNM -m max --plot-kind depth --plot p.svg > out; grep -o ">layer<" p.svg | tr -d "<>"'

# weights.
array 'weights --rows' '0.375 0.625 0.4375 0.5625' cells.npy --rows 1:2
# Equal weights; norms of the values: 5 1, 10 13.
valued='-q even.npy -k even.npy -v values.npy'
array 'weights --value-norms' '2.5 0.5 2.5 0.5 5 6.5 5 6.5' $valued --value-norms
array 'weights --value: its output' '1.5 2.5 1.5 2.5 5.5 10 5.5 10' $valued --write output
array 'weights --write: norms of it' '2.9154759 2.9154759 11.4127122 11.4127122' $valued --write output-norm
# ln 2 + 1 / (2 sqrt 2).
array 'weights --write: sums of rows' '1.0467006 1.0467006 1.0467006 1.0467006' $valued --write lse
attnviz weights cells.npy --precision double -o double.npy
check 'weights --precision' test "$(od -An -v -t f8 -j 128 double.npy | tr -s ' \n' ' ')" = ' 0.125 0.875 0.375 0.625 0.25 0.75 0.4375 0.5625 '
attnviz weights cells.npy -o single.npy
check 'weights --output' test "$(od -An -v -t f4 -j 128 single.npy | tr -s ' \n' ' ')" = ' 0.125 0.875 0.375 0.625 0.25 0.75 0.4375 0.5625 '

# heatmap.
map='attnviz heatmap cells.npy --colormap gray --vmin 0 --vmax 1'
cells 'heatmap --reduce mean' '0.1875 0.8125 0.40625 0.59375' $map --reduce mean -o
cells 'heatmap --reduce max' '0.25 0.875 0.4375 0.625' $map --reduce max -o
cells 'heatmap --reduce none' '0.125 0.875 0.25 0.75 0.375 0.625 0.4375 0.5625' $map --reduce none -o
cells 'heatmap --rows' '0.375 0.625' $map -H 0 --rows 1:2 -o
cells 'heatmap --keys' '0.875 0.625' $map -H 0 --keys 1:2 -o
# 4/8 2/8 2/8 without the first key, and so on: 8 4 2 2 loses 8, 1 12 2 1 loses 1.
cells 'heatmap --skip-first' '0.5 0.25 0.8 0.1333 0.0667 0.2308 0.6154 0.1538 0.0909 0.3636 0.5455' attnviz heatmap four.npy --colormap gray --vmin 0 --vmax 1 --skip-first 1 -o
cells 'heatmap --value-norms' '0.25 0.05' attnviz heatmap $valued --value-norms -H 0 --colormap gray --vmin 0 --vmax 10 -o
cells 'heatmap --value: of the other head' '0.5 0.65' attnviz heatmap $valued --value-norms -H 1 --colormap gray --vmin 0 --vmax 10 -o
# 64 x 64 keys in cells of a page that has room for a few; ones on the diagonal.
{ i=0; while [ $i -lt 64 ]; do repeat $i printf '\0'; printf '\377'; repeat $((63 - i)) printf '\0'; i=$((i + 1)); done; } | npy eye.npy '|u1' '(64, 64)'
# pool HOW: the largest cell of 64 x 64 weights in fewer cells, each with several of the ones.
pool() { COLUMNS=40 LINES=60 attnviz heatmap eye.npy --pool "$1" --quiet | sed -n 's/.*@@ \([0-9.]*\) .*/\1/p'; }
prints 'heatmap --pool max' '1\n' pool max
check 'heatmap --pool mean: few of them are ones' sh -c 'awk "BEGIN { exit !($0 > 0 && $0 < 0.5) }"' "$(pool mean)"
check 'heatmap --pool sum: several are' sh -c 'awk "BEGIN { exit !($0 > 1 && $0 == int($0)) }"' "$(pool sum)"
printf '\304\240a\n\304\240b\n' > marked.txt
marks() { attnviz "$@" -t marked.txt --quiet 2> err | grep -c "$(printf '\304\240')"; }

# arcs: lines of weights.
printf '0 → 1 0.875, 0 0.125\n1 → 1 0.625, 0 0.375\n' > want
attnviz arcs cells.npy -H 0 --quiet | grep → > got
same 'arcs --head' got want
prints 'arcs --least' '0 → 1 0.875\n1 → 1 0.625\n' sh -c 'attnviz arcs cells.npy -H 0 --least 0.5 --quiet | grep →'
prints 'arcs --focus' '1 → 1 0.625, 0 0.375\n' sh -c 'attnviz arcs cells.npy -H 0 --focus 1 --quiet | grep →'
prints 'arcs --reduce mean' '0 → 1 0.812, 0 0.188\n1 → 1 0.594, 0 0.406\n' sh -c 'attnviz arcs cells.npy --reduce mean --quiet | grep →'
prints 'arcs --reduce max' '0 → 1 0.875, 0 0.25\n1 → 1 0.625, 0 0.438\n' sh -c 'attnviz arcs cells.npy --reduce max --quiet | grep →'
prints 'arcs --rows' '1 → 1 0.625, 0 0.375\n' sh -c 'attnviz arcs cells.npy -H 0 --rows 1:2 --quiet | grep →'
prints 'arcs --keys' '0 → 1 0.875\n1 → 1 0.625\n' sh -c 'attnviz arcs cells.npy -H 0 --keys 1:2 --quiet | grep →'

# text: what a query attends to, and what attends to a key.
told() { attnviz text --format html --quiet "$@" | grep -o 'title="[^"]*"' | sed 's/.*: //; s/"//' | tr '\n' ' '; }
prints 'text --focus' '0.188 0.188 0.5 0.125 ' told four.npy --focus 2
prints 'text --by' '0.25 0.75 0.188 0.0625 ' told four.npy --by 1
prints 'text --metric' '1.06 1.25 1 0.688 ' told four.npy --metric received
prints 'text --reduce mean' '0.406 0.594 ' told cells.npy --reduce mean
prints 'text --reduce max' '0.438 0.625 ' told cells.npy --reduce max
prints 'text --reduce none' '0.375 0.625 0.438 0.562 ' told cells.npy --reduce none
prints 'text --rows' '0.75 0.188 ' told four.npy --by 1 --rows 1:3
prints 'text --keys' '0.0625 0.25 ' told four.npy --keys 1:3

# rollout: one layer of two heads, rows of cells.npy.
follow() { attnviz rollout cells.npy --tsv "$@" --quiet | tail -n +2 | cut -f 3 | tr '\n' ' '; }
prints 'rollout --residual 0' '0.1875,0.8125 0.40625,0.59375 ' follow --residual 0
prints 'rollout --residual: three quarters' '0.796875,0.203125 0.1015625,0.8984375 ' follow --residual 0.75
prints 'rollout --tsv: a half without it' '0.59375,0.40625 0.203125,0.796875 ' follow
prints 'rollout --fusion max' '0.2222222222222222,0.7777777777777778 0.4117647058823529,0.5882352941176471 ' follow --residual 0 --fusion max
prints 'rollout --fusion min' '0.14285714285714285,0.8571428571428571 0.4,0.6 ' follow --residual 0 --fusion min
# The smallest of the four weights is 0.1875, in the first column.
prints 'rollout --discard: the smallest is spared' '0.1875,0.8125 0.40625,0.59375 ' follow --residual 0 --discard 0.25
prints 'rollout --discard: the two smallest' '0.1875,0.8125 1,0 ' follow --residual 0 --discard 0.75 --queries 0,1
prints 'rollout --keep-column: none' '0,1 0.40625,0.59375 ' follow --residual 0 --discard 0.25 --keep-column -1
prints 'rollout --rows' '0.40625,0.59375 ' follow --residual 0 --rows 1:2
prints 'rollout --queries' '0.40625,0.59375 ' follow --residual 0 --queries 1
# Two layers, (3/16, 13/16) and (7/16, 9/16) in each row: min(7, 3) + min(9, 3) and min(7, 13) + min(9, 13) sixteenths.
layers() { attnviz rollout -w maxima.npy --layout LHNM --residual 0 --tsv --queries 0 "$@" | tail -n 1 | cut -f 3; }
prints 'rollout --method flow' '0.375,1\n' layers --method flow
prints 'rollout --method rollout' '0.1875,0.8125\n' layers --method rollout
prints 'rollout --json' '{"query": 1, "token": null, "values": [0.40625, 0.59375]}\n' attnviz rollout cells.npy --residual 0 --json --queries 1
attnviz rollout cells.npy --residual 0 --npy > rollout.npy
prints 'rollout --npy' ' 0.1875 0.8125 0.40625 0.59375 ' sh -c 'od -An -v -t f8 -j 128 rollout.npy | tr -s " \n" " "'
# Means over heads of weight times norm, (5 + 10) / 4 and (1 + 13) / 4, divided by their sum.
prints 'rollout --value-norms' '0.5172413793103449,0.4827586206896552\n' sh -c "attnviz rollout $valued --residual 0 --value-norms --tsv --queries 0 | tail -n 1 | cut -f 3"
prints 'rollout --value: other values' '0.5172413793103449,0.4827586206896552\n' sh -c "attnviz rollout $valued --residual 0 --value-norms --tsv --queries 1 | tail -n 1 | cut -f 3"
# Relevance: the identity, and the mean over heads of the positive part of gradient times weight.
prints 'rollout --gradient' '1.1875,0.375 0,1.625 ' follow --gradient signs.npy

# align. The links of four.npy; rows are targets, columns sources.
links() { attnviz align four.npy --pharaoh --quiet "$@"; }
prints 'align --pharaoh' '0-0 1-1 2-2 3-3\n' links
prints 'align --base' '1-1 2-2 3-3 4-4\n' links --base 1
prints 'align --extract threshold' '0-0 0-3 1-1 2-2 3-3\n' sh -c 'attnviz align four.npy --pharaoh --extract threshold --threshold 0.3 | tr " " "\n" | sort | tr "\n" " " | sed "s/ $/\n/"'
prints 'align --threshold' '1-1\n' links --extract threshold --threshold 0.6
prints 'align --reversed' '0-0 3-0 1-1 2-2 3-3\n' links --extract threshold --threshold 0.3 --reversed
prints 'align --extract dtw' '0-0 1-0 1-1 1-2 2-2 2-3 3-3\n' links --extract dtw
prints 'align --rows' '1-1 2-2\n' links --rows 1:3
# Ties: Whisper takes the step in time, dtw-python the one along the tokens.
prints 'align --step whisper' '0-0 0-1 1-1\n' attnviz align even.npy -H 0 --extract dtw --pharaoh --quiet --step whisper
prints 'align --step symmetric1' '0-0 1-0 1-1\n' attnviz align even.npy -H 0 --extract dtw --pharaoh --quiet --step symmetric1
# 4/6, 12/14, 8/11, 4/5.
column 'align --keys: divided by what they hold' 1e-6 weight '0.6666667 0.8571429 0.7272727 0.8' attnviz align four.npy --keys 1:3
column 'align --reduce mean' 1e-6 weight '0.8125 0.59375' attnviz align cells.npy --reduce mean
column 'align --reduce max' 1e-6 weight '0.875 0.625' attnviz align cells.npy --reduce max
column 'align --reduce none: a head' 1e-6 weight '0.75 0.5625' attnviz align cells.npy --reduce none -H 1
named() { attnviz align four.npy --tsv -t abcd.txt "$@" | cut -f 4 | tail -n +2 | tr '\n' ' '; }
prints 'align --row-token own' 'a b c d ' named --row-token own
prints 'align --row-token next' 'b c d  ' named --row-token next
spans_of() { attnviz align four.npy --extract dtw --times --tsv "$@" | cut -f "$field" | tail -n +2 | tr '\n' ' '; }
field=3,4
prints 'align --times' '0\t1 1\t1 1\t2 2\t4 ' spans_of
field=6
prints 'align --frame-seconds' '0.5 0.5 1 2 ' spans_of --frame-seconds 0.5
for width in 1 3; do
	attnviz align w.npy -H 0 --extract whisper --median $width --tsv --quiet | cut -f 5 > median$width
done
check 'align --median: another map' sh -c '! cmp -s median1 median3 && [ "$(wc -l < median1)" -ge 5 ]'
# Links 0-0 1-1 2-2 3-3; with those of 0.3 also 0-3. precision of the sure and the possible, recall of the sure ones.
printf '0-0 1-1 2p2 3-0\n0-0 2-2\n' > gold
scores="attnviz align four.npy --gold gold --gold-line 0"
column 'align --gold' 1e-6 aer '0.2857143' $scores
column 'align --json' 1e-6 recall '0.6666667' $scores
prints 'align --json: an object' '"sure": 3, "precision": 0.75, "recall": 0.6666666666666666\n' sh -c "$scores --json | grep -o '\"sure\".*\"recall\": [0-9.]*'"
column 'align --possible-as-sure' 1e-6 aer '0.25' $scores --possible-as-sure
column 'align --all-sure: those with a mark stay possible' 1e-6 sure '3' $scores --all-sure
column 'align --gold-line' 1e-6 recall '1' attnviz align four.npy --gold gold --gold-line 1
column 'align --gold-reversed' 1e-6 precision '0.8' $scores --extract threshold --threshold 0.3 --gold-reversed
column 'align --gold-reversed: as it stands' 1e-6 precision '0.6' $scores --extract threshold --threshold 0.3
printf '1-1 2-2 3p3 4-1\n' > gold1
column 'align --gold-base' 1e-6 aer '0.2857143' attnviz align four.npy --gold gold1 --gold-base 1
printf '0-0 1-1\n0-0 2-2\n' > made
# 4 links, all of the gold; 5 sure ones.
column 'align --eval' 1e-6 recall '0.8' attnviz align --eval made gold
printf '0-0 1-0\n' > gold2
column 'align --rank-heads: by their error' 1e-6 focus '0.75 0.65625' attnviz align cells.npy --rank-heads --gold gold2
column 'align --tsv' 1e-6 weight '0.5 0.75 0.5 0.375' attnviz align four.npy
# The largest weight is white, and nothing is black.
cells 'align --style bahdanau' '0 1 0.3333 0.6667' attnviz align cells.npy -H 0 --extract threshold --threshold 1 --style bahdanau -o
{ printf 'RIFF\244\000\000\000WAVEfmt \020\000\000\000\001\000\001\000\100\037\000\000\100\037\000\000\001\000\010\000data\200\000\000\000'; repeat 64 printf '\000\377'; } > tone.wav
attnviz align four.npy -o quiet.png
check 'align --wav: the sound above the map' sh -c 'attnviz align four.npy --wav tone.wav --frame-seconds 0.002 -o loud.png && set -- $(./pixels quiet.png) $(./pixels loud.png) && [ $7 -gt $3 ]'

# overlay: over a white picture, rows of four.npy as 2 x 2 patches.
lay='attnviz overlay four.npy --image white.png --colormap gray --vmin 0 --vmax 1 --interpolation nearest'
full='--solid --opacity 1'
cells 'overlay --of' '0.3125 0.0625 0.25 0.375' $lay --grid 2x2 $full --of 3 -o
cells 'overlay --of: means over all' '0.265625 0.3125 0.25 0.171875' $lay --grid 2x2 $full -o
cells 'overlay --grid' '0.3125 0.0625 0.25 0.375' $lay --grid 1x4 $full --of 3 -o
cells 'overlay --grid: the last ones' '0.25 0.375' $lay --grid 1x2 $full --of 3 -o
cells 'overlay --patches' '0.0625 0.25' $lay --grid 1x2 --patches 1:3 $full --of 3 -o
cells 'overlay --over queries' '0.25 0.75 0.1875 0.0625' $lay --grid 2x2 --over queries $full --of 1 -o
two='attnviz overlay cells.npy --grid 1x2 --patches 0:2 --of 0 --image white.png --colormap gray --vmin 0 --vmax 1 --interpolation nearest --solid --opacity 1'
cells 'overlay --reduce mean' '0.1875 0.8125' $two --reduce mean -o
cells 'overlay --reduce max' '0.25 0.875' $two --reduce max -o
cells 'overlay --reduce none' '0.125 0.875 0.25 0.75' $two --reduce none -o
# Half of each layer is the identity: (3/16 13/16) below (7/16 9/16).
cells 'overlay --rollout' '0.453125 0.546875' attnviz overlay -w maxima.npy --layout LHNM --rollout --grid 1x2 --patches 0:2 --of 0 --image white.png --colormap gray --vmin 0 --vmax 1 --interpolation nearest $full -o
cells 'overlay --opacity' '0.65625 0.53125 0.625 0.6875' $lay --grid 2x2 --solid --opacity 0.5 --of 3 -o
cells 'overlay --opacity: six tenths' '0.5875 0.4375 0.55 0.625' $lay --grid 2x2 --solid --of 3 -o
cells 'overlay --image: a black one' '0.15625 0.03125 0.125 0.1875' attnviz overlay four.npy --image black.png --colormap gray --vmin 0 --vmax 1 --interpolation nearest --grid 2x2 --solid --opacity 0.5 --of 3 -o
cells 'overlay --solid: else as much as there is weight' '0.6157 0.7656 0.625 0.6173' $lay --grid 2x2 --opacity 1 --of 3 -o
attnviz overlay four.npy --image white.png --grid 2x2 $full --of 3 --interpolation nearest -o near.png
attnviz overlay four.npy --image white.png --grid 2x2 $full --of 3 --interpolation bicubic -o cubic.png
attnviz overlay four.npy --image white.png --grid 2x2 $full --of 3 --interpolation bilinear -o linear.png
check 'overlay --interpolation: patches, or none' sh -c '[ "$(./pixels near.png cells 200 | wc -l)" = 4 ] && [ "$(./pixels linear.png cells 200 | wc -l)" = 0 ]'
check 'overlay --interpolation bicubic' test "$(./pixels cubic.png)" != "$(./pixels linear.png)"
cells 'overlay --picture-first' '1 0.3125 0.0625 0.25 0.375' $lay --grid 2x2 $full --of 3 --picture-first -o
for columns in 1 4; do
	$lay --grid 2x2 --of 0,1,2,3 --columns $columns -o columns$columns.png
done
check 'overlay --columns' sh -c 'set -- $(./pixels columns1.png) $(./pixels columns4.png); [ $5 -gt $((2 * $1)) ] && [ $3 -gt $7 ]'
# The last patch has 6/16 of the weight, with the first it is 11/16.
cells 'overlay --mass-style dim' '0.3137 0.0157 0.0706 0.3765' $lay --grid 2x2 $full --of 3 --mass 0.5 --mass-style dim -o
cells 'overlay --mass: one patch' '0.0863 0.0157 0.0706 0.3765' $lay --grid 2x2 $full --of 3 --mass 0.3 --mass-style dim -o
for mass in 0.3 0.5; do
	$lay --grid 2x2 $full --of 3 --mass $mass -o mass$mass.png
done
$lay --grid 2x2 $full --of 3 -o unmarked.png
check 'overlay --mass: lines around other patches' sh -c '[ "$(./pixels mass0.3.png)" != "$(./pixels mass0.5.png)" ] && [ "$(./pixels mass0.3.png)" != "$(./pixels unmarked.png)" ]'

# compare: rows against halves; |.125 - .5| + |.875 - .5| and so on.
beside='attnviz compare -w cells.npy --other even.npy'
column 'compare --other' 1e-6 l1 '0.5 0.3125' $beside
column 'compare --per-row' 1e-6 l1 '0.75 0.25 0.5 0.125' $beside --per-row
column 'compare --rows' 1e-6 l1 '0.25 0.125' $beside --rows 1:2
prints 'compare --json' '"l1": 0.25, \n' sh -c "$beside --rows 1:2 -H 0 --json | grep -o '\"l1\": [^ ]* '"
prints 'compare --tsv' 'l1\n0.25\n' sh -c "$beside --rows 1:2 -H 0 --tsv | cut -f 6"
$beside --tsv -o compare.tsv
check 'compare --output' test "$(sed -n 2p compare.tsv | cut -f 6)" = 0.5
for seed in 0 1 2 3 4 5 6 7; do
	$beside --sample-rows 1 --seed $seed --tsv --quiet | sed -n 2p | cut -f 6
done | sort -u | tr '\n' ' ' > seeds
check 'compare --seed: each row comes by some seed' test "$(cat seeds)" = '0.25 0.75 '
column 'compare --sample-rows: all of them' 1e-6 l1 '0.5 0.3125' $beside --sample-rows 2
# The rows of B are equal: rank one.
column 'compare --cka: ranks' 1e-6 rank_b '1 1' $beside --cka
column 'compare --against softmax' 2e-6 l1 '0 0' attnviz compare -q even.npy -k even.npy --against softmax
column 'compare --against linear: equal vectors, equal weights' 2e-6 l1 '0 0' attnviz compare -q even.npy -k even.npy --against linear
attnviz weights -q q.npy -k k.npy -a linear --param feature=exp -o linear.npy
column 'compare --against-param' 1e-6 l1 '0 0' attnviz compare -q q.npy -k k.npy -a linear --param feature=exp --against linear --against-param feature=exp
attnviz compare -q q.npy -k k.npy -a linear --param feature=exp --against linear --tsv > elu
check 'compare --against-param: another feature' awk -F '\t' 'NR > 1 && !($6 > 0.01) { exit 1 }' elu
# What the diagonal alone keeps: the mean of its weights.
attnviz weights -q q.npy -k k.npy -o soft.npy
kept=$(od -An -v -w16 -t f4 -j 128 soft.npy | awk '{ sum += $((NR - 1) % 4 + 1) } NR % 4 == 0 { printf "%.7f ", sum / 4; sum = 0 }')
column 'compare --against-full' 1e-5 kept "$kept" attnviz compare -q q.npy -k k.npy --window 0,0 --against-full
column 'compare --value: errors of outputs' 1e-5 output_error '0 0' attnviz compare -q even.npy -k even.npy -v values.npy --against softmax
performer='attnviz compare -q q.npy -k k.npy -H 0 -a performer'
column 'compare --features' 1e-6 features '4 16' $performer --features 4,16
column 'compare --seeds' 1e-6 seeds '3 3' $performer --features 4,16 --seeds 3
$performer --features 16 --seeds 1 --tsv | cut -f 6 > one
$performer --features 16 --seeds 4 --tsv | cut -f 6 > four
check 'compare --seeds: a mean over more drawings' sh -c '! cmp -s one four'

# blocks.
evict() { attnviz blocks four.npy --show evict --quiet --tsv "$@"; }
policy() { evict "$@" | awk -F '\t' -v policy="$policy" 'NR == 1 || $4 == policy'; }
policy=streaming
column 'blocks --sinks' 1e-6 kept '0.6875' policy -c --budget 2 --sinks 1
column 'blocks --sinks: two' 1e-6 kept '0.375' policy -c --budget 2 --sinks 2
policy=snapkv
column 'blocks --observe' 1e-6 kept '0.75' policy -c --budget 3 --observe 1
column 'blocks --observe: two' 1e-6 kept '0.9375' policy -c --budget 3 --observe 2
policy=best
column 'blocks --budget' 1e-6 kept '0.375' policy --budget 1
column 'blocks --budget: three' 1e-6 kept '0.9375' policy --budget 3
column 'blocks --measure' 1e-6 kept '0.75' policy --budget 2 --measure 4
column 'blocks --measure: two' 1e-6 kept '0.6875' policy --budget 2 --measure 2
head_of() { attnviz blocks cells.npy --show evict --budget 1 --quiet "$@" | awk -F '\t' 'NR == 1 || $4 == "best"'; }
column 'blocks --key-heads: one' 1e-6 key_head_kept '0.59375 0.59375' head_of --key-heads 1
column 'blocks --key-heads: two' 1e-6 key_head_kept '0.625 0.5625' head_of --key-heads 2
column 'blocks --block-size' 1e-6 mass '0.578125 0.421875' attnviz blocks four.npy --show blocks --block-size 2
column 'blocks --block-size: three' 1e-6 mass '0.828125 0.171875' attnviz blocks four.npy --show blocks --block-size 3
column 'blocks --show' 1e-6 last '0.375 0.625' attnviz blocks four.npy --show blocks --block-size 2
prints 'blocks --json' '"mass": 0.828125, \n"mass": 0.171875, \n' sh -c 'attnviz blocks four.npy --show blocks --block-size 3 --json | grep -o "\"mass\": [^ ]* "'
attnviz blocks four.npy --show blocks --block-size 3 --tsv -o blocks.tsv
prints 'blocks --tsv' '0.828125\n0.171875\n' sh -c 'attnviz blocks four.npy --show blocks --block-size 3 --tsv | tail -n +2 | cut -f 9'
check 'blocks --output' test "$(sed -n 2p blocks.tsv | cut -f 9)" = 0.828125

# flash. Four queries and keys of four dims.
tiles() { attnviz flash -q q.npy -k k.npy -H 0 --quiet "$@"; }
column 'flash --block-rows' 1e-6 tiles '8' tiles --block-rows 2 --block-keys 1
column 'flash --block-keys' 1e-6 tiles '4' tiles --block-rows 2 --block-keys 3
# ceil(M / 4 d) with M numbers of four bytes, and min(that, d).
column 'flash --sram' 1e-6 block_keys '3' tiles --sram 192
column 'flash --element-size' 1e-6 peak_standard '32' tiles --element-size 2
column 'flash --element-size: that of the queries' 1e-6 peak_standard '64' tiles
attnviz weights -q q.npy -k k.npy -H 0 --write lse -o lse.npy
column 'flash --trace' 1e-5 lse "$(od -An -v -t f4 -j 128 lse.npy | tr -s ' \n' ' ' | cut -d ' ' -f 3-4)" tiles --trace 1:3
prints 'flash --json' '"tiles": 8, \n' sh -c 'attnviz flash -q q.npy -k k.npy -H 0 --block-rows 2 --block-keys 1 --json | grep -o "\"tiles\": [^ ]* "'
tiles --block-rows 2 --block-keys 1 --tsv -o flash.tsv
check 'flash --output' test "$(sed -n 2p flash.tsv | cut -f 6)" = 8
prints 'flash --tsv' 'tiles\n8\n' sh -c 'attnviz flash -q q.npy -k k.npy -H 0 --block-rows 2 --block-keys 1 --tsv | cut -f 6'
# Logits are all 1 / (2 sqrt 2); the logarithms of the sums of one and of two keys are 0 and 0.693.
draw='attnviz flash -q even.npy -k even.npy -H 0 --block-rows 1 --block-keys 1 --colormap gray --vmin 0 --vmax 2'
cells 'flash --draw sum' '0 0.3466' $draw --draw sum --plot
cells 'flash --draw maximum' '0.1768' $draw --draw maximum --plot

# ring.
ring() { attnviz ring --tsv "$@"; }
prints 'ring --length' 'pairs\n16\n16\n16\n16\n' sh -c 'attnviz ring --tsv -n 8 -P 2 | cut -f 4'
column 'ring --ranks' 1e-6 pairs '64' attnviz ring -n 8 --ranks 1
column 'ring --order' 1e-6 shard '0 1 1 0' attnviz ring -n 8 -P 2 --order rotating
column 'ring --order ascending' 1e-6 shard '0 1 0 1' attnviz ring -n 8 -P 2 --order ascending
column 'ring --ring-layout contiguous' 1e-6 pairs '10 0 16 10' attnviz ring -n 8 -P 2 -c --ring-layout contiguous
# Queries 0 2 4 6 and 1 3 5 7, keys 0 to 3 and 4 to 7.
column 'ring --ring-layout striped' 1e-6 pairs '12 4 14 6' attnviz ring -n 8 -P 2 -c --ring-layout striped
# Four tokens of keys and values, twice as much for two heads, eight numbers of two bytes.
bytes_of() { attnviz ring -n 8 -P 2 --totals --ring-layout striped "$@"; }
column 'ring --totals' 1e-6 critical '32 32 32' attnviz ring -n 8 -P 2 --totals
column 'ring --dim' 1e-6 sent_bytes '256 256 256' bytes_of --dim 8
column 'ring --key-heads' 1e-6 sent_bytes '4096 4096 4096' bytes_of --key-heads 2
column 'ring --element-bytes' 1e-6 sent_bytes '1024 1024 1024' bytes_of --element-bytes 2
prints 'ring --json' '"pairs": 64}\n' sh -c 'attnviz ring -n 8 -P 1 --json | grep -o "\"pairs\".*"'
attnviz ring -n 8 -P 1 --tsv -o ring.tsv
check 'ring --output' test "$(sed -n 2p ring.tsv | cut -f 4)" = 64
prints 'ring --tsv' '0\t0\t0\t64\n' sh -c 'attnviz ring -n 8 -P 1 --tsv | tail -n 1'
attnviz ring -n 8 -P 2 --show pairs > ring.txt
check 'ring --show' grep -q 'unmasked pairs' ring.txt
refuse 'ring --show: seconds are measured' 2 'is measured' attnviz ring -n 8 -P 2 --show compute

# info.
check 'info --no-checks: rows of NaN are found without it' sh -c 'attnviz info hole.npy --json | grep -q "\"severity\": \"error\""; attnviz info hole.npy --no-checks --json > out 2>&1 && ! grep -q severity out'
prints 'info --json' '"shape": [2, 4, 4], "role": "weights"\n' sh -c 'attnviz info w.npy --json | grep -o "\"shape.*weights\""'
prints 'info --tsv' 'w.npy\tnpy\tw\tfloat32\t(2, 4, 4)\tweights\t\tHNM\n' sh -c 'attnviz info -w w.npy --tsv | sed -n 2p'
attnviz info -w w.npy --tsv -o info.tsv
check 'info --output' sh -c 'sed -n 2p info.tsv | grep -q "^w.npy"'
# The weights of other queries are not those.
distance() { attnviz info -q q.npy -k k.npy --verify-weights "$1" --json | sed -n 's/.*"settings": "", "max_abs": \([^,]*\).*/\1/p'; }
check 'info --verify-weights' sh -c 'awk "BEGIN { exit !($1 < 1e-6 && $2 > 0.1) }"' - "$(distance w.npy)" "$(distance w2.npy)"

# Marks of sub-words in what shows tokens.
mark=$(printf '\304\240')
for command in 'heatmap cells.npy -H 0' 'text cells.npy' 'arcs cells.npy -H 0' 'align cells.npy -H 0 --tsv' 'rollout cells.npy --tsv' 'stats cells.npy -m max --per-row --tsv' 'overlay cells.npy --image white.png --grid 1x2 --patches 0:2 --of 1 -H 0'; do
	attnviz $command -t marked.txt --quiet > plain
	attnviz $command -t marked.txt --raw-tokens --quiet > raw
	check "${command%% *} --raw-tokens" sh -c '! grep -q "$1" plain && grep -q "$1" raw' - "$mark"
done

# What is said on the side, in every command, and is not with --quiet.
for command in heatmap text 'stats -m max' 'weights -o /dev/null' 'align -H 0' 'arcs -H 0' 'overlay --image white.png --grid 1x2 -H 0' 'compare --against linear' 'blocks --show blocks' flash info; do
	note "${command%% *} --quiet" 'causal mask aligned' attnviz $command -q q_last.npy -k k.npy --causal
done
