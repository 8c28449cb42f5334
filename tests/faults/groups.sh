# SPDX-License-Identifier: MIT
# Section 3, groups of tokens (24, 25), and 7: what --words, --hide and --spans act on, and that they agree with the definition.
. "$ROOT/tests/faults/lib.sh"

# holds FILE TOLERANCE VALUE...: the float32 .npy array has these values, in this order.
holds() {
	tail -c +129 "$1" | od -An -v -t f4 -w4 > got
	tolerance=$2
	shift 2
	printf '%s\n' "$@" > want
	[ "$(wc -l < got)" = $# ] && paste got want | awk -v t="$tolerance" '{ d = $1 - $2; if (d > t || d < -t) exit 1 }'
}

# agrees NAME COMMAND...: the array in float32 tiles is that of the definition, within 1e-6.
agrees() {
	name=$1
	shift
	if "$@" --precision single -o single.npy 2> err && "$@" --precision double -o double.npy 2>> err; then
		tail -c +129 single.npy | od -An -v -t f4 -w4 > single
		tail -c +129 double.npy | od -An -v -t f8 -w8 > double
		[ -s single ] && [ "$(wc -l < single)" = "$(wc -l < double)" ] &&
			paste single double | awk '{ d = $1 - $2; if (!(d <= 1e-6 && d >= -1e-6)) exit 1 }'
		check "$name" test $? = 0
	else
		echo "not ok $name: failed"
		sed 's/^/  stderr: /' err
	fi
}

enter 24-words-with-hide
for order in "--words --hide special" "--hide special --words"; do
	attnviz weights attn.npy -t tokens.txt $order -o w.npy
	holds w.npy 2e-6 0.563599431 0.0308934912 0.385587724 0.312474282
	check "weights $order" test $? = 0
done
for command in "stats -m gini" "weights -o o.npy" "heatmap -o o.png" "arcs -o o.svg" "rollout -o o.npy" "blocks" "compare --against uniform" "info"; do
	attnviz ${command%% *} attn.npy -t tokens.txt --words --hide special $(expr "$command" : '[a-z]*\(.*\)') > out 2> err
	status=$?
	check "$command ends by itself" test $status -lt 3
done
printf 'subject 0 3\nobject 3 5\n' > spans
for order in "--words --hide special --spans spans --by-span" "--spans spans --by-span --hide special --words"; do
	expect "$order" 0 attnviz weights attn.npy -t tokens.txt $order -o w.npy
done
refuse "everything hidden word by word" 2 "nothing remains" attnviz stats attn.npy -t tokens.txt --words --hide . -m gini

enter 25-words-on-one-axis
attnviz weights attn.npy --key-tokens text.txt --words -o w.npy
tail -c +129 w.npy | od -An -v -t f4 -w4 | head -n 2 | awk 'NR == 1 { d = $1 - 0.417107484 } NR == 2 { d = $1 - 0.582892516 } { if (d > 2e-6 || d < -2e-6) exit 1 }'
check "words of the keys alone" test $? = 0
expect "drawn too" 0 attnviz heatmap attn.npy --key-tokens text.txt --words -o w.svg
check "by their names" grep -q raccoon w.svg
expect "tokens of the keys left out" 0 attnviz weights attn.npy --key-tokens text.txt --hide '^a$' -o hidden.npy
check "leave a key less" sh -c "attnviz info hidden.npy 2> /dev/null | grep -q ' 2'"
refuse "words without any tokens" 2 "--words needs the tokens of the queries or the keys" attnviz heatmap attn.npy --words -o x.png
refuse "hidden without any tokens" 2 "--hide needs the tokens of the queries or the keys" attnviz heatmap attn.npy --hide a -o x.png
printf 'noun 1 3\n' > spans
attnviz weights attn.npy --key-tokens text.txt --spans spans --by-span -o w.npy
tail -c +129 w.npy | od -An -v -t f4 -w4 | head -n 1 | awk '{ d = $1 - 0.582892516; if (d > 2e-6 || d < -2e-6) exit 1 }'
check "spans of the axis that has tokens" test $? = 0
attnviz weights attn.npy --key-spans spans --by-span -o k.npy
check "or that is named" cmp w.npy k.npy
expect "bands at one axis" 0 attnviz heatmap attn.npy --key-spans spans -o x.svg
check "with their name" grep -q noun x.svg
expect "masses of one axis" 0 attnviz stats attn.npy --key-spans spans --tsv
check "name the queries by number" test "$(sed -n 2p out | cut -f 4,5)" = "$(printf '0\tnoun')"
refuse "both and one" 2 "without --query-spans and --key-spans" attnviz stats attn.npy --spans spans --key-spans spans
printf 'noun 1 4\n' > long
refuse "beyond the axis" 1 "ends at 4, but there are 3 keys" attnviz stats attn.npy --key-spans long
printf 'a\nb\nc\n' > plain
note "words where nothing is merged" "--words merged nothing" attnviz stats attn.npy --key-tokens plain --words -m gini
note "nothing hidden" "--hide leaves nothing out" attnviz stats attn.npy --key-tokens plain --hide x -m gini
attnviz heatmap attn.npy --key-tokens plain --words -o x.svg 2> err
check "no caption speaks of words then" sh -c "! grep -q merged x.svg"

# Tiles agree with the definition: groups, masks, one axis, fewer queries than keys, heads that share keys.
genesis=$ROOT/samples/genesis
cd "$scratch"
dump="-q $genesis/L3_q.npy -k $genesis/L3_k.npy"
printf 'one 0 20\ntwo 30 31\nrest 31 64\n' > spans
for mask in "" "--causal" "--causal --window 9" "--key-begin 5 --causal" "--chunk 16"; do
	for groups in "--words" "--hide [aeiou]" "--hide ^[.,;]$ --words" "--spans spans --by-span" "--words --spans spans --by-span"; do
		agrees "$groups $mask" attnviz weights $dump -t $genesis/tokens.txt $mask $groups
	done
done

# Spans move with the groups that they count.
attnviz heatmap $dump --causal --head 0 -t $genesis/tokens.txt --words --spans spans -o words.svg
check "spans beside words" grep -q ">rest<" words.svg
