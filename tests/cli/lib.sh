# SPDX-License-Identifier: MIT
# Sourced by the scripts of tests/cli. They run in an empty scratch folder with $ATTNVIZ (the program) and $ROOT (the checkout).
# Each case prints one line: "ok NAME", "not ok NAME" with what differed, or "skip NAME: reason".

# expect NAME STATUS COMMAND...: run, keep stdout in ./out and stderr in ./err, compare the exit status.
expect() {
	name=$1 want=$2
	shift 2
	"$@" > out 2> err
	got=$?
	if [ "$got" = "$want" ]; then
		echo "ok $name"
	else
		echo "not ok $name: status $got, wanted $want"
		sed 's/^/  stderr: /' err | head -n 5
	fi
}

# refuse NAME STATUS TEXT COMMAND...: fails with that status, says TEXT in exactly one line on stderr, and prints nothing on stdout.
refuse() {
	name=$1 want=$2 text=$3
	shift 3
	"$@" > out 2> err
	got=$?
	if [ "$got" = "$want" ] && [ "$(wc -l < err)" = 1 ] && grep -qF -- "$text" err && [ ! -s out ]; then
		echo "ok $name"
	else
		echo "not ok $name: status $got, wanted $want and one line with: $text"
		sed 's/^/  stderr: /' err | head -n 5
	fi
}

# same NAME FILE FILE: the two files are equal.
same() {
	if cmp -s "$2" "$3"; then
		echo "ok $1"
	else
		echo "not ok $1: $2 and $3 differ"
		diff "$3" "$2" | head -n 10 | sed 's/^/  /'
	fi
}

# check NAME COMMAND...: the command succeeds; its output is shown only where it does not.
check() {
	name=$1
	shift
	if "$@" > check.out 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name: $*"
		head -n 5 check.out | sed 's/^/  /'
	fi
}
