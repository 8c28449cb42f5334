# SPDX-License-Identifier: MIT
# Sourced by the scripts of tests/faults, each of which runs cases of tests/data/cases (faults.md there lists them). Every script starts in
# an empty scratch folder, as those of tests/cli do.
. "$ROOT/tests/cli/lib.sh"
export LC_ALL=C.UTF-8
scratch=$(pwd)
mkdir -p "$scratch/bin"
ln -sf "$ATTNVIZ" "$scratch/bin/attnviz"
PATH=$scratch/bin:$PATH

# enter CASE: work in a fresh copy of the case's folder.
enter() {
	cd "$scratch" || exit 1
	rm -rf "./$1"
	cp -R "$ROOT/tests/data/cases/$1" . || exit 1
	cd "$1" || exit 1
}

# column NAME TOLERANCE FIELD 'V1 V2 ...' COMMAND...: the command, with --tsv added, succeeds and prints these values in column FIELD, each
# within TOLERANCE relative to the wanted value (absolute where that is 0). "nan" stands for a value that is not there.
column() {
	name=$1 tolerance=$2 field=$3 wanted=$4
	shift 4
	if ! "$@" --tsv > out 2> err; then
		echo "not ok $name: failed"
		sed 's/^/  stderr: /' err | head -n 5
		return
	fi
	awk -F '\t' -v field="$field" -v wanted="$wanted" -v tolerance="$tolerance" '
		function fail(text) { print "  " text; bad = 1 }
		BEGIN { count = split(wanted, want, " ") }
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == field) at = i; if (!at) fail("no column " field); next }
		at {
			row++
			if (row > count) next
			if (want[row] == "nan" || $at == "nan" || $at == "") { if (want[row] != "nan" || ($at != "nan" && $at != "")) fail("row " row ": " $at ", wanted " want[row]); next }
			error = $at - want[row]; if (error < 0) error = -error
			size = want[row] < 0 ? -want[row] : want[row]; if (size == 0) size = 1
			if (error > tolerance * size) fail("row " row ": " $at ", wanted " want[row])
		}
		END { if (row != count) fail(row + 0 " rows, wanted " count); exit bad }' out > column.out
	if [ $? = 0 ]; then
		echo "ok $name"
	else
		echo "not ok $name"
		head -n 5 column.out
	fi
}

# note NAME TEXT COMMAND...: succeeds, and says TEXT on standard error, which --quiet leaves out.
note() {
	name=$1 text=$2
	shift 2
	if "$@" > out 2> err && grep -qF -- "$text" err && "$@" --quiet > out 2> quiet && [ ! -s quiet ]; then
		echo "ok $name"
	else
		echo "not ok $name: wanted a note with: $text"
		sed 's/^/  stderr: /' err | head -n 5
	fi
}
