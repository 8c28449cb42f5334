# SPDX-License-Identifier: MIT
# Masks, padding, weights that are no attention, and options that cannot act.
. "$ROOT/tests/faults/lib.sh"
. "$ROOT/tests/support/arrays.sh"

# A mask with fewer columns than there are keys.
enter 11-tree-mask
refuse "a mask with fewer columns than keys" 1 "has 4 columns for 11 keys" attnviz stats q.npy k.npy --mask mask.npy -m entropy
column "on the last keys" 2e-5 entropy "1.18003018 1.0387136" attnviz stats q.npy k.npy --mask mask.npy --mask-keys last -m entropy
column "on the first keys" 2e-5 entropy "0.348287151 0.345492502" attnviz stats q.npy k.npy --mask mask.npy --mask-keys first -m entropy
column "on the last keys, with the letters" 2e-5 entropy "1.18003018 1.0387136" attnviz stats q.npy k.npy --mask mask.npy --mask-keys last --layout mask=NM -m entropy
for command in heatmap arcs rollout; do
	refuse "$command says both sizes" 1 "4 columns for 11 keys" attnviz $command q.npy k.npy --mask mask.npy -o x.svg
	check "$command leaves no file" test ! -e x.svg
done
refuse "--mask-keys without a mask" 2 "--mask-keys cannot change anything" attnviz stats q.npy k.npy --mask-keys last -m entropy
bytes 1 1 1 1 1 1 1 1 1 1 1 | npy whole.npy '|b1' '(1, 11)'
refuse "--mask-keys where every key has its column" 2 "speaks of every key already" attnviz stats q.npy k.npy --mask whole.npy --mask-keys first -m entropy
bytes 1 0 1 1 | npy column.npy '|b1' '(4, 1)'
attnviz stats q.npy k.npy --mask column.npy -m max --per-row --head 0 --tsv > out
attnviz stats q.npy k.npy -m max --per-row --head 0 --tsv > plain
check "one column stands for all keys" awk -F '\t' 'FNR > 1 && NR == FNR { want[$4] = $5 } NR > FNR && FNR > 1 { n++; if ($4 == 1 ? $5 == want[1] : $5 != want[$4]) exit 1 } END { exit n != 4 }' plain out
# A bias as well: what the columns do not reach is hidden, or has nothing added.
floats 0.5 0 0 0 0.5 1 0 0 0 0 2 0 0 0.25 0 0 | npy bias.npy '<f4' '(4, 4)'
floats 0 0 0 0 0 0 0 0.5 0 0 0 0 0 0 0 0 0 0 0.5 1 0 0 0 0 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0 0 0 0.25 0 0 | npy wide.npy '<f4' '(4, 11)'
refuse "a bias with fewer columns" 1 "has 4 columns for 11 keys" attnviz weights q.npy k.npy --mask bias.npy -o b.npy
attnviz weights q.npy k.npy --mask bias.npy --mask-keys last -o last.npy
attnviz weights q.npy k.npy --mask wide.npy -o wanted.npy
same "a bias on the last keys adds nothing before" last.npy wanted.npy
bytes 0 1 1 | npy rows.npy '|b1' '(3, 1)'
refuse "a mask with fewer rows" 1 "3 queries where the attention has 4" attnviz stats q.npy k.npy --mask rows.npy -m entropy
# 300 keys: the columns begin within a block of keys, in every command and on ready weights.
repeat 300 floats 0.5 -1 0.25 2 > bytes
npy k300.npy '<f4' '(1, 300, 4)' < bytes
head -c 32 bytes | npy q300.npy '<f4' '(1, 2, 4)'
repeat 70 bytes 1 0 > tail
npy m140.npy '|b1' '(1, 140)' < tail
{ repeat 160 bytes 1; cat tail; } | npy m300.npy '|b1' '(1, 300)'
{ cat tail; repeat 160 bytes 0; } | npy f300.npy '|b1' '(1, 300)'
for pair in last:m300 first:f300; do
	attnviz weights -q q300.npy -k k300.npy --mask m140.npy --mask-keys ${pair%:*} -o a.npy
	attnviz weights -q q300.npy -k k300.npy --mask ${pair#*:}.npy -o b.npy
	same "140 columns for 300 keys, ${pair%:*}" a.npy b.npy
	attnviz weights -q q300.npy -k k300.npy --mask m140.npy --mask-keys ${pair%:*} --precision single -o a.npy
	attnviz weights -q q300.npy -k k300.npy --mask ${pair#*:}.npy --precision single -o b.npy
	same "140 columns for 300 keys, ${pair%:*}, in tiles" a.npy b.npy
done

# The attention mask that tokenizers return.
enter 12-attention-mask-of-a-batch
entropy="0.353071954 0.592401583 0.633663199 0.770932213"
column "(batch, keys)" 2e-5 entropy "$entropy" attnviz stats q.npy k.npy -c --mask attention_mask.npy -m entropy
column "(batch, keys), said" 2e-5 entropy "$entropy" attnviz stats q.npy k.npy -c --mask attention_mask.npy --layout mask=BM -m entropy
attnviz weights q.npy k.npy -c -o plain.npy
attnviz weights q.npy k.npy -c --mask attention_mask.npy -o w.npy
attnviz weights -w w.npy --mask attention_mask.npy -o again.npy
same "(batch, keys) on ready weights" again.npy w.npy
# One layer more in front: (L,B,H,N,D).
tail -c 768 q.npy > q.bytes
tail -c 768 k.npy > k.bytes
cat q.bytes q.bytes q.bytes | npy q5.npy '<f4' '(3, 2, 2, 6, 8)'
cat k.bytes k.bytes k.bytes | npy k5.npy '<f4' '(3, 2, 2, 6, 8)'
column "(batch, keys) beside layers" 2e-5 entropy "$entropy $entropy $entropy" attnviz stats q5.npy k5.npy -c --mask attention_mask.npy -m entropy
# (B,1,1,M), (B,1,M) and (B,N,M) say the same.
data() { tail -c 96 attention_mask.npy; }
data | npy b11m.npy '<i8' '(2, 1, 1, 6)'
data | npy b1m.npy '<i8' '(2, 1, 6)'
column "(B,1,1,M)" 2e-5 entropy "$entropy" attnviz stats q.npy k.npy -c --mask b11m.npy -m entropy
refuse "(2,1,M) of two heads and two items" 2 "--layout mask=HNM or --layout mask=BNM" attnviz stats q.npy k.npy -c --mask b1m.npy -m entropy
column "(2,1,M) with its letters" 2e-5 entropy "$entropy" attnviz stats q.npy k.npy -c --mask b1m.npy --layout mask=BNM -m entropy
# Two queries of a batch of two: (2, 6) may be (queries, keys) or (batch, keys).
for item in 0 1 2 3; do dd if=q.bytes bs=32 skip=$((item * 6 + 4)) count=2 2> /dev/null; done | head -c 256 | npy q2.npy '<f4' '(2, 2, 2, 8)'
refuse "as many queries as items" 2 "--layout mask=NM or --layout mask=BM" attnviz stats -q q2.npy -k k.npy --mask attention_mask.npy -m entropy
attnviz weights -q q2.npy -k k.npy --mask attention_mask.npy --layout mask=BM -o bm.npy
attnviz weights -q q2.npy -k k.npy --mask attention_mask.npy --layout mask=NM -o nm.npy
check "which is another mask" sh -c '! cmp -s bm.npy nm.npy'
# (B,N) where N is not M: the queries that are padding.
bytes 0 1 1 1 | npy queries.npy '|b1' '(2, 2)'
refuse "(B,N) of as many queries as items is no mask of queries" 1 "2 columns for 6 keys" attnviz stats -q q2.npy -k k.npy --mask queries.npy -m entropy
for item in 0 1 2 3; do dd if=q.bytes bs=32 skip=$((item * 6 + 3)) count=3 2> /dev/null; done | npy q3.npy '<f4' '(2, 2, 3, 8)'
bytes 0 1 1 1 1 1 | npy queries.npy '|b1' '(2, 3)'
note "(batch, queries) is said" "read as one of queries (--layout mask=BN)" attnviz stats -q q3.npy -k k.npy --mask queries.npy -m entropy
attnviz weights -q q3.npy -k k.npy --mask queries.npy --dead-rows nan --quiet -o rows.npy
attnviz stats -q q3.npy -k k.npy --mask queries.npy --quiet -m max --per-row --tsv > out
check "and hides all from the others" awk -F '\t' 'NR > 1 { dead = $2 == 0 && $4 == 0; if (dead != ($5 == 0 || $5 == "nan" || $5 == "")) exit 1; n++ } END { exit n != 12 }' out
# What is meant otherwise than it is stored.
floats 0 1 1 1 1 1 1 1 1 1 1 1 | npy floats.npy '<f4' '(2, 6)'
note "booleans as floats" "nothing except 0 and 1" attnviz stats q.npy k.npy --mask floats.npy -m entropy
printf '\000\377\000\000\000\000\000\000\000\000\000\000' | npy negative.npy '|i1' '(2, 6)'
refuse "an integer bias" 1 "holds the integer -1" attnviz stats q.npy k.npy --mask negative.npy -m entropy

# Left padding that differs from item to item.
enter 13-left-padding-differs-in-a-batch
column "--key-begin for each item" 2e-5 entropy "$entropy" attnviz stats q.npy k.npy -c --key-begin 2,0 -m entropy
printf '\002\000\000\000\000\000\000\000' | npy begin.npy '<i4' '(2,)'
column "--key-begin from a file" 2e-5 entropy "$entropy" attnviz stats q.npy k.npy -c --key-begin begin.npy -m entropy
attnviz weights q.npy k.npy -c --key-begin 2 -o one.npy
attnviz weights q.npy k.npy -c --key-begin 2,2 -o two.npy
same "one number is for all items" one.npy two.npy
refuse "too many" 1 "3 key begins for 2 batches" attnviz stats q.npy k.npy -c --key-begin 2,0,1 -m entropy
refuse "beyond the keys" 1 "is not within the 6 keys" attnviz stats q.npy k.npy -c --key-begin 7,0 -m entropy
refuse "no list" 2 "--key-begin" attnviz stats q.npy k.npy -c --key-begin '' -m entropy
attnviz weights q.npy k.npy -c --key-begin 2,0 --window 1 --keep-first 1 -o kept.npy
attnviz weights q.npy k.npy -c --key-begin 2,0 --window 1 --keep-first 1 --precision single -o tiles.npy
attnviz stats kept.npy -m max --per-key --head 0 --tsv > /dev/null 2>&1 || true
attnviz compare -w kept.npy --other tiles.npy --tsv > out
check "the first keys of each item are kept, in tiles as in rows" awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "max_abs") at = i } NR > 1 && $at > 1e-6 { exit 1 } END { exit !at }' out

# A list that is shorter than the batch.
enter 81-fewer-key-lengths-than-batch-items
refuse "fewer lengths than items" 1 "2 key lengths for 6 batches" attnviz stats -a window --input attentions=window.npz:attentions --key-lengths 3,5 -m entropy
refuse "more lengths than items" 1 "7 key lengths for 6 batches" attnviz stats -a window --input attentions=window.npz:attentions --key-lengths 3,5,5,5,5,5,5 -m entropy
refuse "a length beyond the tokens" 1 "not within the 8 keys" attnviz stats -a window --input attentions=window.npz:attentions --key-lengths 3,5,9,1,1,1 -m entropy

# How many keys per row sees at most.
enter 17-sliding-window-of-hugging-face
column "sliding_window 4 is --window 3" 2e-5 entropy "0.578849724 0.715237491" attnviz stats q.npy k.npy -c --window 3 -m entropy
attnviz heatmap q.npy k.npy -c --window 3 --head 0 --format text | tr '\n' ' ' > out
check "the caption counts the keys" grep -q "at most 4 keys per row" out
attnviz heatmap q.npy k.npy -c --chunk 5 --head 0 --format text | tr '\n' ' ' > out
check "and those of a chunk" grep -q "at most 5 keys per row" out
check "the manual says how others count" grep -q "sliding_window W" "$ROOT/man/attnviz-formats.7"

# An option that cannot change anything is refused by its name: every mechanism with every option. What is left either changes the weights or, for settings that
# say where queries stand, the distances.
enter 39-options-without-effect
column "the offset of queries counts for distances" 2e-5 distance "22.7330492 22.2707797" attnviz stats attn.npy -m distance --query-offset 20
column "as the past does" 2e-5 distance "22.7330492 22.2707797" attnviz stats attn.npy -m distance --past 20
column "less that of the keys" 2e-5 distance "2.73304925 2.27077973" attnviz stats attn.npy -m distance --query-offset 20 --key-offset 20
refuse "nothing measures a distance" 2 "--query-offset cannot change anything" attnviz weights attn.npy --query-offset 20 -o x.npy
refuse "nor is anything made of positions" 2 "--past cannot change anything" attnviz heatmap attn.npy --past 20 -o x.png

# Weights that are no attention, in every command that measures or draws them.
enter 82-logits-taken-for-weights
for command in stats heatmap rollout overlay arcs align compare blocks; do
	case $command in
	overlay) set -- --image image.ppm --grid 1x6 ;;
	compare) set -- --other attn.npy ;;
	*) set -- ;;
	esac
	[ $command = overlay ] && cp "$ROOT"/tests/data/cases/28-several-images/one.png image.ppm
	refuse "$command refuses logits" 1 "say --logits" attnviz $command -w attn.npy "$@"
done
column "their softmax" 2e-5 entropy "0.297825384 0.391297555" attnviz stats -w attn.npy --logits -m entropy
refuse "signed weights have no entropy" 1 "entropy is not defined" attnviz stats -w attn.npy --signed -m entropy
check "absolute weights have" attnviz stats -w attn.npy --normalise abs-row -m entropy
floats 0.5 0.5 0.75 1 | npy off.npy '<f4' '(1, 2, 2)'
note "rows that do not sum to one" "1 of 2 rows of the weights do not sum to one: 1 to 1.75" attnviz stats -w off.npy -m entropy
note "in a picture as well" "do not sum to one" attnviz heatmap -w off.npy --head 0 --format text
check "rows that are divided by their sums are not noted" sh -c '! attnviz stats -w off.npy -m entropy --normalise abs-row 2>&1 | grep -q note'
floats 2 0.5 0.5 0.5 | npy above.npy '<f4' '(1, 2, 2)'
refuse "a weight above one" 1 "values from" attnviz stats -w above.npy -m entropy
enter 90-numbers
refuse "logits of case 99" 1 "say --logits" attnviz stats -w logits8.npy -m entropy

# What a mask takes from weights that were made without it.
enter 15-causal-cuts-ready-weights
note "--causal says what it hides" "--causal hides 21 % of the weight (head 0, 22.9 %)" attnviz stats attn.npy -c -m entropy
note "in every command" "--causal hides 22.9 % of the weight" attnviz heatmap attn.npy --head 0 -c --format text
attnviz heatmap attn.npy --head 0 -c --format text --quiet | tr '\n' ' ' > out
check "the caption has it" grep -q "causal hides 22.9 %" out
note "a window" "--causal, --window hide" attnviz stats attn.npy -c --window 2 -m entropy
note "key lengths" "--key-lengths hides" attnviz stats attn.npy --key-lengths 6 -m entropy
note "key begins" "--key-begin hides" attnviz stats attn.npy --key-begin 2 -m entropy
window=$ROOT/tests/data/cases/17-sliding-window-of-hugging-face
attnviz weights "$window/q.npy" "$window/k.npy" -c -o causal.npy
check "a mask that hides nothing says nothing" sh -c '! attnviz stats causal.npy -c -m entropy 2>&1 | grep -q hides'

# Rows of NaN.
enter 19-nan-in-rows-of-padding
refuse "NaN without the option" 1 "--skip-nan leaves rows with NaN out" attnviz stats attn.npy -m entropy
column "the other rows are measured" 2e-5 entropy "1.13958703 1.16664322 0.862877741 0.756269053" attnviz stats attn.npy --skip-nan -m entropy
note "and the rest is counted" "6 rows of the weights hold NaN and are left out, the first is item 1, head 0, query 0" attnviz stats attn.npy --skip-nan -m entropy
attnviz weights attn.npy --skip-nan -o again.npy
check "NaN is written as it was" sh -c 'tail -c 2048 attn.npy | od -An -tf4 | tr -d "[:space:]-" > a; tail -c 2048 again.npy | od -An -tf4 | tr -d "[:space:]-" > b; cmp a b'
attnviz heatmap attn.npy --batch 1 --head 0 --skip-nan --format text --quiet > out
check "rows of NaN are empty in text" grep -qx "1" out
refuse "queries have no rows of NaN" 2 "--skip-nan: softmax attention" attnviz stats "$window/q.npy" "$window/k.npy" --skip-nan

# info says what padding is, and which option handles it.
enter 18-rows-that-see-nothing
attnviz info dump.npz --mask dump.npz:attn_mask > out
check "rows that see no key, and of which item" grep -q "^note: mask, item 1: 3 of 8 queries see no key (0 to 2)" out
check "the other item has none" sh -c '! grep -q "item 0" out'
attnviz info dump.npz --mask dump.npz:attn_mask --json > out
check "for programs" grep -q '"check": "dead-rows", "severity": "note", "role": "mask".*"batch": 1' out
attnviz info eager.npy -c > out
check "uniform rows of padding" grep -q "^warning: weights eager, item 1, head 0 and 1 more: 3 rows are uniform over all keys, later ones too (queries 0 to 2)" out
check "left padding with its option" grep -q -- "--key-begin 0,3$" out
check "and what --causal hides of them" grep -q -- "hidden\|--causal hides 14.1 % of the weight (item 1" out
attnviz info eager.npy > out
check "the map is causal but for them" grep -q "nothing lies after the diagonal: say --causal" out
attnviz info eager.npy -c --key-begin 0,3 > out
check "with the option nothing is hidden but padding" sh -c '! grep -q "hide\|get no attention" out && grep -q "item 1: 3 of 8 queries see no key" out'
attnviz info eager.npy -c --key-begin 0,3,3 > out
check "a list that does not fit is an error" test $? = 1 -a -n "$(grep '^error: mask: 3 key begins for 2 batches' out)"
entropy="1.13958703 1.16664322 0.862877741 0.756269053"
column "with it the rows of padding count in no mean" 2e-5 entropy "$entropy" attnviz stats eager.npy -c --key-begin 0,3 -m entropy --quiet
enter 19-nan-in-rows-of-padding
attnviz info attn.npy > out
check "an error ends with status 1" test $? = 1
check "NaN rows are called so" grep -q "^error: weights attn, item 1, head 0 and 1 more: 3 of 8 rows hold NaN (queries 0 to 2)" out
check "other findings are of the finite rows" sh -c '! grep -q "logits\|do not sum" out && grep -q "nothing lies after the diagonal" out && grep -q -- "--key-begin 0,3$" out'
check "with --skip-nan there is no error" attnviz info attn.npy --skip-nan
enter 15-causal-cuts-ready-weights
attnviz info attn.npy -c > out
check "the share that a mask hides" grep -q "^warning: weights attn: --causal hides 21 % of the weight (head 0, 22.9 %)" out
floats 0 0 0 0 1 0.5 0.5 1 | npy k.npy '<f4' '(1, 4, 2)'
floats 1 0.5 0.25 0.5 1 0.5 0.5 1 | npy q.npy '<f4' '(1, 4, 2)'
attnviz info -q q.npy -k k.npy > out
check "left padding of keys" grep -q "the first 2 tokens are all zero: if they are padding on the left, say --key-begin" out
# A head that is uniform throughout, or looks ahead elsewhere, has no rows of padding.
repeat 16 floats 0.25 | npy flat.npy '<f4' '(1, 4, 4)'
attnviz info flat.npy > out
check "a constant head is constant" sh -c 'grep -q "the head is constant" out && ! grep -q "uniform over" out'
floats 0.25 0.25 0.25 0.25 0 0.5 0.5 0 0.25 0.25 0.25 0.25 0 0 0.5 0.5 | npy ahead.npy '<f4' '(1, 4, 4)'
attnviz info ahead.npy > out
check "nor has one that looks ahead" sh -c '! grep -q "uniform over" out'
