# attnviz info and explain.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
mkdir dump
for layer in 0 1; do
	repeat 24 floats 1 | npy dump/L${layer}_q.npy '<f4' '(2, 3, 4)'
	repeat 24 floats 1 | npy dump/L${layer}_k.npy '<f4' '(2, 3, 4)'
done
bytes 1 2 3 | npy dump/ids.npy '|u1' '(3,)'

"$ATTNVIZ" info dump/*.npy --tsv > out 2> err
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
"$ATTNVIZ" info dump/L0_q.npy dump/L0_k.npy --layout NHD --json > out
cat > want <<'END'
{"file": "dump/L0_q.npy", "format": "npy", "tensor": "L0_q", "dtype": "float32", "shape": "(2, 3, 4)", "role": "query", "layer": null, "layout": "NHD"}
{"file": "dump/L0_k.npy", "format": "npy", "tensor": "L0_k", "dtype": "float32", "shape": "(2, 3, 4)", "role": "key", "layer": null, "layout": "NHD"}
END
same "JSON, and the layout asked for" out want
"$ATTNVIZ" info dump/L0_q.npy dump/L0_k.npy --names 'query=*_k' --names 'key=*_q' --tsv | cut -f 3,6 > out
printf 'tensor\trole\nL0_q\tkey\nL0_k\tquery\n' > want
same "names given" out want
"$ATTNVIZ" info dump/*.npy --names 'L1_*' --tsv | cut -f 3,6 | grep query > out
printf 'L1_q\tquery\n' > want
same "names left out" out want

refuse "no file" 2 "no file to look at" "$ATTNVIZ" info
refuse "missing file" 1 "none.npz: " "$ATTNVIZ" info none.npz
refuse "two formats" 2 "--json or --tsv" "$ATTNVIZ" info dump/ids.npy --json --tsv
refuse "broken container" 1 "bad-" "$ATTNVIZ" info "$(ls "$ROOT"/tests/data/npz/bad-* | head -n 1)"

"$ATTNVIZ" explain > out
check "mechanisms are listed" grep -q '^  softmax ' out
for topic in $("$ATTNVIZ" explain | sed -n 's/^  \([a-z0-9_-]*\) .*/\1/p'); do
	expect "explain $topic" 0 "$ATTNVIZ" explain "$topic"
	check "explain $topic begins with its name" grep -q "^$topic: " out
done
refuse "explain nothing known" 2 "did you mean 'softmax'" "$ATTNVIZ" explain sofmax
