# SPDX-License-Identifier: MIT
# attnviz info --verify-weights on the dumps of trained models: the deviation is the one that their makers computed in float64, and the settings are found.
. "$ROOT/tests/cli/lib.sh"
data=$ROOT/tests/data/dumps

# value NAME: of the first line of ./out that has it.
value() {
	sed -n "s/.*\"$1\": \"\{0,1\}\([^\",}]*\).*/\1/p" out | head -n 1
}

# close A B: within a millionth of a millionth.
close() {
	awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(a != "" && b != "" && d < 1e-12 && d > -1e-12) }'
}

# tensors FOLDER: "NAME CAUSAL ERROR" for each tensor of its meta.json.
tensors() {
	sed -n 's/^  "\([A-Za-z0-9_]*\)": {$/name \1/p; s/^   "causal": \([a-z]*\),$/causal \1/p; s/^   "max_abs_err_vs_model_probs": \([0-9.e-]*\),$/error \1/p' "$1/meta.json" |
		awk '$1 == "name" { name = $2 } $1 == "causal" { causal = $2 } $1 == "error" { print name, causal, $2 }'
}

verified=0
for meta in "$data"/*/*/meta.json; do
	folder=${meta%/meta.json}
	case=${folder#"$data/"}
	[ -f "$folder/lengths.npy" ] && lengths="--key-lengths $folder/lengths.npy" || lengths=
	tensors "$folder" > list
	while read -r name causal error; do
		[ "$causal" = true ] && mask=--causal || mask=
		for variant in '' _prerope; do
			[ -f "$folder/${name}_q$variant.npy" ] || continue
			[ "$variant" ] && rope='--rope half' || rope=
			"$ATTNVIZ" info -q "$folder/${name}_q$variant.npy" -k "$folder/${name}_k$variant.npy" $mask $rope $lengths --no-checks --json \
				--verify-weights "$folder/${name}_attn.npy" > out 2> err
			got=$(sed -n 's/.*"max_abs": \([^,]*\),.*/\1/p' out)
			if [ "$variant" ]; then
				# The model rotated in float32, which moves a weight by another 2e-8.
				awk -v a="$got" 'BEGIN { exit !(a != "" && a < 7.5e-7) }'
			else
				close "$got" "$error"
			fi && verified=$((verified + 1)) || echo "not ok $case $name$variant: off by $got where $error is expected $(cat err)"
		done
	done < list
done
[ "$verified" -ge 40 ] && echo "ok $verified tensors with the model's own weights" || echo "not ok only $verified tensors were verified"

# The same without a word about mask and rotation: both are found.
explains() {
	name=$1 want=$2
	shift 2
	"$ATTNVIZ" info "$@" --no-checks --json > out 2> err
	got=$(sed -n 's/.*"settings": "\([^"]\{1,\}\)".*/\1/p' out)
	[ "$got" = "$want" ] && echo "ok $name" || echo "not ok $name: found '$got', not '$want' $(cat err)"
}
genesis=$data/gpt_kjv/genesis_short
explains "causal mask and rotation" "--causal --rope half" -q "$genesis/L1_q_prerope.npy" -k "$genesis/L1_k_prerope.npy" --verify-weights "$genesis/L1_attn.npy"
explains "rotation" "--rope half" -q "$genesis/L2_q_prerope.npy" -k "$genesis/L2_k_prerope.npy" --causal --verify-weights "$genesis/L2_attn.npy"
explains "a rotation too much" "without --rope" -q "$genesis/L1_q.npy" -k "$genesis/L1_k.npy" --causal --rope half --verify-weights "$genesis/L1_attn.npy"
explains "a mask too much" "without --causal" -q "$data/g2p_enc/knight/enc0_self_q.npy" -k "$data/g2p_enc/knight/enc0_self_k.npy" --causal \
	--verify-weights "$data/g2p_enc/knight/enc0_self_attn.npy"
explains "a scale that was wrong" "without --scale-factor" -q "$genesis/L1_q.npy" -k "$genesis/L1_k.npy" --causal --scale-factor 1 \
	--verify-weights "$genesis/L1_attn.npy"

# Weights of other settings, made here: of the scale, the base, the part that rotates, the alignment and the soft-cap.
q=$genesis/L1_q_prerope.npy k=$genesis/L1_k_prerope.npy
made() {
	name=$1
	shift
	"$ATTNVIZ" weights -q "$q" -k "$k" "$@" -o made.npy --quiet || echo "not ok $name: $*"
	explains "$name" "$*" -q "$q" -k "$k" --verify-weights made.npy
}
made "a scale of 1" --scale-factor 1
made "a scale of 1/dim" --scale-factor 0.0625
made "a scale that nobody would guess" --scale-factor 0.178
made "scale and rotation" --scale-factor 0.0625 --rope interleaved
made "base of Llama 3" --causal --rope half --rope-base 500000
made "a quarter that rotates" --causal --rope half --rope-dims 4
made "soft-cap" --causal --softcap 30
made "soft-cap without scale" --scale-factor 1 --softcap 50
q=$data/g2p_cross/transformer/dec1_cross_q.npy k=$data/g2p_cross/transformer/dec1_cross_k.npy
made "the last query meets the last key" --causal=bottom-right
made "the first query meets the first key" --causal=top-left

# A dump that holds both is verified unasked, whole layers at once.
"$ATTNVIZ" info "$genesis"/L*_[qk].npy "$genesis"/L*_attn.npy --causal --json > out
check "a dump with weights is verified unasked" test "$(value check)" = rotation -a "$(sed -n 's/.*"max_abs": \([^,]*\),.*/\1/p' out | wc -l)" = 1
"$ATTNVIZ" info "$genesis"/L*_[qk].npy "$genesis"/L*_attn.npy > out
check "and its mask is found" grep -q '^note: weights L0_attn: .* by at most 0\.59 (layer 1, head 0, .*; with --causal by at most 2.*e-07$' out
"$ATTNVIZ" info -q "$genesis/L1_q.npy" -k "$genesis/L1_k.npy" --no-checks --verify-weights "$genesis/L2_attn.npy" > out
check "weights of another layer are not explained" grep -q '^warning: .*are they of the same layer and the same run?$\|^warning: .*no plausible' out
cat "$genesis/L1_q.npy" | "$ATTNVIZ" info -q - -k "$genesis/L1_k.npy" --causal --no-checks --verify-weights "$genesis/L1_attn.npy" > out 2> err
check "queries from a pipe" grep -q '^note: ' out
refuse "weights that are not there" 1 "none.npy: " sh -c '"$0" info -q "$1/L1_q.npy" -k "$1/L1_k.npy" --no-checks --verify-weights none.npy > /dev/null' "$ATTNVIZ" "$genesis"
refuse "weights without queries and keys" 2 "keys" sh -c '"$0" info --no-checks "$1/L1_attn.npy" --verify-weights "$1/L1_attn.npy" > /dev/null' "$ATTNVIZ" "$genesis"
