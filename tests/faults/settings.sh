# SPDX-License-Identifier: MIT
# Every mechanism with every setting that all share: each either changes the weights (or the distances, which are positions) or is refused by its name.
. "$ROOT/tests/faults/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
made=$samples/mechanisms
pair="-q $samples/genesis/L0_q.npy -k $samples/genesis/L0_k.npy"

# A mechanism and its inputs; its name, and how often its option changes anything.
mechanisms="softmax $pair
weights -w weights.npy
logits -w logits.npy --logits
additive -a additive $made/additive.npz
window -a window $pair --param w=6 --param globals=0
packed -a window --input attentions=packed.npy
bigbird -a bigbird $pair $made/bigbird.npz --param block=4 --param dense=never
linear -a linear $pair
performer -a performer $pair --param seed=1
linformer -a linformer $pair $made/linformer.npz
slots -a linformer $pair $made/linformer.npz --param map=slots
conformer -a conformer $made/conformer.npz
shaw -a shaw $made/shaw.npz
sinusoidal -a sinusoidal $made/sinusoidal.npz
mamba -a mamba $made/mamba.npz
vim -a mamba $made/vim.npz
ssd -a ssd $made/ssd.npz
rwkv4 -a rwkv4 $made/rwkv4.npz
rwkv5 -a rwkv5 $made/rwkv5.npz
rwkv6 -a rwkv6 $made/rwkv6.npz
infini -a infini $pair --param segment=16 --param beta=0
multihead -a multihead $made/multihead.npz --param heads=4
paged -a paged $made/paged.npz --param kv-layout=nhd"

# What each is given: options that act alone, and those that need another, which the plain run then has as well.
settings='--scale-factor 0.3
--softcap 0.5
--stage scores
--logits
--log-weights
--signed
--causal
--past 3 --causal=top-left
--window 2,1
--chunk 3
--keep-first 2 --window 2,1
--key-begin 2
--key-lengths 3
--query-lengths 3
--mask mask.npy
--mask bias.npy
--mask-keys last
--dead-rows nan --mask dead.npy
--dead-rows uniform --mask dead.npy
--rope half
--rope-dims 2 --rope half
--rope-base 100 --rope half
--rope-factor 3 --rope half --rope-scaling linear
--rope-attention-factor 2 --rope half
--query-offset 5 --rope half
--key-offset 5 --rope half --query-offset 9
--alibi
--alibi-slopes slopes.npy
--t5-bias t5.npy
--t5-max-distance 4 --t5-bias t5.npy
--t5-buckets causal --t5-bias t5.npy
--bias-before-scale --alibi
--qk-norm rms
--qk-norm-epsilon 0.5 --qk-norm rms
--sinks sinks.npy'

attnviz weights $pair -o weights.npy
attnviz weights $pair --stage biased -o logits.npy
repeat 160 floats 0.25 | npy packed.npy '<f4' '(4, 8, 5)'

# Arrays as wide as the map of the mechanism at hand, told by the shape of what it writes.
shape_of() {
	attnviz info "$1" --no-checks --json | sed -n 's/.*"shape": \[\([0-9, ]*\)\].*/\1/p' | tr -d ' '
}
arrays() {
	shape=$(shape_of plain.npy)
	keys=${shape##*,}
	rest=${shape%,*}
	queries=${rest##*,}
	rest=${rest%,*}
	heads=${rest##*,}
	{ bytes 0; repeat $((keys - 1)) bytes 1; } | npy mask.npy '|b1' "(1, $keys)"
	{ repeat $keys bytes 0; repeat $(((queries - 1) * keys)) bytes 1; } | npy dead.npy '|b1' "($queries, $keys)"
	{ floats 1; repeat $((keys - 1)) floats 0; } | npy bias.npy '<f4' "(1, $keys)"
	repeat $heads floats 0.25 | npy slopes.npy '<f4' "($heads,)"
	repeat $heads floats 0.5 | npy sinks.npy '<f4' "($heads,)"
	{ repeat $((heads * 7)) floats 0.5; repeat $((heads * 25)) floats 2; } | npy t5.npy '<f4' "(32, $heads)"
}

# One setting of one mechanism. The option at hand is the first word, its value the second where that is none.
try() {
	mechanism=$1 given=$2
	shift 2
	option=${given%% *} rest=
	case $given in
	"$option") own=$option ;;
	*) rest=${given#* }
		case $rest in
		--*) own=$option ;;
		*) own="$option ${rest%% *}" rest=${rest#"${rest%% *}"} ;;
		esac ;;
	esac
	case $mechanism:$given in paged:--query-lengths*) own="$option 1,0,1" ;; esac # three sequences
	if attnviz weights "$@" $own $rest -o with.npy 2> err; then
		attnviz weights "$@" $rest -o without.npy 2> /dev/null || cp plain.npy without.npy
		case $mechanism:$given in
		weights:--signed | logits:--logits) return ;; # says what the file holds, and that is so
		paged:--t5-buckets\ causal*) return ;;        # as its mask says without
		esac
		cmp -s with.npy without.npy && echo "not ok $mechanism: $given changes nothing" || echo "ok $mechanism: $given acts"
	elif grep -qF -e "$option" err || { [ -n "$rest" ] && grep -qF -e "${rest%% *}" err; }; then
		echo "ok $mechanism: $given is refused"
	else
		echo "not ok $mechanism: $given is refused without its name: $(head -n 1 err)"
	fi
}

printf '%s\n' "$mechanisms" > list
printf '%s\n' "$settings" > given
while read -r mechanism words; do
	rm -f plain.npy
	attnviz weights $words -o plain.npy 2> err || { echo "not ok $mechanism opens: $(cat err)"; continue; }
	arrays
	while read -r setting; do
		try "$mechanism" "$setting" $words < /dev/null
	done < given
done < list

# The commands refuse alike, whatever they make of it.
for option in "--rope half" --alibi "--scale-factor 2" "--softcap 5" "--qk-norm rms" "--stage scores" "--t5-bias t5.npy"; do
	for command in stats heatmap rollout arcs align blocks weights; do
		refuse "$command of ready weights with $option" 2 "${option%% *}: these are ready weights" attnviz $command -w weights.npy $option
	done
done
for option in --logits --log-weights --signed; do
	refuse "stats of queries and keys with $option" 2 "$option: softmax attention" attnviz stats $pair $option
done
refuse "two things that weights may be" 2 "one of them" attnviz stats -w weights.npy --logits --signed
refuse "absolute values of what is not negative" 2 "--normalise abs cannot change anything" attnviz stats -w weights.npy --normalise abs
refuse "--past of a cache" 2 "--past: paged attention gets lengths" attnviz stats -a paged "$made/paged.npz" --param kv-layout=nhd --past 3
refuse "--scale-factor with mamba" 2 "--scale-factor: mamba attention" attnviz stats -a mamba "$made/mamba.npz" --scale-factor 2
refuse "--causal with packed windows" 2 "--causal: window attention" attnviz stats -a window --input attentions=packed.npy -c
# Of two attentions each takes what it can; what neither takes is refused.
note "compare says what acts on one of them only" "--softcap does not act on A (linear attention)" attnviz compare $pair -a linear --against softmax --softcap 5
refuse "and refuses what acts on neither" 2 "--softcap acts neither on linear nor on performer" attnviz compare $pair -a linear --against performer --softcap 5
attnviz compare $pair --against weights weights.npy --scale-factor 0.5 --quiet --tsv > out
check "computed with a setting, against weights as they are" awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "max_abs") at = i } NR == 2 { fine = $at > 1e-3 } END { exit !fine }' out
