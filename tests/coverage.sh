#!/bin/sh
# SPDX-License-Identifier: MIT
# Lines of src/ that the tests have run, by room: `BUILD=build/coverage sh tests/coverage.sh` after the tests of a build with --coverage.
# Each file is counted once, by its own object; the lines of templates and of inline functions in headers are left out.
set -eu
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
find "$BUILD/src" -name '*.gcno' | sort | while read -r notes; do
	${GCOV:-gcov} -n "$notes" 2> /dev/null | awk -v notes="${notes#"$BUILD"/}" '
		/^File / { file = $0; sub(/^File ./, "", file); sub(/.$/, "", file) }
		/^Lines executed:/ {
			own = notes; sub(/\.gcno$/, ".c", own)
			if (substr(file, length(file) - length(own) + 1) == own) {
				sub(/^Lines executed:/, ""); share = $0; sub(/%.*/, "", share); count = $0; sub(/.* of /, "", count)
				printf "%s %d %d\n", own, count, int(count * share / 100 + 0.5)
			}
			file = ""
		}'
done > "$BUILD/coverage.lines"
awk '
	{
		split($1, part, "/"); room = part[2] ~ /\.c$/ ? "main.c" : part[2]
		lines[room] += $2; run[room] += $3; all += $2; all_run += $3
		files = files sprintf("%6.1f %%  %5d of %5d  %s\n", $2 ? 100 * $3 / $2 : 100, $3, $2, $1)
	}
	END {
		if (!all) { print "no coverage data: make coverage builds and runs the tests first"; exit 1 }
		for (room in lines)
			printf "%6.1f %%  %5d of %5d lines  %s\n", 100 * run[room] / lines[room], run[room], lines[room], room | "sort -k 7"
		close("sort -k 7")
		printf "%6.1f %%  %5d of %5d lines  all\n", 100 * all_run / all, all_run, all
		printf "%s", files > ARGV[1] ".sorted"
	}' "$BUILD/coverage.lines"
sort -n "$BUILD/coverage.lines.sorted" > "$BUILD/coverage.txt"
rm -f "$BUILD/coverage.lines.sorted"
echo "each file: ${BUILD#"$PWD"/}/coverage.txt"
