# SPDX-License-Identifier: MIT
# What names and options say of a dump is taken at its word: layers, steps and ranks of lone tensors, weights of checkpoints, and alignments that keep their weights.
. "$ROOT/tests/faults/lib.sh"
. "$ROOT/tests/support/arrays.sh"

# vectors FILE...: queries or keys (1, 2, 2).
vectors() {
	for file; do
		floats 1 0 0.5 2 | npy "$file" '<f4' '(1, 2, 2)'
	done
}

# layers NAME WANTED COMMAND...: the layer of each line.
layers() {
	name=$1 wanted=$2
	shift 2
	"$@" --tsv > out 2> err
	got=$(awk -F '\t' 'NR > 1 { printf "%s%s", sep, $1; sep = " " }' out)
	[ "$got" = "$wanted" ] && echo "ok $name" || echo "not ok $name: '$got', wanted '$wanted': $(head -n 1 err)"
}

# Rows that do not sum to one: an alignment takes the weights as they are.
floats 0.5 0.25 0 0 0 0.25 | npy half.npy '<f4' '(1, 2, 3)'
column "links have the weights that were given" 0 weight '0.5 0.25' attnviz align half.npy
check "so does a threshold" test "$(attnviz align half.npy --extract threshold --threshold 0.4 --pharaoh --quiet)" = 0-0
column "so do heads that are ranked" 0 focus 0.375 attnviz align half.npy --rank-heads
column "keys that are cut divide the rows" 1e-6 weight '0.66666667' attnviz align half.npy --keys 0:2
floats 0.5 0.25 -1 0.25 0.5 1 | npy signed.npy '<f4' '(1, 2, 3)'
column "but not those of signed weights" 0 weight '0.5 0.5' attnviz align signed.npy --signed --keys 0:2
printf 'a\n[SEP]\nb\n' > keys.txt
floats 0.25 0.5 0.25 0 0.5 0.5 | npy hide.npy '<f4' '(1, 2, 3)'
column "tokens left out divide nothing" 0 weight '0.25 0.5' attnviz align hide.npy --key-tokens keys.txt --hide special
printf '0-0 2-1\n' > gold
note "gold links of words that are cut off" "1 of 2 gold links are of words that --rows and --keys leave out" attnviz align half.npy --rows 0:1 --gold gold --json
attnviz align hide.npy --gold gold --json > out 2> err
check "no such note of the whole map" test ! -s err

# A lone layer has its number, whatever word of attention stands before it; a version is none.
for stem in attn.5. self_attn_5_ attention_5_ L5_ layer5.attn. past_key_values.5.; do
	vectors "${stem}query.npy" "${stem}key.npy"
	layers "layer 5 of ${stem}query" 5 attnviz stats "${stem}query.npy" "${stem}key.npy" -m max
	layers "is chosen by its number, ${stem}query" 5 attnviz stats "${stem}query.npy" "${stem}key.npy" -m max --layer 5
done
vectors v2_q.npy v2_k.npy
layers "v2 is a version" 0 attnviz stats v2_q.npy v2_k.npy -m max
mkdir -p block3/layer_07 block3/notes
vectors block3/layer_07/q.npy block3/layer_07/k.npy block3/notes/q.npy block3/notes/k.npy
layers "a folder says the layer" 7 attnviz stats block3/layer_07/q.npy block3/layer_07/k.npy -m max
layers "only the folder that holds the file" 0 attnviz stats block3/notes/q.npy block3/notes/k.npy -m max

# Layers without weights, beside some with weights.
mkdir beside
vectors beside/L0_q.npy beside/L0_k.npy beside/L1_q.npy beside/L1_k.npy
floats 1 0 0.5 0.5 | npy beside/L0_attn.npy '<f4' '(1, 2, 2)'
note "a layer that is left out" "layer 1 has queries and keys but no ready weights, and is left out" attnviz stats beside/*.npy -m max
layers "is there where all are computed" '0 1' attnviz stats beside/*.npy -m max --attention softmax
attnviz stats beside/L0_*.npy -m max > out 2> err
check "no such note of whole weights" test ! -s err

# Steps.
mkdir steps
for step in 3 5; do vectors steps/step${step}_layer0_q.npy steps/step${step}_layer0_k.npy; done
note "a step that is missing between two" "step 5 follows step 3 directly" attnviz stats steps/*.npy --dump-step join -m max
for step in 3 5; do
	attnviz heatmap steps/*.npy --dump-step $step --format text > out
	check "the title says step $step" grep -q ": step $step," out
	expect "step $step alone" 0 attnviz stats steps/step${step}_*.npy --dump-step $step -m max
done
refuse "a step that the only one is not" 2 "--dump-step 3: there is no such step of the " attnviz stats steps/step5_*.npy --dump-step 3 -m max
refuse "a step that no name says" 2 "--dump-step 3: no name says a step" attnviz stats L5_query.npy L5_key.npy --dump-step 3 -m max
mv steps/step5_layer0_q.npy steps/step4_layer0_q.npy
mv steps/step5_layer0_k.npy steps/step4_layer0_k.npy
attnviz stats steps/*.npy --dump-step join -m max > out 2> err
check "no note of steps that follow each other" test ! -s err
mkdir maps
for step in 0 1; do floats 1 0 0.5 0.5 | npy maps/step${step}_L0_attn.npy '<f4' '(1, 2, 2)'; done
refuse "maps of steps" 2 "choose one with --dump-step N" attnviz stats maps/*.npy
check "are not offered to be joined" test "$(grep -c join err)" = 0

# Ranks.
for rank in 0 1 3; do vectors q.$rank.npy k.$rank.npy; done
refuse "a rank that is missing in between" 1 "rank 3 is there and rank 2 is not" attnviz stats --shard q.{rank}.npy --shard k.{rank}.npy -m max
rm q.3.npy k.3.npy
expect "the ranks that there are" 0 attnviz stats --shard q.{rank}.npy --shard k.{rank}.npy -m max

# Bits that may be those of bfloat16: 1, 0, 0, 1.
bytes 128 63 0 0 0 0 128 63 | npy u_q.npy '<u2' '(1, 2, 2)'
cp u_q.npy u_k.npy
note "uint16 queries" "uint16, read as whole numbers: --dtype bfloat16" attnviz stats u_q.npy u_k.npy -m max
for said in stored bfloat16; do
	attnviz stats u_q.npy u_k.npy -m max --dtype $said > out 2> err
	check "no note where they are said to be $said" test ! -s err
done

# Checkpoints: one head of one dim, hidden states 0 and 1, all weights 1.
mkdir checkpoint
floats 0 1 | npy checkpoint/hidden.npy '<f4' '(1, 2, 1)'
multihead="--attention multihead --param heads=1 -m max"
for stem in layers.1.self_attn. visual.transformer.resblocks.1.attn. attn. ''; do
	floats 1 1 1 | npy "checkpoint/${stem}in_proj_weight.npy" '<f4' '(3, 1)'
	floats 0 0 0 | npy "checkpoint/${stem}in_proj_bias.npy" '<f4' '(3,)'
	column "${stem}in_proj_weight is found" 1e-6 max 0.61552929 attnviz stats checkpoint/hidden.npy "checkpoint/${stem}"in_proj_*.npy $multihead
done
for role in q k v o; do floats 1 | npy checkpoint/layers.1.attention.w$role.weight.npy '<f4' '(1, 1)'; done
column "wq and wk are found" 1e-6 max 0.61552929 attnviz stats checkpoint/hidden.npy checkpoint/layers.1.attention.w?.weight.npy $multihead
floats 1 | npy checkpoint/block.1.SelfAttention.q.weight.npy '<f4' '(1, 1)'
refuse "weights that are not found" 2 "needs the tensor 'q_proj_weight'" attnviz stats checkpoint/hidden.npy checkpoint/block.1.*.npy $multihead
floats 1 1 1 | npy checkpoint/h.1.query_key_value.weight.npy '<f4' '(3, 1)'
note "the order of query_key_value is assumed" "was read as all queries, all keys, all values (--param order=blocks)" attnviz stats checkpoint/hidden.npy checkpoint/h.1.*.npy $multihead
attnviz stats checkpoint/hidden.npy checkpoint/h.1.*.npy $multihead --param order=per-head > out 2> err
check "or said" test ! -s err
floats 1 0 0.5 0.5 1 0 | npy query_key_value.npy '<f4' '(2, 3)'
note "in a dump as well" "was read as all queries, all keys, all values (--qkv-order blocks)" attnviz stats --qkv query_key_value.npy --layout ND --heads-in 1 -m max
for role in q k; do floats 1 | npy checkpoint/layers.2.self_attn.${role}_proj.weight.npy '<f4' '(1, 1)'; done
floats 2 | npy checkpoint/layers.2.self_attn.q_norm.weight.npy '<f4' '(1,)'
note "--qk-norm alone leaves the weights of the checkpoint out" "was not applied: --qk-norm alone normalises without weights" attnviz stats checkpoint/hidden.npy checkpoint/layers.2.*.npy $multihead --qk-norm rms
norm=checkpoint/layers.2.self_attn.q_norm.weight.npy
attnviz stats checkpoint/hidden.npy checkpoint/layers.2.*.npy $multihead --qk-norm rms --query-norm $norm --key-norm $norm > out 2> err
check "with the weights there is no note" test ! -s err

# Layers of two shapes are chosen by their names.
mkdir shapes
vectors shapes/L0_q.npy shapes/L0_k.npy
floats 1 0 0.5 | npy shapes/L1_q.npy '<f4' '(1, 3, 1)'
cp shapes/L1_q.npy shapes/L1_k.npy
refuse "layers of two shapes" 1 "show one kind at a time, with --names PATTERN" attnviz stats shapes/*.npy -m max
layers "one of them" 1 attnviz stats shapes/*.npy -m max --names 'L1_*'

refuse "a window that ends in a comma" 2 "--window 1,: expected L or L,R" attnviz stats L5_query.npy L5_key.npy -m max --window 1,
