#!/bin/sh
# Run every test program and every script of tests/cli, and close with "N passed, N failed, N skipped".
set -u
passed=0 failed=0 skipped=0
log=$BUILD/test.log
: > "$log"

# Check closes with "100%: Checks: 12, Failures: 0, Errors: 0".
for program in "$@"; do
	out=$("$program" 2>&1)
	status=$?
	printf '== %s\n%s\n' "$program" "$out" >> "$log"
	checks=$(printf '%s\n' "$out" | sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 \2 \3/p' | tail -n 1)
	skips=$(printf '%s\n' "$out" | sed -n 's/^skipped: \([0-9]*\)$/\1/p' | tail -n 1)
	skipped=$((skipped + ${skips:-0}))
	if [ -z "$checks" ]; then
		printf 'FAIL %s (status %s)\n%s\n' "$program" "$status" "$out"
		failed=$((failed + 1))
		continue
	fi
	total=${checks%% *} rest=${checks#* }
	bad=$((${rest% *} + ${rest#* }))
	passed=$((passed + total - bad)) failed=$((failed + bad))
	printf '%s\n' "$out" | grep -E '^(skipping|note:)' 
	[ "$status" = 0 ] && [ "$bad" = 0 ] || printf '%s\n' "$out"
	[ "$status" = 0 ] || [ "$bad" != 0 ] || failed=$((failed + 1))
done

# A script prints "ok NAME", "not ok NAME" or "skip NAME: reason" for each case.
root=$(pwd)
for script in tests/cli/*.sh tests/lint/*.sh; do
	[ -f "$script" ] || continue
	case $script in */lib.sh) continue ;; esac
	scratch=$(mktemp -d)
	out=$(cd "$scratch" && ROOT=$root ATTNVIZ=$root/$BUILD/attnviz BUILD=$root/$BUILD TMPDIR=$scratch sh "$root/$script" 2>&1)
	status=$?
	rm -rf "$scratch"
	printf '== %s\n%s\n' "$script" "$out" >> "$log"
	good=$(printf '%s\n' "$out" | grep -c '^ok ')
	bad=$(printf '%s\n' "$out" | grep -c '^not ok ')
	skips=$(printf '%s\n' "$out" | grep -c '^skip ')
	[ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
	[ $((good + bad + skips)) -gt 0 ] || bad=1
	passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skips))
	printf '%s\n' "$out" | grep '^skip '
	[ "$bad" = 0 ] || printf '== %s (status %s)\n%s\n' "$script" "$status" "$out"
done

printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
