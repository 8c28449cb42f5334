# SPDX-License-Identifier: MIT
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

gives "flash-attn varlen, the first sequence" first_weights -q varlen_q.npy -k varlen_k.npy --layout NHD --cu-seqlens cu_seqlens.npy --sequence 0 --causal
gives "flash-attn varlen, the second sequence" second_weights -q varlen_q.npy -k varlen_k.npy --layout NHD --cu-seqlens cu_seqlens.npy --sequence 1 --causal
gives "cumulative lengths of each side" second_weights -q varlen_q.npy -k varlen_k.npy --layout NHD --cu-seqlens query=cu_seqlens.npy --cu-seqlens key=cu_seqlens.npy \
	--sequence 1 --causal
mkdir pool
cp varlen_q.npy pool/q.npy
cp varlen_k.npy pool/k.npy
cp cu_seqlens.npy pool/cu_seqlens_q.npy
gives "lengths are no queries" second_weights pool/q.npy pool/k.npy pool/cu_seqlens_q.npy --layout NHD --cu-seqlens pool/cu_seqlens_q.npy --sequence 1 --causal
gives "torch, sequence first" weights -q nbe_q.npy -k nbe_k.npy --layout NBD --heads-in 6,2 --causal
gives "nn.MultiheadAttention, folded" weights -q folded_q.npy -k folded_k.npy --layout '(BH)ND' --heads-in 6,2 --causal
gives "keys transposed for the product" weights -q bhnd_q.npy -k transposed_k.npy --layout query=BHND --layout key=BHDN --causal
# Weights of layer 1 here are logits, which only differ from weights in what they hold.
gives "rank five" stacked stacked.npy --signed
gives "a file a layer" stacked attentions.0.npy attentions.1.npy --signed
for name in "model.layers.0.self_attn.q_proj model.layers.0.self_attn.k_proj" "blocks.3.attn.hook_q blocks.3.attn.hook_k" "query_states key_states" \
	"encoder.layer.11.attention.self.query encoder.layer.11.attention.self.key" "decoder.block.2.layer.0.SelfAttention.q decoder.block.2.layer.0.SelfAttention.k"; do
	cp bhnd_q.npy "${name% *}.npy"
	cp bhnd_k.npy "${name#* }.npy"
	gives "names such as $name" weights "${name% *}.npy" "${name#* }.npy" --causal
done

# Mistakes, one clear line each.
varlen="-q varlen_q.npy -k varlen_k.npy --layout NHD -o x.npy"
refuse "which sequence" 2 "2 sequences lie one after another: choose one with --sequence 0 ... 1" "$ATTNVIZ" weights $varlen --cu-seqlens cu_seqlens.npy
refuse "a sequence that is not there" 2 "sequence 2 is not there" "$ATTNVIZ" weights $varlen --cu-seqlens cu_seqlens.npy --sequence 2
refuse "lengths that decrease" 1 "backwards.npy[2] is 9" "$ATTNVIZ" weights $varlen --cu-seqlens backwards.npy --sequence 0
refuse "lengths beyond the tokens" 1 "beyond.npy[2] is 15" "$ATTNVIZ" weights $varlen --cu-seqlens beyond.npy --sequence 0
refuse "lengths that are numbers with fractions" 1 "is no cu_seqlens" "$ATTNVIZ" weights $varlen --cu-seqlens varlen_q.npy --sequence 0
refuse "a sequence without lengths" 2 "--sequence needs --cu-seqlens" "$ATTNVIZ" weights $varlen --sequence 0
refuse "a role without lengths" 2 "the role is one of query, key, value" "$ATTNVIZ" weights $varlen --cu-seqlens weights=cu_seqlens.npy --sequence 0

# A wrong order is told from what fits.
refuse "keys in another order than queries" 1 "would fit as --layout key=BNHD" "$ATTNVIZ" weights -q bhnd_q.npy -k bnhd_k.npy --causal -o x.npy
