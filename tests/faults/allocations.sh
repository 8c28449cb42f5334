# SPDX-License-Identifier: MIT
# An allocation that fails gives one line, status 1 and no file: never another result, a loop or silence. Each command runs once for
# each of its allocations, which fails; here for every STRIDE-th, and `make torture` (STRIDE=1) for all, and for all from there on.
. "$ROOT/tests/faults/lib.sh"
. "$ROOT/tests/support/arrays.sh"
case $BUILD in
*san) echo 'skip allocations: a sanitizer has allocation functions of its own'; exit 0 ;;
esac
if ! ${CC:-cc} -shared -fPIC -O1 -o failalloc.so "$ROOT/tests/faults/failalloc.c" 2> err; then
	echo 'skip allocations: no library to preload can be built'
	exit 0
fi
library=$PWD/failalloc.so
stride=${STRIDE:-23}
first=1

# fail_one NUMBER OUT COMMAND...: what is wrong with the run whose allocation NUMBER fails, in ./wrong.
fail_one() {
	number=$1 out=$2
	shift 2
	rm -f made/* made/.[!.]*
	LD_PRELOAD=$library FAIL_AT=$number timeout 20 "$@" > std 2> err
	got=$?
	[ "$out" = - ] && result=std || result=$out
	case $got in
	0) cmp -s "$result" good || echo "allocation $number: status 0 and another result" ;;
	1)
		[ "$(wc -l < err)" = 1 ] || echo "allocation $number: status 1 and $(wc -l < err) lines"
		grep -q 'memory' err || echo "allocation $number: says $(cat err)"
		[ -z "$(ls -A made)" ] || echo "allocation $number: status 1 and $(ls -A made)"
		;;
	124) echo "allocation $number: hangs" ;;
	*) echo "allocation $number: status $got" ;;
	esac
}

# every OUT COMMAND...: OUT is a file in ./made, or - for standard output.
every() {
	out=$1
	shift
	rm -f made/*
	if ! "$@" > std 2> err; then
		echo "not ok allocations of $*: fails by itself: $(head -n 1 err)"
		return
	fi
	[ "$out" = - ] && cp std good || cp "$out" good
	rm -f made/*
	LD_PRELOAD=$library FAIL_COUNT=$PWD/count "$@" > std 2> err
	count=$(cat count)
	: > wrong
	for number in $(seq $((first % stride + (stride == 1))) "$stride" "$count"); do
		[ "$number" = 0 ] && continue
		fail_one "$number" "$out" "$@" >> wrong
		[ "$stride" = 1 ] && FAIL_ON=1 fail_one "$number" "$out" "$@" | sed 's/$/ (and all after it)/' >> wrong
	done
	first=$((first + 7)) # not the same places of every command
	if [ -s wrong ]; then
		echo "not ok allocations of $*"
		head -n 8 wrong | sed 's/^/  /'
	else
		echo "ok allocations of $* ($count)"
	fi
}

enter 77-failed-allocations
mkdir made
samples=$ROOT/samples data=$ROOT/tests/data
cp "$data/cases/73-pipes-in-place-of-files/attn.npy" .
printf '0-0 1-1 1p2\n' > gold.txt
printf '0 1 2 1 0 2' > ids.txt
printf '{"a": 0, "b": 1, "c": 2}' > vocab.json
printf 'one 0 3\ntwo 3 6\n' > spans.txt
export SOURCE_DATE_EPOCH=0

every - attnviz heatmap L0_q.npy L0_k.npy -t tokens.txt --head 0 -j 1 --format text
every made/w.npy attnviz weights L0_q.npy L0_k.npy -j 1 -o made/w.npy
every made/w.npy attnviz weights --attention multihead layer.npz --param heads=2 -j 1 -o made/w.npy
every - attnviz weights "$samples/mechanisms/paged.npz" --attention paged --param kv-layout=nhd -j 1 -o -
every - attnviz stats L0_q.npy L0_k.npy -j 1
every - attnviz stats L0_q.npy L0_k.npy -j 1 --tsv --per-row -t tokens.txt
every - attnviz stats attn.npy -j 1 --json --by-span --spans spans.txt
every - attnviz stats attn.npy --per-row --ids ids.txt --vocab vocab.json --tsv -j 1
every made/p.svg attnviz stats attn.npy -j 1 --plot made/p.svg
every - attnviz info layer.npz L0_q.npy L0_k.npy gold.txt --json
every - attnviz info L0_q.npy L0_k.npy
every made/o.svg attnviz heatmap L0_q.npy L0_k.npy -t tokens.txt -j 1 -o made/o.svg
every made/o.png attnviz heatmap L0_q.npy L0_k.npy -t tokens.txt -j 1 --title x -o made/o.png
every made/o.pdf attnviz heatmap attn.npy -j 1 -o made/o.pdf
every - attnviz heatmap attn.npy -j 1 --format text --colour always
every - attnviz arcs attn.npy --head 0 -t tokens.txt --format text -j 1
every - attnviz text attn.npy -t tokens.txt --format text -j 1
every made/t.svg attnviz text attn.npy -t tokens.txt -o made/t.svg -j 1
every made/t.html attnviz text attn.npy -t tokens.txt -m entropy -o made/t.html -j 1
every made/a.svg attnviz arcs attn.npy --head 0 -t tokens.txt -o made/a.svg -j 1
every - attnviz align attn.npy --head 0 --gold gold.txt -j 1 -t tokens.txt --tsv
every - attnviz align attn.npy --head 0 --pharaoh -j 1
every - attnviz align attn.npy --head 0 -j 1 -t tokens.txt --format text
every made/al.svg attnviz align attn.npy --head 0 -j 1 -t tokens.txt -o made/al.svg
every - attnviz rollout "$samples/digit3/L0_q.npy" "$samples/digit3/L0_k.npy" "$samples/digit3/L1_q.npy" "$samples/digit3/L1_k.npy" -j 1 --format text
every - attnviz overlay attn.npy --grid 2x3 --image "$data/image/good-rgb.png" --head 0 -j 1 --format text
every made/ov.png attnviz overlay attn.npy --grid 2x3 --image "$data/image/good-rgb.jpg" --head 0 -j 1 -o made/ov.png
every - attnviz compare attn.npy --other attn.npy -j 1 --tsv
every - attnviz compare L0_q.npy L0_k.npy --against performer -j 1
every - attnviz blocks L0_q.npy L0_k.npy --block-size 2 -j 1 --show evict
every made/f.svg attnviz flash L0_q.npy L0_k.npy -j 1 --plot made/f.svg
every - attnviz ring L0_q.npy L0_k.npy -j 1
every - attnviz explain multihead
every - attnviz help heatmap
every - attnviz completion bash
