# SPDX-License-Identifier: MIT
# Ring Attention over ranks of one thread each: strong scaling (the same head), weak scaling (the same work a rank), and where the time of a run goes.
# Sourced by run.sh where the program was built with MPI. Times are the best of three, less that of starting the ranks.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for helper in normal peak; do
	"${CC:-cc}" -O1 -o "$work/$helper" tests/cli/$helper.c -lm
done

ranks() {
	number=$1
	shift
	mpirun --oversubscribe --bind-to none -n "$number" "$@"
}

# head N: queries and keys of a head of N tokens, once.
head_of() {
	[ -s "$work/q$1.npy" ] || { "$work/normal" "$work/q$1.npy" 1 "$1" 64 && "$work/normal" "$work/k$1.npy" 2 "$1" 64; }
}

# once P N: milliseconds of both passes over a causal head, and of processor time on the busiest rank.
once() {
	rm -f "$work/used"
	begin=$(date +%s%N)
	ranks "$1" "$work/peak" "$work/used" "$BUILD/attnviz" stats -q "$work/q$2.npy" -k "$work/k$2.npy" --causal -m gini -j 1 --tsv > /dev/null
	echo "$((($(date +%s%N) - begin) / 1000000)) $(cut -d ' ' -f 2 "$work/used" | sort -n | tail -n 1)"
}

# best P N: the least of each of three runs.
best() {
	head_of "$2"
	for try in 1 2 3; do once "$1" "$2"; done | awk 'NR == 1 || $1 < wall { wall = $1 } NR == 1 || $2 < used { used = $2 } END { print wall, used }'
}

# Processor time shows how the work is shared out even where the processors are too few, or busy with something else.
printf '%-7s %5s %8s %9s %9s %9s %9s\n' scaling ranks tokens ms speed-up 'cpu ms' speed-up
for kind in strong weak; do
	for number in 1 2 4; do
		tokens=16384
		if [ $kind = weak ]; then
			case $number in 1) tokens=8192 ;; 2) tokens=11585 ;; 4) tokens=16384 ;; esac
		fi
		echo "$kind $number $tokens $(best $number 64) $(best $number $tokens)"
	done
done | awk '{
	wall = $6 - $4; used = $7 - $5
	if ($2 == 1) { one_wall = wall; one_used = used }
	factor = $1 == "weak" ? $2 : 1
	printf "%-7s %5d %8d %9.0f %9.2f %9.0f %9.2f\n", $1, $2, $3, wall, factor * one_wall / wall, used, factor * one_used / used
}'
echo
head_of 12288
for number in 2 4; do
	ranks $number "$BUILD/attnviz" ring -q "$work/q12288.npy" -k "$work/k12288.npy" --causal -j 1 --tsv |
		awk -v p=$number 'NR > 1 { compute += $6; wait += $7; scores += $5; pairs += $4 } END {
			printf "%d ranks: %.3f s computing, %.3f s waiting for keys (%.1f %%): the rest of the transfers is hidden; %.3f scores for each unmasked pair\n",
				p, compute, wait, 100 * wait / (compute + wait), scores / pairs }'
done
