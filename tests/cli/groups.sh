# SPDX-License-Identifier: MIT
# Words, hidden tokens and spans.
. "$ROOT/tests/cli/lib.sh"
genesis=$ROOT/samples/genesis
dump="-q $genesis/L3_q.npy -k $genesis/L3_k.npy --causal --head 3"
tokens="-t $genesis/tokens.txt"

# rows FILE: the float32 rows of an .npy array of 1 x N x N, a number a line.
numbers() {
	tail -c +129 "$1" | od -An -v -t f4 -w4
}

# The groups, summed by hand from the weights themselves: tokens 0-19, 20-63.
printf 'day one\t0\t20\nrest\t20\t64\n' > spans
"$ATTNVIZ" weights $dump -o all.npy
"$ATTNVIZ" weights $dump --spans spans --by-span -o spans.npy
numbers all.npy | awk '{ i = int((NR - 1) / 64); j = (NR - 1) % 64; sum[i >= 20, j >= 20] += $1 }
	END { print sum[0, 0] / 20, sum[0, 1] / 20, sum[1, 0] / 44, sum[1, 1] / 44 }' > want
numbers spans.npy | awk '{ printf "%s%g", (NR > 1 ? " " : ""), $1 } END { print "" }' > got
paste want got | awk '{ for (i = 1; i <= 4; i++) { d = $i - $(i + 4); if (d > 1e-6 || d < -1e-6) exit 1 } }'
check "span masses are means of sums" test $? = 0
"$ATTNVIZ" stats $dump --spans spans --tsv > masses
check "stats prints them by name" test "$(sed -n 4p masses | cut -f 4,5)" = "$(printf 'rest\tday one')"
expect "a heatmap with the spans at its axes" 0 "$ATTNVIZ" heatmap $dump $tokens --spans spans -o spans.svg
check "names them" grep -q "day one" spans.svg
expect "a grid with them" 0 "$ATTNVIZ" heatmap -q "$genesis/L3_q.npy" -k "$genesis/L3_k.npy" --causal --spans spans -o grid.png

# Words: "beg" + "in" + "n" + "ing" become one.
expect "words" 0 "$ATTNVIZ" heatmap $dump $tokens --words -o words.svg
check "are joined" grep -q "beginning" words.svg
check "and the caption says how" grep -q "sub-words merged" words.svg
"$ATTNVIZ" weights $dump $tokens --words -o words.npy
words=$(numbers words.npy | wc -l | awk '{ print sqrt($1) }')
numbers words.npy | awk -v n="$words" '{ sum += $1 } NR % n == 0 { if (sum < 0.999999 || sum > 1.000001) exit 1; sum = 0 }'
check "rows of words still sum to 1" test $? = 0
expect "statistics of words" 0 "$ATTNVIZ" stats $dump $tokens --words --tsv

# Hidden tokens.
"$ATTNVIZ" weights $dump $tokens --hide '^[.,;]$' -o some.npy
hidden=$(grep -c '^ *[.,;]$' "$genesis/tokens.txt")
check "what matches is left out" test "$(numbers some.npy | wc -l)" = $(((64 - hidden) * (64 - hidden)))
check "the first weight is the same" test "$(numbers some.npy | sed -n 1p)" = "$(numbers all.npy | sed -n 1p)"
expect "the caption counts them" 0 "$ATTNVIZ" heatmap $dump $tokens --hide '^[.,;]$'
tr "\n" " " < out > line
check "on both axes" grep -q "$hidden queries and $hidden keys hidden" line

refuse "words without tokens" 2 "--words needs the tokens" "$ATTNVIZ" heatmap $dump --words -o x.png
refuse "a broken expression" 2 "--hide [" "$ATTNVIZ" heatmap $dump $tokens --hide '[' -o x.png
refuse "everything hidden" 2 "nothing remains" "$ATTNVIZ" heatmap $dump $tokens --hide . -o x.png
refuse "spans by span without a file" 2 "--by-span needs --spans" "$ATTNVIZ" heatmap $dump --by-span -o x.png
printf 'a 0 65\n' > long
refuse "a span beyond the keys" 1 "ends at 65, but there are 64 keys" "$ATTNVIZ" heatmap $dump --spans long -o x.png
refuse "a line that is no span" 1 "is no span" "$ATTNVIZ" heatmap $dump --spans "$genesis/tokens.txt" -o x.png
check "nothing is left behind" test ! -e x.png
