# What frameworks export, as attnviz-formats(7) says to read it: the weights of the definition come out.
. "$ROOT/tests/cli/lib.sh"
"${CC:-cc}" -o difference "$ROOT/tests/cli/difference.c" -lm || exit 1
"${CC:-cc}" -o recipes "$ROOT/tests/cli/recipes.c" -lm || exit 1
./recipes . || exit 1

# gives NAME WANT ARGUMENTS...: the weights are those of WANT.npy.
gives() {
	name=$1 want=$2
	shift 2
	"$ATTNVIZ" weights "$@" -o got.npy --quiet 2> err && ./difference got.npy "$want.npy" 2e-7 > said 2>> err && echo "ok $name" ||
		echo "not ok $name: $(cat said) $(cat err)"
}
gives "torch SDPA, Hugging Face inside attention" weights -q bhnd_q.npy -k bhnd_k.npy --causal
gives "roles from the names of files" weights bhnd_q.npy bhnd_k.npy --causal
gives "flash-attn, TransformerLens" weights -q bnhd_q.npy -k bnhd_k.npy --layout BNHD --causal
gives "output of q_proj and k_proj" weights -q proj_q.npy -k proj_k.npy --layout BND --heads-in 6,2 --causal
gives "key heads told by the size of a query head" weights -q proj_q.npy -k proj_k.npy --layout BND --heads-in 6 --causal
gives "vLLM" first_weights -q flat_q.npy -k flat_k.npy --layout ND --heads-in 6,2 --causal
gives "flash-attn packed" weights --qkv bn3hd_qkv.npy --layout BN3HD --causal
gives "fused in blocks" weights --qkv blocks_qkv.npy --layout BND --heads-in 6,2 --causal
gives "fused per head" weights --qkv perhead_qkv.npy --layout BND --heads-in 6 --qkv-order per-head --causal
gives "fused in groups" weights --qkv grouped_qkv.npy --layout BND --heads-in 6,2 --qkv-order grouped --causal
gives "the last queries of a cache" last_weights -q last_q.npy -k bhnd_k.npy --causal
gives "attentions" weights weights.npy
gives "logits" weights logits.npy --logits
gives "nn.MultiheadAttention, averaged" mean_weights mean.npy --layout BNM
gives "orders that differ" weights -q bnhd_q.npy -k bhnd_k.npy --layout query=BNHD --causal

# A wrong order is told from what fits.
refuse "keys in another order than queries" 1 "would fit as --layout key=BNHD" "$ATTNVIZ" weights -q bhnd_q.npy -k bnhd_k.npy --causal -o x.npy
