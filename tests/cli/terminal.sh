# SPDX-License-Identifier: MIT
# On a terminal: pictures fit the window, long output is paged, colours are found.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
export LC_ALL=C.UTF-8
unset COLUMNS LINES COLORTERM NO_COLOR COLORFGBG TERM_PROGRAM VTE_VERSION KONSOLE_VERSION WT_SESSION TERMINFO
command -v script > /dev/null || { echo "skip terminals: no script(1)"; exit 0; }

# on COLUMNS ROWS COMMAND: what it prints on such a terminal, without colours.
on() {
	columns=$1 rows=$2
	shift 2
	script -qec "stty cols $columns rows $rows; $*" /dev/null < /dev/null | tr -d '\r'
}
plain() {
	sed 's/\x1b\[[0-9;]*m//g'
}
export TERM=xterm-256color PAGER=cat

# Lines and columns of every kind of map, in windows of several sizes.
head -c 1048576 /dev/zero | tr '\0' '\1' | npy long.npy '|u1' '(1024, 1024)'
for size in '80 24' '120 40' '60 30'; do
	on $size "'$ATTNVIZ' heatmap $samples/animal/*_[qk].npy --head 1 -t $samples/animal/tokens.txt" | plain > animal
	on $size "'$ATTNVIZ' heatmap $samples/genesis/*_[qk].npy --causal --layer 3 --head 3 -t $samples/genesis/tokens.txt" | plain > genesis
	on $size "'$ATTNVIZ' heatmap $samples/genesis/*_[qk].npy --causal --layer 2 --head 0" | plain > numbers
	on $size "'$ATTNVIZ' heatmap --quiet long.npy" | plain > long
	for map in animal genesis numbers long; do
		check "$map fits $size" awk -v columns="${size% *}" -v rows="${size#* }" '
			{ gsub(/[\200-\277]/, ""); if (length($0) > columns) bad = 1 } END { exit bad || NR < 8 || NR >= rows }' "$map"
	done
done
on 80 24 "'$ATTNVIZ' heatmap $samples/animal/*_[qk].npy --head 1 -t $samples/animal/tokens.txt" | plain > out
check "a map of few tokens keeps them" grep -q '^ *animal ' out

# The pager: long output on a terminal, and nothing else.
export PAGER="sed 's/^/paged /'"
on 80 24 "'$ATTNVIZ' heatmap $samples/genesis/*_[qk].npy --causal" > out
check "long output is paged" sh -c '[ "$(grep -c "^paged" out)" -gt 100 ] && [ "$(grep -vc "^paged" out)" = 0 ]'
on 80 24 "'$ATTNVIZ' stats $samples/genesis/*_[qk].npy --causal" > out
check "tables, too" grep -q '^paged ' out
on 80 100 "'$ATTNVIZ' stats $samples/genesis/*_[qk].npy --causal" > out
check "what fits is not" sh -c "! grep -q paged out && grep -q sink1 out"
on 80 24 "'$ATTNVIZ' heatmap $samples/genesis/*_[qk].npy --causal --no-pager" > out
check "--no-pager" sh -c '! grep -q paged out && grep -q "layer 3" out'
on 80 24 "'$ATTNVIZ' --no-pager heatmap $samples/genesis/*_[qk].npy --causal" > out
check "--no-pager before the command" sh -c '! grep -q paged out'
on 80 24 "TERM=dumb '$ATTNVIZ' heatmap $samples/genesis/*_[qk].npy --causal" > out
check "not on a dumb terminal" sh -c '! grep -q paged out'
on 80 24 "PAGER= '$ATTNVIZ' heatmap $samples/genesis/*_[qk].npy --causal" > out
check "nor without a pager" sh -c '! grep -q paged out'
"$ATTNVIZ" heatmap "$samples"/genesis/*_[qk].npy --causal > out
check "nor without a terminal" sh -c '! grep -q paged out'
on 80 24 "'$ATTNVIZ' stats $samples/nothing.npy; echo status \$?" > out
check "the exit status stays" grep -q '^status 1' out
on 80 24 "PAGER='head -n 1' '$ATTNVIZ' stats $samples/genesis/*_[qk].npy --causal --tsv --per-row; echo over" > out
check "a pager that is left early" sh -c '[ "$(wc -l < out)" -le 3 ] && grep -q over out'

# Colours: what a terminal says of itself, in the order of precedence.
export PAGER=cat
colours() {
	name=$1 want=$2
	shift 2
	on 80 24 "env $* '$ATTNVIZ' heatmap $samples/animal/*_[qk].npy --head 1" > out
	case $want in
	24) check "$name" grep -q '48;2;' out ;;
	256) check "$name" sh -c 'grep -q "48;5;" out && ! grep -q "48;2;" out' ;;
	0) check "$name" sh -c '! grep -q "48;" out' ;;
	esac
}
colours "xterm-256color" 256 TERM=xterm-256color
colours "COLORTERM" 24 TERM=xterm-256color COLORTERM=truecolor
colours "a terminal known by name" 24 TERM=foot
colours "another" 24 TERM=alacritty
colours "by the program around it" 24 TERM=xterm-256color TERM_PROGRAM=WezTerm
colours "by its library" 24 TERM=xterm-256color VTE_VERSION=6003
colours "screen passes on what it knows" 256 TERM=screen-256color VTE_VERSION=6003
colours "NO_COLOR" 0 TERM=xterm-256color NO_COLOR=1
colours "unknown" 0 TERM=no-such-terminal
colours "vt100" 0 TERM=vt100
# Entries of our own, term(5): 14 numbers, the last of which are the colours.
entry() {
	bytes 26 1 2 0 0 0 14 0 0 0 0 0 97 0
	i=0
	while [ $i -lt 13 ]; do bytes 255 255; i=$((i + 1)); done
	bytes "$1" "$2"
}
mkdir -p info/m
entry 0 1 > info/m/mine
entry 8 0 > info/m/mono
colours "terminfo of 256" 256 TERM=mine TERMINFO="$PWD/info"
colours "terminfo of 8" 0 TERM=mono TERMINFO="$PWD/info"
printf 'x' > info/m/short
colours "terminfo cut short" 0 TERM=short TERMINFO="$PWD/info"
"$ATTNVIZ" heatmap "$samples"/animal/*_[qk].npy --head 1 --colour 24bit > out
check "--colour 24bit" grep -q '48;2;' out
"$ATTNVIZ" heatmap "$samples"/animal/*_[qk].npy --head 1 --colour 256 > out
check "--colour 256" grep -q '48;5;' out
