# SPDX-License-Identifier: MIT
# attnviz compare: what it prints and draws, and what it refuses.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
export LC_ALL=C

# column NAME FILE: the values of a TSV column, one a line.
column() {
	awk -v name="$1" -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next } { print $at }' "$2"
}
# says NAME FILE COLUMN VALUES: the column holds these.
says() {
	got=$(column "$3" "$2" | tr '\n' ' ')
	if [ "$got" = "$4 " ]; then echo "ok $1"; else echo "not ok $1: $3 is $got, wanted $4"; fi
}

# Two maps that are known: KL((1/2 1/2) || (1/4 3/4)) = ln 2 - ln 3 / 2 in the second row.
floats 1 0  0.25 0.75 | npy a.npy '<f4' '(2, 2)'
floats 1 0  0.5 0.5 | npy b.npy '<f4' '(2, 2)'
expect "two files" 0 "$ATTNVIZ" compare a.npy --other b.npy --tsv -o ab.tsv
says "largest difference" ab.tsv max_abs 0.25
says "sum of differences" ab.tsv l1 0.25
says "argmax agreement, the first of equals" ab.tsv top1 0.5
says "frobenius" ab.tsv rel_fro 0.28867513459481287
expect "a line a query" 0 "$ATTNVIZ" compare a.npy --other b.npy --per-row --json -o rows.json
check "divergence of a query" grep -q '"query": 1, .*"kl": 0.1438410362' rows.json
expect "a map against itself" 0 "$ATTNVIZ" compare a.npy --other a.npy --tsv -o aa.tsv
says "no difference" aa.tsv rel_fro 0
says "no divergence" aa.tsv kl 0
expect "a pattern of files" 0 "$ATTNVIZ" compare "$samples"/animal/*_[qk].npy --other "$samples/animal/*_[qk].npy" --tsv -o same.tsv
says "every head is itself" same.tsv js "$(column js same.tsv | sed 's/.*/0/' | tr '\n' ' ' | sed 's/ $//')"

# Shorter contexts.
expect "a window" 0 "$ATTNVIZ" compare "$samples"/genesis/*_[qkv].npy --layer 1 --head 0-1 --causal --window 7,0 --against-full --tsv -o window.tsv
"$ATTNVIZ" compare "$samples"/genesis/*_[qkv].npy --layer 1 --head 0-1 --causal --window 63,0 --against-full --tsv -o wide.tsv
says "a window as long as the text keeps all" wide.tsv kept "1 1"
says "and costs nothing" wide.tsv output_error "0 0"
expect "what is cut off is lost" 0 "$ATTNVIZ" compare "$samples"/genesis/*_[qkv].npy --layer 1 --head 0 --causal --key-begin 5 --against-full --tsv -o cut.tsv
says "rows that see nothing" cut.tsv lost_rows 5

# Pictures and drawings.
expect "differences as a picture" 0 "$ATTNVIZ" compare "$samples"/genesis/*_[qk].npy --layer 1 --causal -a linear --against softmax --plot d.png -o d.txt
check "the picture is a PNG" sh -c 'head -c 4 d.png | grep -q PNG'
for threads in 1 4; do
	"$ATTNVIZ" compare "$samples"/genesis/*_[qkv].npy --causal -a linear --against softmax --json -j $threads > t$threads.json
done
same "any number of threads" t4.json t1.json
expect "errors of random features" 0 "$ATTNVIZ" compare "$samples"/genesis/*_[qk].npy --layer 0 --head 0 -a performer --scale-factor 0.02 --features 16,256,4096 --seeds 3 --tsv \
	--plot f.svg -o f.tsv
slope=$(column slope f.tsv | tail -n 1)
check "the slope is near -1/2" awk -v s="$slope" 'BEGIN { exit !(s > -0.6 && s < -0.4) }'
expect "CKA" 0 "$ATTNVIZ" compare a.npy --other a.npy --cka --tsv -o cka.tsv
says "CKA of a map with itself" cka.tsv cka 1

refuse "nothing to hold against" 2 "no second attention to compare with" "$ATTNVIZ" compare a.npy
refuse "two things to hold against" 2 "no second attention to compare with" "$ATTNVIZ" compare a.npy --other b.npy --against softmax
refuse "other shapes" 1 "do not fit" "$ATTNVIZ" compare a.npy --other "$samples/animal/*_[qk].npy"
refuse "no such file" 1 "no such file" "$ATTNVIZ" compare a.npy --other nowhere.npy
refuse "contexts of weights" 2 "only a softmax has a log-sum-exp" "$ATTNVIZ" compare a.npy --against-full
refuse "an unknown mechanism" 2 "unknown mechanism 'exact'" "$ATTNVIZ" compare "$samples"/animal/*_[qk].npy --against exact
refuse "features that are no numbers" 2 "--features 16,x" "$ATTNVIZ" compare "$samples"/genesis/*_[qk].npy -a performer --features 16,x
