#!/bin/sh
# SPDX-License-Identifier: MIT
# Run every benchmark. BENCH=full adds the long ones (131072 tokens and more).
set -eu
for program in "$BUILD"/tests/bench/*; do
	if [ -f "$program" ] && [ -x "$program" ]; then
		printf '\n== %s\n' "${program##*/}"
		"$program"
	fi
done
if grep -q DATTNVIZ_MPI "$BUILD/flags" && command -v mpirun > /dev/null; then
	printf '\n== scaling\n'
	. tests/bench/scaling.sh
fi
