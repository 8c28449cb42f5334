# SPDX-License-Identifier: MIT
# attnviz align.
. "$ROOT/tests/cli/lib.sh"
sample=$ROOT/samples/transformer
cross="--reduce mean --row-token own -q $sample/dec1_cross_q.npy -k $sample/dec1_cross_k.npy --query-tokens $sample/q_tokens.txt --key-tokens $sample/k_tokens.txt"

# Links: t-r-a-n-s-f-o-r-m-e-r to T R AE N S F AO R M ER </s>.
"$ATTNVIZ" align $cross --pharaoh > links
echo "0-0 1-1 2-2 4-3 4-4 5-5 7-6 8-7 8-8 10-9 10-10" > want
same "links by argmax" links want
"$ATTNVIZ" align $cross --pharaoh --base 1 --reversed > links
echo "1-1 2-2 3-3 4-5 5-5 6-6 7-8 8-9 9-9 10-11 11-11" | tr ' ' '\n' | sort -t - -k 2n -k 1n > want.lines
tr ' ' '\n' < links | sort -t - -k 2n -k 1n > got.lines
same "links that count from one, target first" got.lines want.lines
"$ATTNVIZ" align $cross --tsv > rows
check "a row for each link, with its tokens" test "$(sed -n 5p rows | cut -f 1-4 | tr '\t' ' ')" = "4 3 s N"
expect "the path in time" 0 "$ATTNVIZ" align $cross --extract whisper --frame-seconds 0.02 --times --tsv
check "times follow each other without a gap" awk -F '\t' 'NR > 2 && $3 != end { exit 1 } NR > 1 { end = $4 }' out
check "the last token ends with the last frame" test "$(tail -n 1 out | cut -f 6)" = 0.24

# Scores.
printf '1-1 2-2 3-3 5-4 5-5 6p6 8-7 9-8 9-9 11-10\n' > gold
expect "a dump against gold" 0 "$ATTNVIZ" align $cross --gold gold --gold-base 1 --json
check "the scores are right" grep -q '"links": 11, "gold": 10, "sure": 9, "precision": 0.9090909090909091, "recall": 1,' out
"$ATTNVIZ" align $cross --pharaoh > links
"$ATTNVIZ" align --eval links gold --gold-base 1 --json > again
same "the same from files" again out
expect "a base that looks wrong" 0 "$ATTNVIZ" align --eval links gold --json
check "is pointed out" grep -q "gold: no link has an index 0: does it count from 1 (--gold-base 1)?" err
expect "every head by itself" 0 "$ATTNVIZ" align "$sample"/*_q.npy "$sample"/*_k.npy --rank-heads --gold gold --gold-base 1 --tsv
check "the best comes first" awk -F '\t' 'NR > 2 && $2 == 1 && $5 < last { exit 1 } { last = $5 }' out
check "twelve heads, and those that do better together" test "$(wc -l < out)" -ge 13

# Published figures.
published=${ATTNVIZ_SHARED:-$ROOT/../shared}/data/external/alignment/awesome-align
if [ -d "$published" ]; then
	for pair in enfr:0.0407 roen:0.2075 jaen:0.3736 zhen:0.1331; do
		name=${pair%:*}
		"$ATTNVIZ" align --eval "$published/$name.awesome-align.out" "$published/$name.gold" --base 0 --gold-base 1 --all-sure --json > out
		check "published error rate of $name" test "$(sed 's/.*"aer": //; s/,.*//' out | awk '{ printf "%.4f", $1 }')" = "${pair#*:}"
	done
else
	for pair in enfr roen jaen zhen; do
		echo "skip published error rate of $pair: the published alignments are not here"
	done
fi

# Pictures.
expect "a picture" 0 "$ATTNVIZ" align $cross -o align.png
expect "a text picture" 0 "$ATTNVIZ" align $cross --extract dtw
check "with both token lists" grep -q "AO" out

# Bad input.
printf '0-0 1-x\n' > broken
refuse "a word that is no link" 1 "broken: line 1: '1-x' is not a link" "$ATTNVIZ" align --eval broken broken
refuse "an index below the base" 1 "has an index 0, but the file was said to count from 1" "$ATTNVIZ" align --eval links links --base 1
: > empty
refuse "an empty gold file" 1 "there are no gold links" "$ATTNVIZ" align --eval empty empty
printf '0-0\n0-0\n' > two
refuse "files of different length" 1 "one line a sentence pair in both" "$ATTNVIZ" align --eval two gold
printf '0-0 12-1\n' > outside
refuse "gold outside the map" 1 "is the base right" "$ATTNVIZ" align $cross --gold outside
refuse "several gold lines" 2 "--gold-line" "$ATTNVIZ" align $cross --gold two
refuse "an even filter" 2 "is odd" "$ATTNVIZ" align $cross --extract whisper --median 4
refuse "times without a path" 2 "--extract whisper or dtw" "$ATTNVIZ" align $cross --times
refuse "one file to evaluate" 2 "--eval takes two files" "$ATTNVIZ" align --eval links
refuse "a gold file that is not there" 1 "nowhere" "$ATTNVIZ" align --eval links nowhere
