# SPDX-License-Identifier: MIT
# attnviz ring: the schedule of Ring Attention.
. "$ROOT/tests/cli/lib.sh"
export LC_ALL=C
tab=$(printf '\t')

# critical LAYOUT: pairs on the critical path of 8 tokens on 4 ranks, as the worked example has them.
totals() {
	"$ATTNVIZ" ring -n 8 -P 4 --causal --order rotating --totals --tsv | cut -f 1,5,8
}
totals > out
printf 'layout\tcritical\tefficiency\ncontiguous\t15\t0.6\nstriped\t12\t0.75\nzigzag\t9\t1\n' > want
same "critical paths of the worked example" out want

"$ATTNVIZ" ring -n 8 -P 4 --causal --order rotating --tsv > out
{
	printf 'rank\tstep\tshard\tpairs\n'
	for rank in 0 1 2 3; do
		for step in 0 1 2 3; do
			echo "$rank$tab$step$tab$(((rank - step + 4) % 4))$tab$((step == 0 ? 3 : 2))"
		done
	done
} > want
same "zigzag is the layout of rotating shards, and level" out want

"$ATTNVIZ" ring -n 65536 -P 4 --causal --json > out
check "a line a rank and step" test "$(wc -l < out)" = 16
check "in ascending order all ranks have shard s in step s" test "$(grep -c '"step": *2, *"shard": *2,' out)" = 4
"$ATTNVIZ" ring -n 1000 -P 4 --dim 16 --key-heads 2 --element-bytes 2 --totals --tsv | sed -n 2p | cut -f 9 > out
echo $((750 * 2 * 2 * 16 * 2)) > want
same "bytes of the keys and values of three quarters of the tokens" out want

expect "text" 0 "$ATTNVIZ" ring -n 100 --causal
check "the caption tells the critical path" grep -q 'critical path' out
for suffix in png svg pdf; do
	expect "a picture as $suffix" 0 "$ATTNVIZ" ring -n 100 --causal --plot "picture.$suffix"
	check "picture.$suffix is there" test -s "picture.$suffix"
done
refuse "without a length" 2 "how many tokens" "$ATTNVIZ" ring
refuse "two formats" 2 "--json or --tsv" "$ATTNVIZ" ring -n 8 --json --tsv
refuse "times without a run" 2 "is measured" "$ATTNVIZ" ring -n 8 --show wait
refuse "too many to count" 1 "too large to count" "$ATTNVIZ" ring -n 900000000000 -P 4096 --causal
