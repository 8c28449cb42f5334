# SPDX-License-Identifier: MIT
# Section 3 of faults.md: what is drawn of alignments, Whisper's word times, heads ranked, words of other tokenizers.
. "$ROOT/tests/faults/lib.sh"
. "$ROOT/tests/support/arrays.sh"
"${CC:-cc}" -o "$scratch/bin/pixels" "$ROOT/tests/cli/pixels.c" $(pkg-config --cflags --libs libpng) || exit 1

# --- 20: discs, gold marks, path and words lie on the cells shown.


# svg_discs FILE: "X Y" of each found link in the map, from the top. The legend's are smaller than any in a cell.
svg_discs() {
	sed -n 's/.*<circle cx="\([^"]*\)" cy="\([^"]*\)" r="\([^"]*\)" fill="#ff4b3e".*/\1 \2 \3/p' "$1" | awk '$3 > 4 { print $1, $2 }' | sort -n -k 2
}

# svg_brightest FILE: "X Y" of the middle of each cell of the last colour of the map. Cells are 44 pixels wide; rectangles reach under their neighbours.
svg_brightest() {
	sed -n 's/.*<rect x="\([^"]*\)" y="\([^"]*\)" width="\(4[4-9]\|5[0-9]\)[^"]*" height="[^"]*" fill="#fde725".*/\1 \2/p' "$1" |
		awk '{ print $1 + 22, $2 + 22 }' | sort -n -k 2
}

# png_discs FILE COLOUR LEAST: the middle of each area of the colour that is at least so high.
png_areas() {
	pixels "$1" "$2" | awk -v least="$3" '{ split($3, size, "x") } size[2] >= least { print $1 + 1, $2 + 1 }' | sort -n -k 2
}

enter 20-align-cut-rows-and-keys
tokens="--query-tokens target.txt --key-tokens source.txt"
for cut in 3:8,2:8 2:8,0:8 5:6,5:6 -5:,2: :,:; do
	rows=${cut%,*} keys=${cut#*,}
	attnviz align attn.npy $tokens --rows="$rows" --keys="$keys" --pharaoh > links
	attnviz align attn.npy $tokens --rows="$rows" --keys="$keys" > text
	tr ' ' '\n' < links | sed 's/\(.*\)-\(.*\)/\2 q\2 → k\1/' | sort -n | cut -d ' ' -f 2- | awk '{ if ($1 == last) line = line " | " $3; else { if (line) print line; line = $0 } last = $1 } END { print line }' > want
	grep '→ k' text > got
	same "text names the links printed, rows $rows keys $keys" got want
	attnviz align attn.npy $tokens --rows="$rows" --keys="$keys" --colormap viridis -o a.svg
	attnviz align attn.npy $tokens --rows="$rows" --keys="$keys" --colormap viridis -o a.png
	check "as many discs as links, rows $rows keys $keys" test "$(svg_discs a.svg | wc -l)" = "$(wc -w < links)"
	svg_discs a.svg > discs
	png_areas a.png ff4b3e 8 > areas
	same "PNG and SVG have them in the same places, rows $rows keys $keys" areas discs
done
for cut in 3:8,2:8 5:6,5:6; do
	attnviz align attn.npy $tokens --rows ${cut%,*} --keys ${cut#*,} --colormap viridis -o a.svg
	attnviz align attn.npy $tokens --rows ${cut%,*} --keys ${cut#*,} --colormap viridis -o a.png
	svg_discs a.svg > discs
	svg_brightest a.svg > cells
	same "discs lie on the largest weights of the SVG, $cut" discs cells
	png_areas a.png ff4b3e 8 > discs
	png_areas a.png fde725 40 > cells
	same "discs lie on the largest weights of the PNG, $cut" discs cells
done
check "the five links of the case" test "$(attnviz align attn.npy $tokens --rows 3:8 --keys 2:8 | grep -c '^q[3-7] → k[2-6]$')" = 5

# Gold: source 3 of target 4 is sure, 2 of 5 possible, 1 of 1 outside. In the picture a cell is 44 pixels.
echo "3-4 2p5 1-1 0-0" > gold
attnviz align attn.npy $tokens --rows 3:8 --keys 2:8 --gold gold > text
check "a gold link in text" grep -q '^q4 → k3  gold: k3$' text
check "a possible gold link in text" grep -q '^q5 → k5  possible: k2$' text
check "no other" test "$(grep -c 'gold: \|possible: ' text)" = 2
attnviz align attn.npy $tokens --rows 3:8 --keys 2:8 --gold gold --colormap viridis -o gold.svg
# The left sides of the squares, 2 and 1 wide: their middles are those of cells (1, 1) and (2, 0) of a map whose first cell is at (72, 65).
sed -n 's/.*<rect x="\([^"]*\)" y="\([^"]*\)" width="\([12]\)" height="\([^"]*\)" fill="#22d3ee".*/\3 \1 \2 \4/p' gold.svg | awk '$4 > 15 { print $1, $3 + $4 / 2, $2 }' | sort -n | awk '!seen[$1]++ { print $1, $2 }' > squares
printf '1 153\n2 109\n' > want
same "gold squares lie in the rows of their targets" squares want
svg_discs gold.svg > discs
awk 'NR == 1 { x = $1; y = $2 } END { print x, y }' discs > first
check "the first disc is where the first row is" grep -q '^160 65$' first

# The path runs through the rows and columns shown, from the first cell to the last.
attnviz align attn.npy $tokens --rows 3:8 --keys 2:8 --extract dtw --colormap viridis -o path.svg
sed -n 's/.*points="\([^"]*\)" fill="none" stroke="#ff4b3e" stroke-width="1.6".*/\1/p' path.svg > path
check "the path begins in the first cell and ends in the last" grep -q '^72,65 .* 292,241$' path
attnviz align attn.npy $tokens --rows 3:8 --keys 2:8 --extract dtw --pharaoh | tr ' ' '\n' | sed 's/\(.*\)-\(.*\)/\1 \2/' | sort -n -k 2 -k 1 | awk '{ printf "%s%d,%d", (NR > 1 ? " " : ""), 72 + 44 * ($1 - 2), 65 + 44 * ($2 - 3) } END { print "" }' > want
same "the path drawn is the path printed" path want
attnviz align attn.npy $tokens --rows 3:8 --keys 2:8 --extract dtw --gold gold > text
check "a path stays in text beside gold" grep -q '^q4 → k2 .. k3  gold: k3$' text

# Words over the frames: bars begin and end where --times says.
attnviz align attn.npy $tokens --rows 3:8 --keys 2:8 --extract dtw --frame-seconds 0.5 --colormap viridis -o spans.svg
attnviz align attn.npy $tokens --rows 3:8 --keys 2:8 --extract dtw --frame-seconds 0.5 --times --tsv | awk -F '\t' 'NR > 1 && $4 > $3 { printf "%g %g\n", 50 + 44 * ($3 - 2) + 1, 44 * ($4 - $3) - 2 }' > want
left=$(sed -n 's/.*<rect x="\([^"]*\)" y="[^"]*" width="[^"]*" height="2" fill="#\(2a6fbb\|d1495b\)".*/\1/p' spans.svg | head -n 1)
sed -n 's/.*<rect x="\([^"]*\)" y="[^"]*" width="\([^"]*\)" height="2" fill="#\(2a6fbb\|d1495b\)".*/\1 \2/p' spans.svg | awk -v left="$left" '{ printf "%g %g\n", $1 - left + 51, $2 }' > got
same "words stand over their frames" got want
check "there are some" test "$(wc -l < got)" -ge 2

# Long maps have no dots, and do not say that they have.
npy long.npy '<f4' '(1, 70, 1)' < /dev/null
repeat 70 floats 1 | npy long.npy '<f4' '(1, 70, 1)'
attnviz align long.npy --colormap viridis -o long.svg
check "a map too long for dots says so" grep -q 'not drawn on more than 64 positions' long.svg

# --- 21: word times of openai/whisper.

# near NAME TOLERANCE FILE FILE: lines "WORD START END" agree.
near() {
	if paste -d ' ' "$3" "$4" | awk -v t="$2" '{ a = $2 - $5; b = $3 - $6 } NF != 6 || $1 != $4 || a > t || a < -t || b > t || b < -t { exit 1 } END { exit NR == 0 }'; then
		echo "ok $1"
	else
		echo "not ok $1"
		diff "$3" "$4" | sed 's/^/  /'
	fi
}

enter 21-whisper-word-times
printf 'And 0 0.28\nso 0.28 0.46\nmy 0.46 0.7\nfellow 0.7 0.86\n. 0.86 1.02\n' > want
whisper="attnviz align qk.npy --logits --query-tokens tokens.json --extract whisper --frame-seconds 0.02"
expect "word times" 0 $whisper --rows 3:-1 --times --tsv
awk -F '\t' 'NR > 1 { print $2, $5, $6 }' out > got
near "are those of openai/whisper" 0.0101 got want
check "rows are counted as in the file" test "$(awk -F '\t' 'NR > 1 { printf "%s ", $1 }' out)" = "3 4 5 6 7 "
note "rows that the tokens give" "--rows 3:9" $whisper --times --tsv
$whisper --times --tsv 2> err | awk -F '\t' 'NR > 1 { print $2, $5, $6 }' > again
same "give the same" again got
# The scores are taken over all rows: other rows of the map do not move the words.
$whisper --rows 4:-1 --times --tsv | awk -F '\t' 'NR > 1 { print $2, $6 }' > later
tail -n 4 got | cut -d ' ' -f 1,3 > want
same "a later first row leaves the ends of its words" later want
$whisper --rows 3:-1 --row-token own --times --tsv | awk -F '\t' 'NR > 1 { print $2 }' > own
check "--row-token own names a row by itself" test "$(tr '\n' ' ' < own)" = "<|notimestamps|> And so my fellow . "
$whisper --rows 3:-1 -o times.svg
check "words over the picture are those that the rows predict" sh -c 'grep ">And</text>" times.svg | grep -q "text-anchor=\"middle\"" && ! grep -q notimestamps times.svg'
check "the end token has no bar" test "$(grep -c 'height="2" fill="#\(2a6fbb\|d1495b\)"' times.svg)" = 5
expect "the links name the same tokens" 0 $whisper --rows 3:-1 --tsv
check "and weights" test "$(awk -F '\t' '$2 == 3 { print $4; exit }' out)" = And
refuse "words are put together after the times" 2 "--words" $whisper --words --times


# The manual's recipe, on this dump.
recipe=$(sed -n '/^attnviz align whisper.npz/{s/.*\(--rows [^ ]*\) --keys.*/\1/p;n;s/^ *\(--extract.*\)/\1/p;}' "$ROOT/man/parts/attnviz-align.mdoc" | tr '\n' ' ')
check "the manual has a recipe for Whisper" test -n "$recipe"
expect "the manual's recipe" 0 attnviz align qk.npy --logits --query-tokens tokens.json $recipe
awk -F '\t' 'NR > 1 { print $2, $5, $6 }' out > again
same "gives the same words" again got

# --- 22: heads ranked without gold.
enter 22-rank-heads-without-gold
expect "heads without gold" 0 attnviz align attn.npy --rank-heads --tsv
check "one that stands on a key is last" test "$(cut -f 1 out | tr '\n' ' ')" = "heads L0.H1 L0.H2 L0.H0 "
check "progress is the share of keys that it moves along" test "$(awk -F '\t' '{ print $5 }' out | tr '\n' ' ')" = "progress 0.8 0.8 0.1 "
# Head 0 has two keys, one after the other; head 1 goes along with a step back; head 2 goes backward.
{
	floats 1 0 0 0   1 0 0 0   0 0 0 1   0 0 0 1
	floats 0.5 0.25 0 0.25   0 0.25 0.75 0   0 0.75 0.25 0   0 0 0.25 0.75
	floats 0 0 0 1   0 0 1 0   0 1 0 0   1 0 0 0
} | npy three.npy '<f4' '(3, 4, 4)'
expect "two keys are less than four" 0 attnviz align three.npy --rank-heads --tsv
check "in this order" test "$(cut -f 1 out | tr '\n' ' ')" = "heads L0.H1 L0.H0 L0.H2 "

# --- 23: words of subword-nmt, CLIP and OpenNMT.
enter 23-words-of-other-tokenizers
for list in 'at There is a backlog' 'clip a raccoon sleeps' 'joiner backlog grows now'; do
	set -- $list
	tokenizer=$1
	shift
	expect "words of $tokenizer" 0 attnviz heatmap $tokenizer.npy -t $tokenizer.txt --words -o words.svg
	for word; do check "$tokenizer: $word" grep -q ">$word</text>" words.svg; done
	check "$tokenizer: the caption says that they are merged" grep -q 'sub-words merged' words.svg
	check "$tokenizer: as many groups as words" grep -q "$# queries x $# keys" words.svg
done
attnviz weights at.npy -t at.txt --words -o w.npy
column "weights of words" 2e-5 max "0.50105794 0.68296913 0.5902457 0.49613957" attnviz stats w.npy -m max --per-row
attnviz weights clip.npy -t clip.txt --words -o w.npy
column "weights of CLIP's words" 2e-5 max "0.9435947 0.67182266 0.5196926" attnviz stats w.npy -m max --per-row
attnviz weights joiner.npy -t joiner.txt --words -o w.npy
column "weights of joined words" 2e-5 max "0.62313764 0.63429141 0.68590987" attnviz stats w.npy -m max --per-row
# Without a mark.
printf 'The\nre\nis\na\nback\nlo\ng\n' > plain.txt
note "nothing merged" "no token has the mark of a sub-word" attnviz heatmap at.npy -t plain.txt --words -o plain.svg
check "and no caption says so" sh -c '! grep -q merged plain.svg && grep -q "7 queries x 7 keys" plain.svg'
printf '▁The\n▁re\n▁is\n▁a\n▁b\n▁c\n▁d\n' > whole.txt
note "words that are whole already" "by its mark every token is a word" attnviz heatmap at.npy -t whole.txt --words -o whole.svg
check "say nothing of merging either" sh -c '! grep -q merged whole.svg'
note "one axis merged, the other not" "merged nothing of the keys" attnviz heatmap at.npy --query-tokens at.txt --key-tokens plain.txt --words -o one.svg
check "says what it did" grep -q merged one.svg
# CLIP's bytes, wide characters with a mark, a joiner on both sides, and what is only a mark.
printf 'caf\nÃ©</w>\n</w>\na</w>\nb\nc</w>\nd</w>\n' > bytes.txt
attnviz heatmap at.npy -t bytes.txt --words --format text --colour never > out 2> err
check "bytes of CLIP" grep -q 'café' out
printf '中@@\n国@@\n人\na\n@@\nb@@\nc\n' > wide.txt
attnviz heatmap at.npy -t wide.txt --words -o wide.svg 2> err
check "wide characters that are marked" grep -q '>中国人</text>' wide.svg
check "a token that is only the mark" grep -q '>@@</text>' wide.svg
printf 'a\n￭-￭\nb\n￭!\n(￭\nc\n￭\n' > both.txt
attnviz heatmap at.npy -t both.txt --words -o both.svg 2> err
check "joiners on both sides" sh -c 'grep -q ">a-b!</text>" both.svg && grep -q ">(c</text>" both.svg'
