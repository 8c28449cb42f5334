# SPDX-License-Identifier: MIT
# attnviz weights: the array that it writes, and what it says when it cannot.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
export LC_ALL=C
dumps=$ROOT/tests/data/dumps
"${CC:-cc}" -o difference "$ROOT/tests/cli/difference.c" -lm || exit 1

# A map that is known: with equal logits, softmax is uniform.
repeat 12 floats 1 | npy q.npy '<f4' '(1, 3, 4)'
repeat 20 floats 0.5 | npy k.npy '<f4' '(1, 5, 4)'
floats 1 0 0  0.5 0.5 0  0.25 0.25 0.5 | npy w.npy '<f4' '(3, 3)'
repeat 15 bytes 0x9a 0x99 0x99 0x99 0x99 0x99 0xc9 0x3f | npy fifth.npy '<f8' '(1, 3, 5)'

expect "uniform weights" 0 "$ATTNVIZ" weights -q q.npy -k k.npy -o a.npy --precision double
check "uniform weights are one fifth" ./difference a.npy fifth.npy 1e-16
expect "weights of ready weights" 0 "$ATTNVIZ" weights w.npy -o ready.npy
floats 1 0 0  0.5 0.5 0  0.25 0.25 0.5 | npy want.npy '<f4' '(1, 3, 3)'
check "ready weights are themselves" ./difference ready.npy want.npy 0

# The same array on standard output, from standard input, and for any number of threads.
"$ATTNVIZ" weights -q q.npy -k k.npy > piped.npy
"$ATTNVIZ" weights -q q.npy -k k.npy -o file.npy
same "standard output" piped.npy file.npy
"$ATTNVIZ" weights - < w.npy > stdin.npy
same "standard input" stdin.npy ready.npy
for threads in 1 2 3 8; do
	"$ATTNVIZ" weights "$samples"/genesis/*_[qk].npy --causal --precision single -j $threads -o t$threads.npy
	[ $threads = 1 ] || same "$threads threads give the bytes of one" t$threads.npy t1.npy
done

# Axes.
shape() {
	head -c 128 "$1" | tr -d '\0' | sed -n "s/.*'shape': (\([^)]*\)).*/\1/p"
}
has_shape() {
	name=$1 want=$2
	shift 2
	"$ATTNVIZ" weights "$@" -o shape.npy 2> err
	got=$(shape shape.npy)
	[ "$got" = "$want" ] && echo "ok $name" || echo "not ok $name: ($got), wanted ($want): $(cat err)"
	rm -f shape.npy
}
has_shape "layers, heads, queries, keys" "4, 8, 64, 64" "$samples"/genesis/*_[qk].npy
has_shape "one head keeps its axis" "1, 1, 64, 64" "$samples"/genesis/*_[qk].npy --layer 2 --head 5
has_shape "several heads" "4, 3, 64, 64" "$samples"/genesis/*_[qk].npy --head 0-1,-1
has_shape "rows" "4, 8, 10, 64" "$samples"/genesis/*_[qk].npy --rows 4:14
has_shape "rows from the end" "4, 8, 16, 64" "$samples"/genesis/*_[qk].npy --rows -16:
has_shape "cross-attention" "3, 4, 11, 12" "$samples"/transformer/*_[qk].npy
has_shape "layers given one by one" "2, 4, 65, 65" -q "$samples/digit3/L1_q.npy" -q "$samples/digit3/L2_q.npy" -k "$samples/digit3/L1_k.npy" -k "$samples/digit3/L2_k.npy"
has_shape "no heads" "1, 3, 3" w.npy

# Rows and heads are cut out of the same numbers.
"$ATTNVIZ" weights "$samples"/genesis/*_[qk].npy --causal --layer 1 --head 3 --rows 60:62 -o part.npy
"$ATTNVIZ" weights "$samples"/genesis/*_[qk].npy --causal -o whole.npy
tail -c 512 part.npy > part.raw
tail -c $(((4 * 8 * 64 - (1 * 8 + 3) * 64 - 60) * 256)) whole.npy | head -c 512 > cut.raw
same "a part is cut out of the whole" part.raw cut.raw

# What the models computed themselves.
compare() {
	name=$1 limit=$2 want=$3
	shift 3
	"$ATTNVIZ" weights "$@" -o model.npy 2> err && ./difference model.npy "$want" "$limit" > said 2>> err && echo "ok $name" ||
		echo "not ok $name: $(cat said) $(cat err)"
}
for layer in 0 1 2 3; do
	dump=$dumps/gpt_kjv/genesis_short/L$layer
	compare "causal language model, layer $layer" 7.5e-7 "${dump}_attn.npy" -q "${dump}_q.npy" -k "${dump}_k.npy" --causal
	compare "causal language model, layer $layer, float32 tiles" 4e-6 "${dump}_attn.npy" -q "${dump}_q.npy" -k "${dump}_k.npy" --causal --precision single
	compare "rotated here, layer $layer" 2e-6 "${dump}_attn.npy" -q "${dump}_q_prerope.npy" -k "${dump}_k_prerope.npy" --causal --rope half
done
dump=$dumps/gpt_kjv/genesis_256/L3
compare "256 tokens" 7.5e-7 "${dump}_attn.npy" -q "${dump}_q.npy" -k "${dump}_k.npy" --causal
for layer in 0 1; do
	dump=$dumps/use_lite/declaration_128/L$layer
	compare "encoder, layer $layer" 5e-7 "${dump}_attn.npy" -q "${dump}_q.npy" -k "${dump}_k.npy"
	dump=$dumps/use_lite/bank_pair/L$layer
	compare "padded batch by key lengths, layer $layer" 5e-7 "${dump}_attn.npy" -q "${dump}_q.npy" -k "${dump}_k.npy" \
		--key-lengths "$dumps/use_lite/bank_pair/lengths.npy"
	compare "padded batch by a mask, layer $layer" 5e-7 "${dump}_attn.npy" -q "${dump}_q.npy" -k "${dump}_k.npy" \
		--mask "$dumps/use_lite/bank_pair/key_mask.npy" --layout mask=BM
done
for dump in "$dumps"/ppocrv4_rec/*/*_q.npy "$dumps"/g2p_cross/*/*_q.npy "$dumps"/vit_digits/*/*_q.npy "$dumps"/g2p_enc/*/*_q.npy; do
	stem=${dump%_q.npy}
	compare "dump ${stem#"$dumps"/}" 1e-6 "${stem}_attn.npy" -q "$dump" -k "${stem}_k.npy"
done
formats=$dumps/formats/t2t_animal_L1
want=$dumps/use_lite/t2t_animal/L1_attn.npy
for file in stored.npz deflate.npz f32.safetensors f64.safetensors; do
	compare "container $file" 4.5e-7 "$want" "$formats/$file" --attention softmax
done
for form in "q_f8.npy" "q_fortran.npy" "q_f4_be.npy" "q_npy_v2.npy" "q_npy_v3.npy" "q_NHD.npy --layout query=NHD" "q_N_HD.npy --layout query=N(HD) --heads-in 4 --layout key=HND"; do
	compare "array $form" 4.5e-7 "$want" -q "$formats/"$form -k "$dumps/use_lite/t2t_animal/L1_k.npy"
done

# Bad input: one line, a status, nothing left behind.
floats 1 0 0  0.5 nan 0  0.25 0.25 0.5 | npy nan.npy '<f4' '(3, 3)'
floats 1 1 1 1 1 1 1 1 1 inf 1 1 | npy qinf.npy '<f4' '(1, 3, 4)'
head -c 150 q.npy > short.npy
echo hello > text.npy
repeat 30 floats 1 | npy k6.npy '<f4' '(1, 5, 6)'
repeat 60 floats 1 | npy k3.npy '<f4' '(3, 5, 4)'
repeat 40 floats 1 | npy q2.npy '<f4' '(2, 5, 4)'

refuse "no input" 2 "no input: give -q and -k" "$ATTNVIZ" weights -o x.npy
refuse "missing file" 1 "none.npy: " "$ATTNVIZ" weights none.npy -o x.npy
refuse "wrong magic" 1 "text.npy: " "$ATTNVIZ" weights text.npy -o x.npy
refuse "truncated" 1 "short.npy: " "$ATTNVIZ" weights -q short.npy -k k.npy -o x.npy
refuse "NaN in weights, with its place" 1 "NaN in" "$ATTNVIZ" weights nan.npy -o x.npy
check "NaN names query and key" grep -q "query 1, key 1" err
refuse "infinity in queries, with its place" 1 "infinity" "$ATTNVIZ" weights -q qinf.npy -k k.npy -o x.npy
refuse "queries alone" 2 "queries without keys" "$ATTNVIZ" weights -q q.npy -o x.npy
refuse "head sizes" 1 "head sizes do not fit: 4 and 6" "$ATTNVIZ" weights -q q.npy -k k6.npy -o x.npy
refuse "head counts" 1 "head counts" "$ATTNVIZ" weights -q q2.npy -k k3.npy -o x.npy
refuse "orders that would fit are named" 1 "--layout key=" "$ATTNVIZ" weights -q "$samples/genesis/L0_q.npy" -k "$samples/genesis/L0_k.npy" --layout key=HDN -o x.npy
npy empty.npy '<f4' '(0, 4)' < /dev/null
refuse "an empty map" 1 "nothing to see" "$ATTNVIZ" weights empty.npy -o x.npy
refuse "no such head" 2 "head 9 is out of range" "$ATTNVIZ" weights w.npy --head 9 -o x.npy
refuse "no such layer" 2 "layer 4 is out of range" "$ATTNVIZ" weights "$samples"/genesis/*_[qk].npy --layer 4 -o x.npy
refuse "no such rows" 2 "--rows 5:9" "$ATTNVIZ" weights w.npy --rows 5:9 -o x.npy
refuse "unknown attention" 2 "did you mean 'softmax'" "$ATTNVIZ" weights -q q.npy -k k.npy --attention sotfmax -o x.npy
refuse "unknown instruction set" 2 "ATTNVIZ_CPU=z80" env ATTNVIZ_CPU=z80 "$ATTNVIZ" weights w.npy -o x.npy
refuse "several attentions in one pool" 2 "choose with --names" "$ATTNVIZ" weights "$samples/genesis/L0_q.npy" "$samples/genesis/L0_k.npy" "$samples"/transformer/dec0_*.npy -o x.npy
refuse "the name says query" 2 "the name says that this is a query" "$ATTNVIZ" weights q.npy -o x.npy
check "nothing was left behind" sh -c '! ls x.npy* .x.npy* 2> /dev/null | grep .'
refuse "unwritable folder" 1 "nowhere/x.npy: " "$ATTNVIZ" weights w.npy -o nowhere/x.npy
if [ -w /dev/full ]; then
	refuse "full device" 1 "no space left" "$ATTNVIZ" weights "$samples"/genesis/*_[qk].npy -o /dev/full
	expect "full standard output" 1 sh -c '"$0" weights "$1"/genesis/L0_[qk].npy > /dev/full' "$ATTNVIZ" "$samples"
fi

# One tensor of a container, as a positional file.
"$ATTNVIZ" weights "$ROOT/samples/mechanisms/multihead.npz:hidden" --log-weights -o named.npy
"$ATTNVIZ" weights -w "$ROOT/samples/mechanisms/multihead.npz:hidden" --log-weights -o option.npy
same "FILE:NAME as a positional file" named.npy option.npy
refuse "a name that is not there" 2 "there are: hidden" "$ATTNVIZ" weights "$ROOT/samples/mechanisms/multihead.npz:nothing" -o x.npy
refuse "several, one of which tells no role" 2 "does not tell the role" "$ATTNVIZ" weights "$ROOT/samples/mechanisms/multihead.npz:hidden" "$ROOT/samples/genesis/L0_q.npy" -o x.npy
