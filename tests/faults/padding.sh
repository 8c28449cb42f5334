# SPDX-License-Identifier: MIT
# Padding and masks where they meet: items that begin at different keys, rows that see nothing beside rows that do, weights of either sign under a mask.
. "$ROOT/tests/faults/lib.sh"
. "$ROOT/tests/support/arrays.sh"

# --- kept keys of items that begin at different keys, under one mask for all of them
repeat 48 floats 0 | npy zeros.npy '<f4' '(3, 1, 8, 2)'
repeat 64 bytes 1 | npy every.npy '|b1' '(8, 8)'
repeat 8 bytes 0 1 1 0 1 1 1 1 | npy some.npy '|b1' '(8, 8)'
kept='attnviz stats -q zeros.npy -k zeros.npy -c --window 1 --keep-first 2 --key-begin 5,3,0 -m participation'
column "kept keys without a mask" 2e-5 participation '2 2.8 3.25' $kept
column "each item keeps its own first keys under a shared mask" 2e-5 participation '2 2.8 3.25' $kept --mask every.npy
column "and those that the mask shows" 2e-5 participation '2 2.5 2.85714286' $kept --mask some.npy
repeat 128 floats 0 | npy many.npy '<f4' '(4, 2, 8, 2)'
repeat 128 bytes 1 | npy heads.npy '|b1' '(2, 8, 8)'
column "one mask a head" 2e-5 participation '2 2 2.8 2.8 3.25 3.25 2 2' \
	attnviz stats -q many.npy -k many.npy -c --window 1 --keep-first 2 --key-begin 5,3,0,5 -m participation --mask heads.npy

# --- the largest weight is one that the query sees, whatever the signs
floats -1 2 2  -1 -1 2  -1 0 -1 | npy signed.npy '<f4' '(3, 3)'
column "the largest of negative weights" 0 max '-1 -1 0' attnviz stats signed.npy --signed -c -m max --per-row
column "the largest without a mask" 0 max '2 2 0' attnviz stats signed.npy --signed -m max --per-row
floats 1 -1 2 | npy lq.npy '<f4' '(3, 1)'
floats 1 2 -1 | npy lk.npy '<f4' '(3, 1)'
linear='attnviz stats -q lq.npy -k lk.npy --attention linear --param feature=identity -m max --per-row'
column "rows that are divided by a negative sum" 2e-5 max '1 1 1' $linear
column "the same under a mask" 2e-5 max '1 .666666667 1' $linear -c

# --- comparisons are of the rows that see something
floats 1 0 0 0  0.5 0.5 0 0  0.25 0.25 0.5 0  0 0 0 0 | npy a.npy '<f4' '(4, 4)'
floats 1 0 0 0  0.25 0.75 0 0  0.5 0 0.5 0  0 0 0 0 | npy b.npy '<f4' '(4, 4)'
floats 1 0 0 0  0.5 0.5 0 0  0.25 0.25 0.5 0  nan nan nan nan | npy nan.npy '<f4' '(4, 4)'
column "CKA without rows of padding" 2e-5 cka .669419747 attnviz compare a.npy --other b.npy --cka
column "CKA without padded queries" 2e-5 cka .669419747 attnviz compare a.npy --other b.npy --cka --query-lengths 3
column "CKA of the rows before the padding" 2e-5 cka .669419747 attnviz compare a.npy --other b.npy --cka --rows 0:3
column "CKA without rows of NaN" 2e-5 cka .669419747 attnviz compare nan.npy --other b.npy --cka --skip-nan
column "one row has no CKA" 0 cka nan attnviz compare a.npy --other b.npy --cka --query-lengths 1
column "no row has no rank" 0 rank_a nan attnviz compare a.npy --other b.npy --cka --rows 3:4
full='attnviz compare -q zeros.npy -k zeros.npy -v zeros.npy -c --key-begin 5,3,0 --against-full --rows 0:4'
column "no query is left to have an output" 0 output_error 'nan 0 0' $full
column "nor to keep something" 2e-5 kept 'nan .25 1' $full

# --- what reaches a token that attends to nothing stays with it, also without a residual
repeat 32 floats 0.25 | npy attn.npy '<f4' '(2, 1, 1, 4, 4)'
repeat 16 floats 0 | npy still.npy '<f4' '(2, 1, 1, 4, 2)'
repeat 8 floats 0 1 | npy ones.npy '<f4' '(2, 1, 1, 4, 2)'
for how in '' '--fusion max' '--value-norms -v ones.npy'; do
	input=attn.npy
	[ "${how#*-v}" = "$how" ] || input='-q still.npy -k still.npy'
	attnviz rollout $input --residual 0 --rows 0:3 --queries 0 $how --tsv > out
	check "rows left out keep what reaches them ${how:-row by row}" grep -q "0.1875,0.1875,0.1875,0.4375" out
done

# --- rows of NaN that are left out are none of the item's
floats 1 0 0 0  0.5 0.5 0 0  nan nan nan nan  nan nan nan nan | npy cut.npy '<f4' '(4, 4)'
column "the end is the last key that a row sees which is there" 0 confidence 1 attnviz stats cut.npy -c -m confidence --skip-nan
column "as with the lengths given" 0 confidence 1 attnviz stats cut.npy -c -m confidence --skip-nan --key-lengths 2 --query-lengths 2
column "no position lies beyond it" 0 next 0 attnviz stats cut.npy -c -m next --skip-nan

# --- copies of tokens: queries that stand beyond the item's keys are left out, as they are from diagonal
repeat 8 floats 0 | npy four.npy '<f4' '(4, 2)'
printf 'a\na\nb\na\n' > four.txt
column "padded queries copy nothing" 2e-5 duplicate .25 attnviz stats -q four.npy -k four.npy -c --key-lengths 2 -t four.txt -m duplicate
column "nor do those before the first key" 2e-5 duplicate .111111111 attnviz stats -q four.npy -k four.npy --key-begin 1 -t four.txt -m duplicate
column "those that stand there have no value" 0 duplicate '0 .5 nan nan' attnviz stats -q four.npy -k four.npy -c --key-lengths 2 -t four.txt -m duplicate --per-row

# --- a single key leaves nothing to choose
floats 1 | npy one.npy '<f4' '(1, 1)'
column "no columns are fewer than one" 0 vertical_slash nan attnviz stats one.npy -c -m vertical_slash

# --- tokens of both axes: a query has the token of the key that it stands at
repeat 8 floats 0 | npy q4.npy '<f4' '(4, 2)'
repeat 12 floats 0 | npy k6.npy '<f4' '(6, 2)'
printf 't0\nt1\nt2\nt3\nt4\nt5\n' > six.txt
six='attnviz stats -q q4.npy -k k6.npy -t six.txt --quiet'
tokens() {
	name=$1 wanted=$2
	shift 2
	$six -m max --per-row --json "$@" > out
	sed 's/.*"token": "//; s/".*//' out | tr '\n' ' ' > names
	check "$name" grep -qx "$wanted " names
}
tokens "the last keys where nothing says where the queries stand" 't2 t3 t4 t5'
tokens "and at the end of a cache" 't2 t3 t4 t5' --causal
tokens "from the first key" 't0 t1 t2 t3' --causal=top-left
tokens "after the past" 't1 t2 t3 t4' --causal --past 1
tokens "up to the length of the item" 't1 t2 t3 t4' --key-lengths 5
tokens "no token where there is no key" ' t0 t1 t2' --causal --key-lengths 3
$six -m max --per-row --json --causal --past 4 > out
check "nor beyond the last" grep -q '"query": 2, "token": ""' out
hidden="$six --causal --window 1 --key-lengths 3 --hide ^t0\$"
column "distances where an item begins before the keys" 2e-5 distance .25 $hidden -m distance
column "and the diagonal" 2e-5 diagonal .5 $hidden -m diagonal
printf 'a 0 2\nb 2 6\n' > ab.txt
repeat 4 floats 0 | npy q2.npy '<f4' '(2, 2)'
column "spans are those of the keys that the queries stand at" 2e-5 mass '1 0 .666666667 .333333333' \
	attnviz stats -q q2.npy -k k6.npy --layers-by order --causal --past 1 --spans ab.txt
repeat 16 floats 0 | npy q8.npy '<f4' '(2, 1, 4, 2)'
repeat 24 floats 0 | npy k12.npy '<f4' '(2, 1, 6, 2)'
items='attnviz stats -q q8.npy -k k12.npy --causal --key-lengths 5,6 -m distance --quiet'
refuse "groups of items whose queries stand elsewhere" 2 'the queries of items 0 and 1 stand at different keys, 1 and 2 on: choose an item with --batch' \
	$items -t six.txt --hide '^t1$'
refuse "spans likewise" 2 'give --query-spans and --key-spans' $items --spans ab.txt --by-span
check "one of the items has groups" $items -t six.txt --hide '^t1$' --batch 1
check "so have those that stand alike" attnviz stats -q q8.npy -k k12.npy --causal --key-lengths 5,5 -m distance -t six.txt --hide '^t1$'

# --- masks that add a large negative number hide nothing
printf '\000\000\000\000\000\000\000\000\000\100\034\306\000\000\000\000' | npy adds.npy '<f4' '(2, 2)'
repeat 4 floats 0 | npy two.npy '<f4' '(2, 2)'
note "a mask of -10000" "adds -10000, which leaves hardly any weight, but hides no key" attnviz stats -q two.npy -k two.npy --mask adds.npy --layout mask=NM -m entropy
printf '\000\000\377\373' | npy half.npy '<f2' '(1, 2)'
note "the least of float16" "adds -65504" attnviz stats -q two.npy -k two.npy --mask half.npy --layout mask=NM -m entropy
printf '\000\000\200\377\000\000\000\000' | npy hides.npy '<f4' '(1, 2)'
attnviz stats -q two.npy -k two.npy --mask hides.npy --layout mask=NM -m entropy > out 2> err
check "-inf is not spoken of" test ! -s err
floats 0 -1 | npy bias.npy '<f4' '(1, 2)'
attnviz stats -q two.npy -k two.npy --mask bias.npy --layout mask=NM -m entropy > out 2> err
check "nor is a bias" test ! -s err

# --- heads that are packed beside batch items
repeat 80 floats 0 0.5 1 -1 | npy folded.npy '<f4' '(8, 5, 8)'
attnviz stats -q folded.npy -k folded.npy --layout 'BND' -m max --tsv --quiet | cut -f 4 > plain
attnviz stats -q folded.npy -k folded.npy --layout '(BH)ND' --heads-in 4 -m max --tsv > out
check "keys are folded as the queries are" sh -c 'cut -f 4 out | cmp -s - plain'
repeat 40 floats 0 0.5 1 -1 | npy shared.npy '<f4' '(4, 5, 8)'
column "fewer key heads are found" 0 head '0 1 2 3 0 1 2 3' attnviz stats -q folded.npy -k shared.npy -v shared.npy --layout '(BH)ND' --heads-in 4 -m max

# --- padding on the right is found with its option, a number for each item
floats 0.5 0.5 0 0  0.25 0.25 0.5 0  0.5 0.5 0 0  0.25 0.75 0 0 | npy right.npy '<f4' '(2, 1, 2, 4)'
attnviz info right.npy > out
check "right padding with its option" grep -q -- "^note: weights right: the last keys get no attention: if they are padding, say --key-lengths 3,2$" out
attnviz info right.npy --key-lengths 3,2 > out
check "which is not asked for again" sh -c '! grep -q "get no attention" out'
