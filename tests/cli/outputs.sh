# SPDX-License-Identifier: MIT
# attnviz weights --write and --value-norms, and multi-head attention from weights in a file.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
export LC_ALL=C
"${CC:-cc}" -o difference "$ROOT/tests/cli/difference.c" -lm || exit 1

# Equal logits: the output is the mean of the values, the log-sum-exp is s + ln 4 with s = 1.
repeat 8 floats 1 | npy q.npy '<f4' '(2, 4)'
repeat 16 floats 0.5 | npy k.npy '<f4' '(4, 4)'
floats 0 2 0 0  1 0 0 0  1 0 2 0  0 0 0 0 | npy v.npy '<f4' '(4, 4)'
floats 0.5 0.5 0.5 0  0.5 0.5 0.5 0 | npy output.npy '<f4' '(1, 2, 4)'
for precision in double single; do
	expect "output ($precision)" 0 "$ATTNVIZ" weights -q q.npy -k k.npy -v v.npy --write output --precision $precision -o o.npy
	check "output is the mean of the values ($precision)" ./difference o.npy output.npy 1e-7
done
expect "log-sum-exp" 0 "$ATTNVIZ" weights -q q.npy -k k.npy --write lse --scale-factor 0 --precision double -o lse.npy
repeat 2 bytes 0xef 0x39 0xfa 0xfe 0x42 0x2e 0xf6 0x3f | npy ln4.npy '<f8' '(1, 2)'
check "log-sum-exp of four equal logits is ln 4" ./difference lse.npy ln4.npy 1e-15
expect "norms of outputs" 0 "$ATTNVIZ" weights -q q.npy -k k.npy -v v.npy --write output-norm -o norm.npy
repeat 2 bytes 0xd7 0xb3 0x5d 0x3f | npy root.npy '<f4' '(1, 2)'
check "the norm is that of (0.5, 0.5, 0.5, 0)" ./difference norm.npy root.npy 1e-7

# Weights times norms: 1/4 of 2, 1, sqrt 5, 0.
repeat 2 bytes 0 0 0 0x3f  0 0 0x80 0x3e  0xbd 0x1b 0x0f 0x3f  0 0 0 0 | npy weighted.npy '<f4' '(1, 2, 4)'
for precision in double single; do
	"$ATTNVIZ" weights -q q.npy -k k.npy -v v.npy --value-norms --precision $precision -o w.npy
	check "weights times value norms ($precision)" ./difference w.npy weighted.npy 1e-6
done
for threads in 1 3; do
	"$ATTNVIZ" weights "$samples"/genesis/*_[qkv].npy --causal --value-norms --precision single -j $threads -o n$threads.npy
	"$ATTNVIZ" weights "$samples"/genesis/*_[qkv].npy --causal --write output --precision single -j $threads -o o$threads.npy
done
same "value norms for any number of threads" n3.npy n1.npy
same "outputs for any number of threads" o3.npy o1.npy
"$ATTNVIZ" weights "$samples"/genesis/*_[qkv].npy --causal --write output -o o4.npy
check "outputs in tiles are those of the definition" ./difference o1.npy o4.npy 1e-5
expect "a picture of weighted values" 0 "$ATTNVIZ" heatmap "$samples"/genesis/*_[qkv].npy --causal --layer 1 --head 2 --value-norms -o map.png

refuse "outputs without values" 2 "output needs the values: name them with -v" "$ATTNVIZ" weights -q q.npy -k k.npy --write output -o x.npy
refuse "norms without values" 2 "need the values: name them with -v" "$ATTNVIZ" heatmap -q q.npy -k k.npy --value-norms -o x.png
refuse "norms of an output" 2 "not with --write output" "$ATTNVIZ" weights -q q.npy -k k.npy -v v.npy --value-norms --write output -o x.npy
refuse "log-sum-exp of weights" 2 "only a softmax has a log-sum-exp" "$ATTNVIZ" weights -w weighted.npy --write lse -o x.npy

# Multi-head: an identity projection of three heads of one column each. Tensors are found by the names that checkpoints give them.
floats 1 0 0  0 1 0  0 0 1  1 0 0  0 1 0  0 0 1  1 0 0  0 1 0  0 0 1 | npy c_attn.weight.npy '<f4' '(9, 3)'
floats 1 0.5 2  0 -1 1 | npy hidden_states.npy '<f4' '(2, 3)'
floats 1 0 | npy q0.npy '<f4' '(1, 2, 1)'
expect "multihead" 0 "$ATTNVIZ" weights hidden_states.npy c_attn.weight.npy -a multihead --param heads=3 --head 0 -o m.npy
expect "its first head alone" 0 "$ATTNVIZ" weights -q q0.npy -k q0.npy -o m0.npy
same "multihead projects" m.npy m0.npy
refuse "no number of heads" 2 "heads=N" "$ATTNVIZ" weights hidden_states.npy c_attn.weight.npy -a multihead -o x.npy
cp c_attn.weight.npy qkv.weight.npy
refuse "two weights of one role" 2 "several tensors could be the in_proj_weight" \
	"$ATTNVIZ" weights hidden_states.npy c_attn.weight.npy qkv.weight.npy -a multihead --param heads=3 -o x.npy
expect "a pattern chooses" 0 "$ATTNVIZ" weights hidden_states.npy c_attn.weight.npy qkv.weight.npy -a multihead --param heads=3 --names 'c_*' --names 'hidden*' -o x.npy

# The output of a layer is the sum over its heads and the bias: one head with an output projection of 1, and a bias.
floats 1 1 1 | npy in_proj_weight.npy '<f4' '(3, 1)'
floats 2 | npy out_proj_weight.npy '<f4' '(1, 1)'
floats 0.5 | npy out_proj_bias.npy '<f4' '(1,)'
floats 1 1 | npy hidden.npy '<f4' '(2, 1)'
layer="--attention multihead hidden.npy in_proj_weight.npy out_proj_weight.npy out_proj_bias.npy --param heads=1 --param values=layer"
repeat 2 bytes 0 0 0x20 0x40 | npy layer.npy '<f4' '(2, 1)'
for precision in double single; do
	expect "the output of a layer ($precision)" 0 "$ATTNVIZ" weights $layer --write layer --precision $precision -o l.npy
	check "it is 2 v + b ($precision)" ./difference l.npy layer.npy 1e-7
done
sample="--attention multihead $samples/mechanisms/multihead.npz --param heads=4 --param values=layer --causal"
for threads in 1 3; do
	"$ATTNVIZ" weights $sample --write layer --precision single -j $threads -o y$threads.npy
done
same "the output of a layer for any number of threads" y3.npy y1.npy
"$ATTNVIZ" weights $sample --write layer -o y.npy
check "in tiles it is that of the definition" ./difference y1.npy y.npy 1e-5
refuse "a layer without its output projection" 2 "needs its output projection" "$ATTNVIZ" weights -q q.npy -k k.npy -v v.npy --write layer -o x.npy
