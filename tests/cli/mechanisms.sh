# SPDX-License-Identifier: MIT
# Every mechanism has its page, its picture in the demonstration, and runs on the samples.
. "$ROOT/tests/cli/lib.sh"
export LC_ALL=C
page=$ROOT/man/attnviz-mechanisms.7
demo=$ROOT/samples/demo.sh

# Words that `attnviz explain NAME` lists under a title.
listed() {
	"$ATTNVIZ" explain "$1" | awk -v title="$2" '
		/^[A-Z]/ { within = index($0, title) == 1; next }
		within && /^  [^ ]/ { print $1 }'
}

names=$("$ATTNVIZ" explain | awk '/^Mechanisms/ { within = 1; next } /^$/ { within = 0 } within && /^  [^ ]/ { print $1 }')
check "mechanisms are listed" test -n "$names"
for mechanism in $names; do
	case $mechanism in
	softmax | weights) continue ;; # attnviz-heatmap(1) and attnviz-weights(1) are about them
	esac
	sed -n "/^\\.Ss .*($mechanism)\$/,/^\\.S[sh]/p" "$page" > section
	check "$mechanism has a section in the manual" test -s section
	for word in $(listed "$mechanism" Inputs) $(listed "$mechanism" Parameters); do
		grep -qE "^\\.It Cm $word( |\$)" section || echo "not ok $mechanism: the manual does not say what $word is"
	done
	check "$mechanism has a picture in the demonstration" grep -q -- "--attention $mechanism " "$demo"
done

expect "the demonstration of all mechanisms" 0 env ALL=1 ATTNVIZ="$ATTNVIZ" sh "$demo" "$PWD/demo"
for picture in $(sed -n 's/^all \([^ ]*\) .*/\1/p' "$demo"); do
	check "all writes $picture" test -s "demo/$picture"
done

# What is missing is named with its shape and its option.
refuse "a missing role is named" 2 "time_faaaa" "$ATTNVIZ" heatmap --attention rwkv6 -q "$ROOT/samples/genesis/L0_q.npy" -k "$ROOT/samples/genesis/L0_q.npy"
refuse "an unknown parameter is named" 2 "globals" "$ATTNVIZ" heatmap --attention window -q "$ROOT/samples/genesis/L0_q.npy" -k "$ROOT/samples/genesis/L0_k.npy" --param width=3

# What a signed map has no number for is had of its absolute weights, for every command.
mamba=$ROOT/samples/mechanisms/mamba.npz
refuse "entropy of a signed map names the option" 1 "normalise abs-row" "$ATTNVIZ" stats --attention mamba "$mamba" --metrics entropy
refuse "a rollout of signed maps names the option" 1 "normalise abs-row" "$ATTNVIZ" rollout --attention mamba "$mamba" -o rollout.png
"$ATTNVIZ" stats --attention mamba "$mamba" --head 0 --normalise abs-row --metrics row_sum,entropy --tsv > rows.tsv
check "rows of absolute weights sum to 1" awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR == 2 && $at["row_sum"] > 0.999999 && $at["row_sum"] < 1.000001 && $at["entropy"] > 0 { fine = 1 } END { exit !fine }' rows.tsv
# What was drawn can be kept and given back.
performer="$ROOT/samples/genesis/L0_q.npy $ROOT/samples/genesis/L0_k.npy --attention performer"
"$ATTNVIZ" weights $performer --param seed=3 --write projection -o projection.npy
"$ATTNVIZ" weights $performer --param seed=3 -o drawn.npy
"$ATTNVIZ" weights $performer --input projection=projection.npy -o given.npy
check "a projection that was written makes the same features" cmp drawn.npy given.npy
"$ATTNVIZ" weights $performer --param seed=4 -o other.npy
check "another seed draws another projection" sh -c '! cmp -s drawn.npy other.npy'
refuse "a softmax has no projection" 2 "performer" "$ATTNVIZ" weights "$ROOT"/samples/genesis/L0_[qk].npy --write projection -o none.npy

refuse "a softmax is normalised already" 2 "normalise" "$ATTNVIZ" stats -q "$ROOT/samples/genesis/L0_q.npy" -k "$ROOT/samples/genesis/L0_k.npy" --normalise abs-row
