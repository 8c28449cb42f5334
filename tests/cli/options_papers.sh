# SPDX-License-Identifier: MIT
# The options of papers in every command that draws: the font, its size (15 pt is 20 pixels at 96 to the inch) and the width of a column (6.75 in is 648).
commands='stats align arcs text overlay rollout compare blocks flash ring heatmap'
if [ "${1-}" = --list ]; then
	for command in $commands; do
		for option in --font --font-size --column; do echo "$command $option"; done
	done
	# What only heatmap has is tried in tests/cli/pictures.sh.
	for option in --caption --bar-title --no-bar --query-title --key-title --values; do echo "heatmap $option"; done
	exit 0
fi
. "$ROOT/tests/cli/lib.sh"
samples=$ROOT/samples
head="$samples/genesis/L0_q.npy $samples/genesis/L0_k.npy --causal"

# drawn COMMAND OPTION...: the picture of a command as x.svg.
drawn() {
	command=$1
	shift
	case $command in
	stats) set -- $head -m entropy --plot x.svg "$@" ;;
	align) set -- "$samples"/transformer/*_[qk].npy --layer 1 --head 0 -o x.svg "$@" ;;
	arcs | heatmap) set -- $head --head 0 -o x.svg "$@" ;;
	text) set -- $head --head 0 --query 5 -t "$samples/genesis/tokens.txt" -o x.svg "$@" ;;
	overlay) set -- "$samples"/digit3/L3_[qk].npy --image "$samples"/digit3/*.png --head 0 -o x.svg "$@" ;;
	rollout) set -- "$samples"/genesis/*_[qk].npy --causal -o x.svg "$@" ;;
	compare) set -- $head --attention linear --against softmax --head 0 --plot x.svg "$@" ;;
	blocks) set -- $head --show blocks --plot x.svg "$@" ;;
	flash) set -- $head --plot x.svg "$@" ;;
	ring) set -- -n 64 -P 4 --plot x.svg "$@" ;;
	esac
	rm -f x.svg
	"$ATTNVIZ" "$command" "$@" > out 2> err
}

for command in $commands; do
	check "$command --font" sh -c '! grep -q "font-family=\"Foo, " plain.svg && grep -q "font-family=\"Foo, " x.svg' - $(drawn $command; mv x.svg plain.svg; drawn $command --font Foo)
	check "$command --font-size" sh -c '! grep -q "font-size=\"20\"" plain.svg && grep -q "font-size=\"20\"" x.svg' - $(drawn $command --font-size 15)
	check "$command --column" sh -c '! grep -q "<svg [^>]*width=\"648\"" plain.svg && grep -q "<svg [^>]*width=\"648\"" x.svg' - $(drawn $command --column double)
done
