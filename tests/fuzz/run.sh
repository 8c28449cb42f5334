#!/bin/sh
# SPDX-License-Identifier: MIT
# Each target for FUZZ_SECONDS (60), from the files of tests/data and the corpus. New inputs gather in $BUILD/corpus; one that crashes, hangs or leaks is
# written to $BUILD/crash-*: keep it in tests/fuzz/corpus/TARGET once it is mended.
set -u
status=0
for program in "$@"; do
	name=${program##*/fuzz_}
	mkdir -p "$BUILD/corpus/$name"
	folders=$BUILD/corpus/$name
	for folder in "tests/data/$name" "tests/fuzz/corpus/$name"; do
		[ -d "$folder" ] && folders="$folders $folder"
	done
	log=$BUILD/fuzz-$name.log
	# shellcheck disable=SC2086
	if "$program" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
		-artifact_prefix="$BUILD/crash-$name-" $folders > "$log" 2>&1; then
		echo "ok fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
	else
		echo "not ok fuzz $name: see $log"
		grep -E 'ERROR|SUMMARY|Test unit written' "$log" | head -n 5
		status=1
	fi
done
exit $status
