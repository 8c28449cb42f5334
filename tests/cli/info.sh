# SPDX-License-Identifier: MIT
# attnviz info and explain.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
mkdir dump
for layer in 0 1; do
	repeat 24 floats 1 | npy dump/L${layer}_q.npy '<f4' '(2, 3, 4)'
	repeat 24 floats 1 | npy dump/L${layer}_k.npy '<f4' '(2, 3, 4)'
done
bytes 1 2 3 | npy dump/ids.npy '|u1' '(3,)'

"$ATTNVIZ" info dump/*.npy --no-checks --tsv > out 2> err
tr '|' '\t' > want <<'END'
file|format|tensor|dtype|shape|role|layer|layout
dump/L0_k.npy|npy|L0_k|float32|(2, 3, 4)|key|0|HND
dump/L0_q.npy|npy|L0_q|float32|(2, 3, 4)|query|0|HND
dump/L1_k.npy|npy|L1_k|float32|(2, 3, 4)|key|1|HND
dump/L1_q.npy|npy|L1_q|float32|(2, 3, 4)|query|1|HND
dump/ids.npy|npy|ids|uint8|(3,)|||
END
same "tensors, their roles and layers" out want
check "nothing on standard error" test ! -s err
"$ATTNVIZ" info dump/L0_q.npy dump/L0_k.npy --layout NHD --no-checks --json > out
cat > want <<'END'
{"file": "dump/L0_q.npy", "format": "npy", "tensor": "L0_q", "dtype": "float32", "shape": [2, 3, 4], "role": "query", "layer": 0, "layout": "NHD"}
{"file": "dump/L0_k.npy", "format": "npy", "tensor": "L0_k", "dtype": "float32", "shape": [2, 3, 4], "role": "key", "layer": 0, "layout": "NHD"}
END
same "JSON, and the layout asked for" out want
"$ATTNVIZ" info dump/L0_q.npy dump/L0_k.npy --names 'query=*_k' --names 'key=*_q' --no-checks --tsv | cut -f 3,6 > out
printf 'tensor\trole\nL0_q\tkey\nL0_k\tquery\n' > want
same "names given" out want
"$ATTNVIZ" info dump/*.npy --names 'L1_*' --no-checks --tsv | cut -f 3,6 | grep query > out
printf 'L1_q\tquery\n' > want
same "names left out" out want

# Each planted mistake is found, and nothing else is.
# found CHECKS ARGUMENTS...: the checks that have something to say, in order.
found() {
	checks=$1
	shift
	got=$("$ATTNVIZ" info "$@" --json | sed -n 's/^{"check": "\([^"]*\)".*/\1/p' | tr '\n' ' ')
	[ "$got" = "$checks" ] && echo "ok finds ${checks:-nothing} in $*" || echo "not ok finds ${checks:-nothing} in $*: $got"
}
half='0.5 0.5 0 0.25 0.5 0.25 0 0.5 0.5'
floats $half | npy fine.npy '<f4' '(3, 3)'
found '' fine.npy
floats 0.5 nan 0 0.25 0.5 0.25 0 0.5 0.5 | npy bad.npy '<f4' '(3, 3)'
found 'finite ' bad.npy
floats 0.5 0.25 0 0.25 0.5 0.25 0 0.5 0.5 | npy bad.npy '<f4' '(3, 3)'
found 'row-sums ' bad.npy
floats 2 -1 1 0.25 0.5 0.25 0 0.5 0.5 | npy bad.npy '<f4' '(3, 3)'
found 'logits ' bad.npy
floats 1 0 0 0.5 0.5 0 0.25 0.25 0.5 | npy bad.npy '<f4' '(3, 3)'
found 'causal ' bad.npy
floats 1 0.5 0.25 0 0.5 0.25 0 0 0.5 | npy bad.npy '<f4' '(3, 3)'
found 'axis-order ' bad.npy
floats 0.5 0.5 0 0 0 0 0.75 0.25 0 | npy bad.npy '<f4' '(3, 3)'
found 'dead-rows padding ' bad.npy
repeat 16 floats 0.25 | npy bad.npy '<f4' '(4, 4)'
found 'constant ' bad.npy
floats 0.25 0.5 0.25 0.25 0.25 0.5 0.5 0.25 0.25 | npy few.npy '<f4' '(3, 3)'
found '' few.npy
"$ATTNVIZ" weights "$ROOT"/samples/genesis/L2_[qk].npy --causal -o once.npy
found 'causal ' once.npy
found '' once.npy --causal
"$ATTNVIZ" weights once.npy --logits -o twice.npy
found 'softmax-twice ' twice.npy
"$ATTNVIZ" weights once.npy --logits --causal -o twice.npy
found 'softmax-twice causal ' twice.npy
floats 1 0 0 0 0.5 0.5 0 0 | npy bad.npy '<f4' '(2, 4)'
found 'padding causal ' bad.npy
"$ATTNVIZ" info bad.npy > out
check "which alignment of a causal mask" grep -q 'say --causal=top-left, so' out
floats 0.5 0.25 0.5 0.75 0.25 0 0.75 1 | npy bad.npy '<f4' '(2, 2, 2)'
found 'axis-order ' bad.npy
floats 0.5 0.25 1 0.5 0.75 0 0.25 0.5 0.75 0.75 0.5 0.25 | npy bad.npy '<f4' '(2, 2, 3)'
found 'axis-order ' bad.npy
"$ATTNVIZ" info bad.npy > out
check "heads that come last" grep -q 'the heads come last, say --layout NMH' out
repeat 9 bytes 85 | npy bad.npy '|u1' '(3, 3)'
found 'constant ' bad.npy
repeat 24 floats 1 | npy q.npy '<f4' '(8, 3)'
repeat 20 floats 0.5 | npy k.npy '<f4' '(5, 4)'
found 'constant constant fit ' -q q.npy -k k.npy
printf 'a\nb\n' > two.txt
found 'tokens ' fine.npy -t two.txt
repeat 10 floats 1 0.5 | npy q.npy '<f4' '(5, 2, 2)'
found 'axis-order constant axis-order constant ' -q q.npy -k q.npy
floats 2 0.5 -1 0 1 0.25 0 0 0 0 0 0 | npy k.npy '<f4' '(1, 6, 2)'
repeat 12 floats 0 | npy q.npy '<f4' '(1, 6, 2)'
found 'dead padding ' -q q.npy -k k.npy
floats 2 0 0 0 0.5 0.25 0.25 0 1 0 0 0 | npy bad.npy '<f4' '(3, 4)'
found 'logits padding causal ' bad.npy
floats 0.75 0 0 0.5 0.25 0 0.25 0.25 0.5 | npy bad.npy '<f4' '(3, 3)'
found 'row-sums causal ' bad.npy
"$ATTNVIZ" info bad.npy > out
check "rows that do not sum to one are counted, and the worst is named" grep -q ': 2 of 3 rows do not sum to one: 0.75 to 1, the furthest is query 0 (0.75); a sink' out
samples=$ROOT/samples/genesis
found 'axis-order axis-order ' -q "$samples/L2_q.npy" -k "$samples/L2_k.npy" --layout NHD
"$ATTNVIZ" info -q "$samples/L2_q.npy" -k "$samples/L2_k.npy" --layout NHD > out
check "the order that is likely is named" grep -q 'warning: key L2_k: read as .* times more from token to token than from head to head: tokens and heads are likely swapped, say --layout HND' out
found 'rotation ' "$samples"/L2_[qk].npy
"$ATTNVIZ" info "$samples"/L2_[qk].npy > out
check "keys that were rotated" grep -q '^note: key L2_k: the keys are rotated already (half pairs, base near 10000)' out
"$ATTNVIZ" info "$samples"/L2_[qk].npy --rope half > out
check "keys that would be rotated twice" grep -q '^warning: key L2_k: the keys are rotated already .*: --rope would rotate them twice' out
repeat 96 floats 0.5 1 | npy h.0.attn.c_attn.npy '<f4' '(4, 48)'
cp h.0.attn.c_attn.npy other.npy
found 'fused ' h.0.attn.c_attn.npy other.npy
"$ATTNVIZ" info --qkv h.0.attn.c_attn.npy --heads-in 4 --no-checks --tsv | cut -f 6 > out
printf 'role\nquery, key, value\n' > want
same "a tensor with several roles" out want
refuse "a fused tensor alone" 2 "queries, keys and values are in one: give it with --qkv" "$ATTNVIZ" heatmap h.0.attn.c_attn.npy
refuse "a fused tensor among others" 2 "holds queries, keys and values in one: say --qkv h.0.attn.c_attn.npy, and --heads-in H" "$ATTNVIZ" heatmap h.0.attn.c_attn.npy other.npy
for line in 1 2 3 4 5 6 7 8 9 10; do echo "1-1 2-3 ${line}p4"; done > gold.txt
printf '0-0 1-1\n\n2-1\n' > system.txt
found 'index-base ' gold.txt system.txt fine.npy
"$ATTNVIZ" info gold.txt > out
check "what links count from" grep -q '^warning: links gold.txt: the smallest index of .* lines is 1: they count from 1, say --gold-base 1' out
echo '0-0 1-x' > bad.txt
refuse "text that is no file of links" 1 "bad.txt: " "$ATTNVIZ" info bad.txt
echo '0-0 1-1-1' > bad.txt
refuse "a link that is broken" 1 "bad.txt: " "$ATTNVIZ" info bad.txt
"$ATTNVIZ" info fine.npy | tail -n 1 > out
check "nothing wrong is nothing said" grep -q '^fine.npy' out

# What the model had tells what is missing.
"$ATTNVIZ" weights "$ROOT"/samples/genesis/L1_[qk].npy --causal --softcap 30 -o model.npy
"$ATTNVIZ" info "$ROOT"/samples/genesis/L1_[qk].npy --no-checks --verify-weights model.npy > out
check "settings that explain the weights are named" grep -q 'with --causal --softcap 30 by at most [0-9.e-]*$' out
"$ATTNVIZ" info "$ROOT"/samples/genesis/L1_[qk].npy --no-checks --causal --softcap 30 --verify-weights model.npy > out
check "settings that are right are confirmed" grep -q '^note: weights model.npy: computed from queries and keys they differ by at most [0-9.]*e-[01][0-9] (.*), by [0-9.e-]* on average$' out
dump=$ROOT/tests/data/dumps/gpt_kjv/genesis_short
"$ATTNVIZ" info -q "$dump/L1_q_prerope.npy" -k "$dump/L1_k_prerope.npy" --no-checks --causal --verify-weights "$dump/L1_attn.npy" > out
check "keys before the rotation" grep -q 'with --rope half by at most [0-9.]*e-07 (the dump was taken before the rotation)' out

refuse "weights of another shape" 1 "w3.npy: weights" sh -c 'cp fine.npy w3.npy; "$0" info "$1"/samples/genesis/L1_[qk].npy --no-checks --verify-weights w3.npy > /dev/null' "$ATTNVIZ" "$ROOT"
refuse "no file" 2 "no file to look at" "$ATTNVIZ" info
refuse "missing file" 1 "none.npz: " "$ATTNVIZ" info none.npz
refuse "two formats" 2 "--json or --tsv" "$ATTNVIZ" info dump/ids.npy --json --tsv
refuse "a container without tensors" 1 "no tensors in here" "$ATTNVIZ" info "$ROOT/tests/data/npz/bad-no-arrays.npz"
expect "data that cannot be read are listed, and the status is 1" 1 "$ATTNVIZ" info "$ROOT/tests/data/npz/bad-crc-deflated.npz"
check "with the reason" grep -q '^error: query q: member q: CRC error$' out
expect "tokens that cannot be read" 1 "$ATTNVIZ" info fine.npy -t none.txt
check "with their file" grep -q '^error: weights fine: none.txt: cannot open' out
for file in "$ROOT"/tests/data/*/bad-* "$ROOT"/tests/data/*/unsupported-*; do
	case $file in */links/* | */vocab/* | */tokens/* | */image/*) continue ;; esac
	"$ATTNVIZ" info "$file" > out 2> err
	status=$?
	[ $status = 1 ] && [ "$(wc -l < err)" = 1 ] || echo "not ok info ${file##*/}: status $status, $(cat err)"
done
echo "ok each file of tests/data that cannot be read is told in one line"
refuse "broken container" 1 "bad-" "$ATTNVIZ" info "$(ls "$ROOT"/tests/data/npz/bad-* | head -n 1)"

"$ATTNVIZ" explain > out
check "mechanisms are listed" grep -q '^  softmax ' out
for topic in $("$ATTNVIZ" explain | sed -n 's/^  \([a-z0-9_-]*\) .*/\1/p'); do
	expect "explain $topic" 0 "$ATTNVIZ" explain "$topic"
	check "explain $topic begins with its name" grep -q "^$topic: " out
done
refuse "explain nothing known" 2 "did you mean 'softmax'" "$ATTNVIZ" explain sofmax
