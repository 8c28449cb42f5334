#!/bin/sh
# SPDX-License-Identifier: MIT
# Run the test programs named as arguments and every script of tests/cli, tests/faults and tests/lint, as many at once as there are
# processors, report them in order, and close with what was skipped and "N passed, N failed, N skipped". All that they print is in $BUILD/test.log.
set -u
root=$(pwd)
case $BUILD in /*) ;; *) BUILD=$root/$BUILD ;; esac
export BUILD ROOT="$root" ATTNVIZ="$BUILD/attnviz"

# run.sh --one RESULTS NUMBER ITEM: run one of them; the status appears once the output is complete.
if [ "${1-}" = --one ]; then
	results=$2 number=$3 item=$4
	scratch=$results/$number.scratch
	mkdir "$scratch"
	case $item in
	*.sh) (cd "$scratch" && TMPDIR=$scratch timeout "${TEST_TIMEOUT:-3600}" sh "$root/$item") ;;
	*) TMPDIR=$scratch timeout "${TEST_TIMEOUT:-3600}" "$item" ;;
	esac > "$results/$number.out" 2>&1
	echo $? > "$results/$number.part"
	rm -rf "$scratch"
	mv "$results/$number.part" "$results/$number.status"
	exit 0
fi

# A pager on a terminal that a test made waits for a key that nobody presses.
export PAGER=cat

# Sanitizers: a request for more memory than there is fails as it does without them.
export ASAN_OPTIONS="${ASAN_OPTIONS-allocator_may_return_null=1}" UBSAN_OPTIONS="${UBSAN_OPTIONS-print_stacktrace=1}"
# Check's four seconds a test are too few on a busy machine, where a test under a sanitizer may take minutes that takes seconds alone. The
# limits are for what hangs.
export CK_DEFAULT_TIMEOUT="${CK_DEFAULT_TIMEOUT-60}" CK_TIMEOUT_MULTIPLIER="${CK_TIMEOUT_MULTIPLIER-10}"

# fontconfig keeps what it found until the process ends.
export LSAN_OPTIONS="${LSAN_OPTIONS-suppressions=$root/tests/support/leaks.supp:print_suppressions=0}"
passed=0 failed=0 skipped=0
log=$BUILD/test.log
: > "$log"
results=$(mktemp -d)
runner=
trap '[ -z "$runner" ] || kill $runner 2>/dev/null; rm -rf "$results"' EXIT
trap 'exit 130' INT TERM HUP

# DejaVu alone, wherever it lies and whatever else is installed: pictures are the same on all machines, and cairo embeds no font of
# another kind (its subsetter for CFF fonts leaks).
dejavu=$(fc-list 2>/dev/null | sed -n 's/^\(.*\)\/DejaVuSans\.ttf:.*/\1/p' | head -n 1)
if [ -n "$dejavu" ]; then
	printf '<?xml version="1.0"?>\n<fontconfig><dir>%s</dir><cachedir>%s</cachedir></fontconfig>\n' "$dejavu" "$results/fonts" > "$results/fonts.conf"
	export FONTCONFIG_FILE="$results/fonts.conf"
fi

# Check closes with "100%: Checks: 12, Failures: 0, Errors: 0".
report_program() {
	checks=$(sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 \2 \3/p' "$out" | tail -n 1)
	skips=$(awk '/^skipping [0-9]+: / { count += $2 } END { print count + 0 }' "$out")
	skipped=$((skipped + skips))
	if [ -z "$checks" ]; then
		printf 'FAIL %s (status %s)\n' "$item" "$status"
		cat "$out"
		failed=$((failed + 1))
		return
	fi
	total=${checks%% *} rest=${checks#* }
	bad=$((${rest% *} + ${rest#* }))
	passed=$((passed + total - bad))
	if [ "$status" = 0 ] && [ "$bad" = 0 ]; then
		grep '^note:' "$out"
	else
		printf 'FAIL %s (status %s)\n' "$item" "$status"
		cat "$out"
		failed=$((failed + (bad > 0 ? bad : 1)))
	fi
}

# A script prints "ok NAME", "not ok NAME" or "skip NAME: reason" for each case.
report_script() {
	good=$(grep -c '^ok ' "$out")
	bad=$(grep -c '^not ok ' "$out")
	skips=$(grep -c '^skip ' "$out")
	if [ "$bad" = 0 ] && { [ "$status" != 0 ] || [ $((good + skips)) = 0 ]; }; then
		bad=1
	fi
	passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skips))
	if [ "$bad" != 0 ]; then
		printf 'FAIL %s (status %s)\n' "$item" "$status"
		cat "$out"
	fi
}

# run.sh --only ITEM...: none but these.
if [ "${1-}" = --only ]; then
	shift
else
	for script in tests/cli/*.sh tests/faults/*.sh tests/lint/*.sh; do
		case $script in */lib.sh) continue ;; esac
		[ -f "$script" ] && set -- "$@" "$script"
	done
fi

number=0
for item in "$@"; do
	number=$((number + 1))
	printf '%s\n%s\n' "$number" "$item"
done > "$results/items"
xargs -n 2 -P "${TEST_JOBS:-$(nproc 2>/dev/null || echo 1)}" sh "$0" --one "$results" < "$results/items" &
runner=$!

number=0
for item in "$@"; do
	number=$((number + 1))
	out=$results/$number.out
	until [ -f "$results/$number.status" ]; do
		kill -0 $runner 2>/dev/null || break
		sleep 0.1
	done
	status=$(cat "$results/$number.status" 2>/dev/null || echo killed)
	[ -f "$out" ] || : > "$out"
	{ printf '== %s\n' "$item"; cat "$out"; } >> "$log"
	case $item in
	*.sh) report_script ;;
	*) report_program ;;
	esac
done

# "skipping 3: reason" of programs, "skip NAME: reason" of scripts: how many for each reason.
if [ "$skipped" != 0 ]; then
	echo 'Skipped:'
	awk '
		/^skipping [0-9]+: / { number = $2 + 0; sub(/^skipping [0-9]+: /, ""); count[$0] += number }
		/^skip .*: / { sub(/^skip [^:]*: /, ""); count[$0]++ }
		END { for (reason in count) printf "%5d  %s\n", count[reason], reason }' "$log" | sort -k 1,1nr -k 2
fi
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
