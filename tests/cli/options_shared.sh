# SPDX-License-Identifier: MIT
# Every option that tells what the attention is, in every command: tests/data/options/shared.txt has one row for each, with what the weights
# must be (make.py there computed them in float64). A command that is given the option must show what it shows of those weights where they
# are given ready, and something else without the option. `sh options_shared.sh --list` prints what is covered, "COMMAND OPTION" a line.
commands='heatmap text stats weights align arcs overlay rollout compare blocks flash ring info'
table=$ROOT/tests/data/options/shared.txt

if [ "${1-}" = --list ]; then
	for command in $commands; do
		cut -d '|' -f 1 "$table" | sed "s/^/$command /"
	done
	exit
fi
. "$ROOT/tests/cli/lib.sh"
export LC_ALL=C.UTF-8
unset COLUMNS LINES
for kind in npy npz txt json; do
	cp "$ROOT/tests/data/options/"*.$kind .
done
cp "$ROOT/samples/digit3/image.png" .
mkdir views
: > pairs

# How the row of an option is tried in a command: "shown" like the weights that are wanted, at a distance of zero ("near") from them, with
# their "sums"; "changes" what is printed; "refused"; "idle" for what is none of the command's business, with the reason.
way_of() {
	metrics=max,participation other= range='--vmin 0 --vmax 1'
	case $2 in --stage | --signed) range= metrics=negative,row_sum ;; esac
	# One number tells the scale of rows, or their shape.
	case $2 in --stage | --signed | --normalise | --sink-logits) number=row_sum ;; *) number=participation ;; esac
	case $1:$2 in
	# The schedule of a ring counts pairs of a query and a key that is seen: only --causal matters.
	ring:--past | ring:--window | ring:--chunk | ring:--keep-first | ring:--key-begin | ring:--key-lengths | ring:--query-lengths | ring:--mask | ring:--mask-keys | ring:--dead-rows) way=refused ;;
	ring:--causal) way=changes ;;
	ring:*) way=idle ;;
	# What has no softmax has no running sum.
	flash:--weights | flash:--attention | flash:--param | flash:--stage | flash:--log-weights | flash:--signed | flash:--normalise | flash:--skip-nan) way=refused ;;
	flash:--*tokens | flash:--*ids | flash:--vocab | flash:--words | flash:--hide | flash:--*spans | flash:--by-span) way=refused ;;
	# The sum of one head.
	flash:--head) way=changes other=4 ;;
	# A uniform row is no sum.
	flash:--dead-rows) way=idle ;;
	# Sink logits join the sum after the last tile.
	flash:--sink-logits) way=refused ;;
	flash:*) way=sums ;;
	# Flows are of shares, of the same tokens, through all layers and heads; the queries are those that are there.
	rollout:--stage | rollout:--signed | rollout:--past | rollout:--layer | rollout:--head) way=refused ;;
	rollout:--query-lengths) way=changes ;;
	# Both sides of a comparison are read by the same options.
	compare:--attention | compare:--param | compare:--names | compare:--dump-step) way=refused other=w2.npy ;;
	compare:--*tokens | compare:--*ids | compare:--vocab | compare:--words | compare:--hide | compare:--*spans | compare:--by-span) way=changes other=w2.npy ;;
	compare:--stage | compare:--logits | compare:--dead-rows | compare:--normalise) way=changes other=w2.npy ;;
	compare:--log-weights) way=changes other=$beside ;;
	compare:*) way=near other=$beside ;;
	# Weights are verified token by token.
	info:--*tokens | info:--*ids | info:--vocab | info:--words | info:--hide | info:--*spans | info:--by-span) way=idle ;;
	# What weights look like is found, not told.
	info:--logits | info:--log-weights | info:--signed | info:--normalise) way=idle ;;
	info:--weights | info:--skip-nan) way=changes ;;
	# Of three layers, the weights of all.
	info:--layer) way=idle ;;
	info:--batch | info:--head) way=near other="--verify-weights $beside" ;;
	info:*) way=near other="--verify-weights ${want#-w }" && other=${other%%.npy*}.npy ;;
	# An array of signed weights is written as it is, whatever it is called.
	weights:--signed) way=idle ;;
	# Weights on blocks are shares.
	blocks:--stage | blocks:--signed | blocks:--hide) way=refused ;;
	*) way=shown ;;
	esac
}

# view COMMAND OTHER ARGUMENTS...: what the command shows of the weights, as words and numbers. OTHER: what they are held against.
view() {
	command=$1 other=$2
	shift 2
	case $command in
	heatmap) set -- "$@" $range ;;
	text) set -- "$@" -m "$number" --reduce none --format html ;;
	overlay) set -- "$@" --image image.png --grid 1x2 --patches 0:2 --reduce mean ;;
	arcs) set -- "$@" --least 1e-6 --reduce mean ;;
	align) set -- "$@" --extract threshold --threshold 1e-6 --reduce mean --tsv ;;
	rollout) set -- "$@" --residual 0 --tsv ;;
	stats) set -- "$@" -m "$metrics" --per-row --tsv ;;
	compare) set -- "$@" --other "$other" --tsv ;;
	blocks) set -- "$@" --show blocks --block-size 1 --tsv ;;
	flash) set -- "$@" --trace 0:"$other" --tsv ;;
	ring) set -- "$@" --tsv ;;
	info) set -- "$@" --json $other ;;
	weights) set -- "$@" -o view.npy ;;
	esac
	"$ATTNVIZ" "$command" "$@" --quiet > raw || return
	case $command in
	# Cells that are hidden are blank, those of weight 0 are dots.
	heatmap) sed -e 1d -e '/\.\.\.\.::::/q' raw | sed -e 's/ *[a-z ]*$//' -e 's/ /./g' -e 's/\.*$//' ;;
	overlay) sed -e 1d -e '/\.\.\.\.::::/q' raw | sed -e 's/ *[a-z ]*$//' ;;
	text) grep -o 'title="[^"]*"' raw | sed 's/.*: //; s/"//' ;;
	arcs) grep → raw ;;
	stats | blocks) cut -f 4- raw ;;
	compare) cut -f 4-6 raw ;;
	flash) cut -f 8 raw ;;
	info) sed 's/"file": "[^"]*"//' raw ;;
	weights) od -An -v -t f4 -j 128 view.npy ;;
	*) cat raw ;;
	esac
}

# keep COMMAND OTHER ARGUMENTS: $file holds that view, and what was seen before is not computed again. No argument has a slash.
keep() {
	file="views/$1 $metrics $number $2 $3"
	# shellcheck disable=SC2086 # arguments are words
	[ -e "$file" ] || view "$1" "$2" $3 > "$file" 2> err || { echo FAILED && cat err; } >> "$file"
}

# pair ALIKE|UNLIKE NAME FILE FILE: to be compared at the end, all at once.
pair() { echo "$1|$2|$3|$4" >> pairs; }

# The distance from what is wanted is zero, and is not without the option.
try_near() {
	keep "$command" "$other" "$given"
	pair ZERO "$command $option" "$file" -
	keep "$command" "$other" "$without"
	pair NONZERO "$command without $option" "$file" -
}

try_shown() {
	keep "$command" '' "$given"
	with=$file
	keep "$command" '' "$want"
	pair ALIKE "$command $option" "$with" "$file"
	keep "$command" '' "$without"
	pair UNLIKE "$command without $option" "$with" "$file"
}

# The running sum of a row ends at the sum of its exponentials.
try_sums() {
	queries=4
	[ "$option" != --past ] || queries=2
	echo "lse $sums" > sums"$option"
	keep flash $queries "$given"
	pair ALIKE "flash $option" "$file" "sums$option"
	with=$file
	keep flash $queries "$without"
	pair UNLIKE "flash without $option" "$with" "$file"
}

try_changes() {
	keep "$command" "$other" "$given"
	with=$file
	keep "$command" "$other" "$without"
	pair UNLIKE "$command $option" "$with" "$file"
}

try_refused() {
	keep "$command" "${other:-4}" "$given"
	pair REFUSED "$command $option" "$file" -
}

for command in $commands; do
	while IFS='|' read -r option given without want sums beside; do
		way_of "$command" "$option"
		[ $way = idle ] || try_$way < /dev/null
	done < "$table"
done

awk -F '|' '
	# The words of a file; numbers are told from other words when they are compared.
	function words(file, list,   line, n, count, i, part) {
		count = 0
		while ((getline line < file) > 0) {
			gsub(/[,\t|\[\]{}]/, " ", line)
			n = split(line, part, " ")
			for (i = 1; i <= n; i++) list[++count] = part[i]
		}
		close(file)
		return count
	}
	function alike(a, b,   i, n, x, y, p, q) {
		n = words(a, x)
		if (n != words(b, y) || !n) { why = n " words"; return 0 }
		for (i = 1; i <= n; i++) {
			if (x[i] == y[i]) continue
			why = x[i] " for " y[i]
			if (x[i] !~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/ || y[i] !~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/) return 0
			p = x[i] - y[i]; q = y[i] < 0 ? -y[i] : y[i]
			if ((p < 0 ? -p : p) > 1e-3 * (q > 0.02 ? q : 0.02)) return 0
		}
		return 1
	}
	# The largest number of a comparison or a verification.
	function distance(file,   i, n, x, most) {
		n = words(file, x); most = -1
		for (i = 1; i <= n; i++) {
			if (x[i] == "\"max_abs\":" && x[i - 1] == "\"\"") return x[i + 1]
			if (x[i] ~ /^[0-9.]+(e[-+]?[0-9]+)?$/ && file ~ /compare/ && x[i] + 0 > most) most = x[i] + 0
		}
		return most
	}
	function failed(file,   i, n, x) { n = words(file, x); for (i = 1; i <= n; i++) if (x[i] == "FAILED") return 1; return 0 }
	{
		why = ""
		if ($1 == "ALIKE") good = !failed($3) && alike($3, $4)
		else if ($1 == "UNLIKE") good = !failed($3) && !alike($3, $4)
		else if ($1 == "REFUSED") good = failed($3)
		else { d = distance($3); why = d; good = $1 == "ZERO" ? d >= 0 && d < 1e-5 : d < 0 || d > 1e-3 }
		print (good ? "ok " : "not ok ") $2 (good ? "" : ": " why)
	}' pairs
