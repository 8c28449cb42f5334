# SPDX-License-Identifier: MIT
# Every option of pictures and of their colours, in every command that draws: by the decoded pixels of pictures of a few cells whose values are
# known. `sh options_pictures.sh --list` prints what is covered, "COMMAND OPTION" a line.
draw='heatmap text arcs align overlay rollout stats compare blocks flash ring'
# Options of colours are of maps; lines have one colour. --range is for pictures of several panels.
colours='heatmap text align overlay rollout stats compare blocks flash ring'
panels='heatmap text overlay compare flash'
one_panel='align rollout stats blocks ring'

if [ "${1-}" = --list ]; then
	for command in $draw; do
		printf "$command --%s\n" format size dpi theme title no-provenance colour
	done
	for command in $colours; do
		printf "$command --%s\n" colormap scale reverse vmin vmax clip
	done
	for command in $panels $one_panel; do
		echo "$command --range"
	done
	for command in heatmap text arcs align overlay rollout; do
		echo "$command --output"
	done
	for command in stats compare blocks flash ring; do
		echo "$command --plot"
	done
	exit
fi
. "$ROOT/tests/cli/lib.sh"
export LC_ALL=C.UTF-8 TERM=dumb
unset COLUMNS LINES COLORTERM NO_COLOR
for name in four cells even maxima fq fk; do
	cp "$ROOT/tests/data/options/$name.npy" .
done
cp "$ROOT/samples/digit3/image.png" .
"${CC:-cc}" -O1 -o pixels "$ROOT/tests/cli/pixels.c" $(pkg-config --cflags --libs libpng) || exit 1

# take COMMAND: what it draws: $make, with the name of the picture at its end, and the values of its cells, from the top.
take() {
	single='0.125 0.875 0.375 0.625'
	case $1 in
	heatmap) make="heatmap cells.npy -H 0" values=$single panes="heatmap cells.npy" ;;
	text) make='text four.npy --focus 3' values='0.3125 0.0625 0.25 0.375' panes='text cells.npy --focus 0 --reduce none' ;;
	arcs) make="arcs cells.npy -H 0" values= ;;
	align) make="align cells.npy -H 0 --extract threshold --threshold 1" values=$single ;;
	# The mean of both heads.
	rollout) make='rollout cells.npy --residual 0' values='0.1875 0.8125 0.40625 0.59375' ;;
	overlay) make='overlay cells.npy --image image.png --grid 1x2 --patches 0:2 --of 0,1 -H 0 --solid --opacity 1 --interpolation nearest' values=$single panes=$make ;;
	stats) make='stats -w maxima.npy --layout LHNM -m max --plot-kind matrix' values='0.875 0.75 0.625 0.5' ;;
	# Differences from rows of a half.
	compare) make='compare -w cells.npy -H 0 --other even.npy' values='-0.375 0.375 -0.125 0.125' panes='compare -w cells.npy --other even.npy' ;;
	# Means over two queries.
	blocks) make='blocks cells.npy --show blocks --block-size 1' values='0.25 0.75 0.34375 0.65625' ;;
	# Logits 1 3, 2 6: their running maximum; of the other head 2 5, 4 10.
	flash) make='flash -q fq.npy -k fk.npy --scale-factor 1 --block-rows 1 --block-keys 1 --draw maximum -H 0' values='1 3 2 6' panes=${make% -H 0} ;;
	# Two ranks, two tokens each.
	ring) make='ring -n 4 -P 2 --causal --ring-layout contiguous' values='3 0 4 3' ;;
	esac
	case $1 in
	stats | compare | blocks | flash | ring) out=--plot ;;
	*) out=-o ;;
	esac
}

# cells NAME WANTED COMMAND...: the cells that are drawn have these colours, grey levels 0 ... 255 that may be one off; "ends FIRST LAST" are the
# colours of the least and of the largest value.
cells() {
	name=$1 wanted=$2
	shift 2
	if ! "$ATTNVIZ" "$@" --quiet $out p.png > /dev/null 2> err; then
		echo "not ok $name: $(cat err)"
		return
	fi
	case $1 in
	# Boxes of words are told by the page.
	text) "$ATTNVIZ" "$@" --quiet --format html | grep -o 'style="background:#[0-9a-f]*[^>]*title' | sed 's/.*#\([0-9a-f]\{6\}\);.*/\1/' > got ;;
	*) ./pixels p.png cells 30 | cut -c 1-6 > got ;;
	esac
	if awk -v wanted="$wanted" '
		function level(colour) { return 16 * (index("0123456789abcdef", substr(colour, 1, 1)) - 1) + index("0123456789abcdef", substr(colour, 2, 1)) - 1 }
		BEGIN { count = split(wanted, want, " ") }
		{ if (++seen > count) next; if (want[seen] ~ /^#/) bad = bad || "#" $1 != want[seen]; else if (want[seen] != "any") { d = level($1) - want[seen]; bad = bad || d * d > 1.1 || substr($1, 1, 2) != substr($1, 3, 2) || substr($1, 1, 2) != substr($1, 5, 2) } }
		END { exit bad || seen != count }' got; then
		echo "ok $name"
	else
		echo "not ok $name: $(tr '\n' ' ' < got), wanted $wanted"
	fi
}

# levels SCALE LEAST LARGEST VALUES: the grey levels of values.
levels() {
	echo "$4" | tr ' ' '\n' | awk -v scale="$1" -v least="$2" -v largest="$3" '
		{ v = $1; t = (v - least) / (largest - least); t = t < 0 ? 0 : t > 1 ? 1 : t }
		scale == "sqrt" { t = sqrt(t) }
		scale == "log" { t = v <= least ? 0 : v >= largest ? 1 : log(v / least) / log(largest / least) }
		{ printf "%.0f ", 255 * t }'
}

# The least and the largest of four values, and their upper quartile.
least() { echo "$values" | tr ' ' '\n' | sort -g | head -n 1; }
largest() { echo "$values" | tr ' ' '\n' | sort -g | tail -n 1; }
upper() { echo "$values" | tr ' ' '\n' | sort -g | awk '{ v[NR] = $1 } END { print v[3] + (v[4] - v[3]) / 4 }'; }
# ends FIRST LAST: colours of the least and largest value, any of the others.
ends() {
	for value in $values; do
		if [ "$value" = "$low" ]; then echo "$1"; elif [ "$value" = "$high" ]; then echo "$2"; else echo any; fi
	done | tr '\n' ' '
}

for command in $colours; do
	take $command
	low=$(least) high=$(largest)
	# Scenes of shares and pairs begin at 0.
	case $command in blocks | ring | text) origin=0 ;; *) origin=$low ;; esac
	gray="--colormap gray"
	cells "$command: values are colours" "$(levels linear $origin $high "$values")" $make $gray
	inner=$(awk "BEGIN { print $low + ($high - $low) / 8 }") outer=$(awk "BEGIN { print $high - ($high - $low) / 8 }")
	cells "$command --vmin" "$(levels linear "$inner" $high "$values")" $make $gray --vmin="$inner"
	cells "$command --vmax" "$(levels linear $origin "$outer" "$values")" $make $gray --vmax="$outer"
	cells "$command --clip" "$(levels linear $origin "$(upper)" "$values")" $make $gray --clip 0.25
	cells "$command --reverse" "$(levels linear $high $origin "$values")" $make $gray --reverse
	cells "$command --scale sqrt" "$(levels sqrt $origin $high "$values")" $make $gray --scale sqrt
	case $command in
	compare) ;; # differences below 0 have no logarithm
	*) cells "$command --scale log" "$(levels log 0.03125 $high "$values")" $make $gray --scale log --vmin 0.03125 ;;
	esac
	case $command in
	blocks | ring | compare) ;; # several values are equal, or none is below the origin
	*) cells "$command --scale rank" "$(levels linear 0 3 "$(for value in $values; do rank=0; for other in $values; do awk "BEGIN { exit !($other < $value) }" && rank=$((rank + 1)); done; echo $rank; done | tr '\n' ' ' | sed 's/ $//')")" $make $gray --scale rank ;;
	esac
	# The middle of diverging colours is zero, and both ends are as far from it.
	case $command in compare) first='#14458a' ;; ring) first='#f6f5f5' ;; *) first=any ;; esac
	cells "$command --colormap diverging" "$(ends $first '#8a0016')" $make --colormap diverging --vmax "$high"
	# The ends of the published maps; blues are our own.
	case $command in blocks | text) make="$make --vmin $low" ;; esac
	cells "$command --colormap viridis" "$(ends '#440154' '#fde725')" $make --colormap viridis
	cells "$command --colormap magma" "$(ends '#000004' '#fcfdbf')" $make --colormap magma
	cells "$command --colormap cividis" "$(ends '#00224e' '#fee838')" $make --colormap cividis
	cells "$command --colormap blues" "$(ends '#f8fafd' '#0c2f69')" $make --colormap blues
done

# Two panels, whose values share a range or do not: the least and the largest of each.
for command in $panels; do
	take $command
	case $command in
	heatmap) shared='0 255 43 213 85 170 106 149' apart='0 255 0 255 85 170 96 159' ;;
	text) shared='36 255 73 219' apart='36 255 85 255' ;;
	overlay) shared='0 255 85 170' apart='0 255 0 255' ;;
	compare) shared='0 255 43 213 85 170 106 149' apart='0 255 0 255 85 170 96 159' ;;
	# 1 3, 2 6 and 2 5, 4 10.
	flash) shared='0 57 28 113 28 142 85 255' apart='0 102 0 96 51 255 64 255' ;;
	esac
	cells "$command --range shared" "$shared" $panes --colormap gray
	cells "$command --range panel" "$apart" $panes --colormap gray --range panel
done
for command in $one_panel; do
	take $command
	"$ATTNVIZ" $make $out one.png --quiet > /dev/null
	"$ATTNVIZ" $make $out panel.png --range panel --quiet > /dev/null
	check "$command --range: one panel is all" test "$(./pixels one.png cells 30)" = "$(./pixels panel.png cells 30)" -a -n "$(./pixels one.png cells 30)"
done

# size FILE: "WIDTH HEIGHT"
size() { ./pixels "$1" | awk '{ print $1, $3 }'; }

for command in $draw; do
	take $command
	"$ATTNVIZ" $make $out plain.png --quiet > /dev/null
	"$ATTNVIZ" $make $out fine.png --dpi 192 --quiet > /dev/null
	check "$command --dpi: twice as many pixels" sh -c 'set -- $1 $2; d=$(($1 * 2 - $3)) e=$(($2 * 2 - $4)); [ ${d#-} -le 6 ] && [ ${e#-} -le 6 ]' - "$(size plain.png)" "$(size fine.png)"
	"$ATTNVIZ" $make $out sized.png --size 640x480 --quiet > /dev/null
	check "$command --size" test "$(size sized.png)" = '640 480'
	"$ATTNVIZ" $make $out dark.png --theme dark --quiet > /dev/null
	check "$command --theme" sh -c 'case $1:$2 in ffffff:[0-3]?[0-3]?[0-3]?) ;; *) exit 1 ;; esac' - "$(./pixels plain.png 0 0)" "$(./pixels dark.png 0 0)"
	"$ATTNVIZ" $make $out bare.png --no-provenance --quiet > /dev/null
	check "$command --no-provenance" sh -c 'grep -aq "attnviz $1" plain.png && ! grep -aq "attnviz $1" bare.png' - "$command"
	check "$command --no-provenance: the same pixels" test "$(./pixels plain.png)" = "$(./pixels bare.png)"
	"$ATTNVIZ" $make $out p.x --format svg --title 'Another title' --quiet > /dev/null
	check "$command --format svg" grep -q '<svg' p.x
	check "$command --title" grep -q 'Another title' p.x
	"$ATTNVIZ" $make $out p.x --format pdf --quiet > /dev/null
	check "$command --format pdf" test "$(head -c 5 p.x)" = %PDF-
	"$ATTNVIZ" $make $out p.x --format png --quiet > /dev/null
	check "$command --format png" test "$(./pixels p.x)" = "$(./pixels plain.png)"
	"$ATTNVIZ" $make $out p.x --format text --colour always --quiet > /dev/null
	"$ATTNVIZ" $make $out q.x --format text --quiet > /dev/null
	escape=$(printf '\033')
	# Lines of text have no colours.
	[ $command = arcs ] || check "$command --colour always" grep -q "$escape\[" p.x
	check "$command --format text" sh -c 'LC_ALL=C grep -q "[a-z]" q.x && ! grep -q "$1\[" q.x && ! head -c 8 q.x | grep -aq "PNG\|<svg\|%PDF"' - "$escape"
done
