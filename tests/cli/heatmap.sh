# SPDX-License-Identifier: MIT
# attnviz heatmap: text to the letter, pictures by their pixels, and what it says when it cannot.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
export LC_ALL=C TERM=dumb COLUMNS=100 LINES=20
unset COLORTERM NO_COLOR
"${CC:-cc}" -o pixels "$ROOT/tests/cli/pixels.c" $(pkg-config --cflags --libs libpng) || exit 1

floats 1 0 0  0.5 0.5 0  0.25 0.25 0.5 | npy w.npy '<f4' '(3, 3)'
printf 'a\nb\nc\n' > tokens.txt

# Text.
"$ATTNVIZ" heatmap w.npy -t tokens.txt > out 2> err
cat > want <<'END'
w.npy
a @@....
b ++++..
c ----++
  a b c
0 ....::::--====++++**####%%%%@@@@ 1  attention weight
3 queries x 3 keys, weights as exported, linear colours
END
same "text without colour where standard output is no terminal" out want
check "nothing on standard error" test ! -s err
"$ATTNVIZ" heatmap w.npy -t tokens.txt -o text.txt
same "text in a file" text.txt want
"$ATTNVIZ" heatmap w.npy -t tokens.txt --title 'A title' | head -n 1 > out
echo 'A title' > want
same "title" out want
"$ATTNVIZ" heatmap w.npy --title '' | head -n 1 > out
check "no title" grep -q '^0 @@' out
"$ATTNVIZ" heatmap - < w.npy > out
check "from standard input" grep -q '^0 @@' out

# Labels from ids.
bytes 2 0 1 | npy ids.npy '|u1' '(3,)'
printf '{"b": 0, "c": 1, "a": 2}' > vocab.json
"$ATTNVIZ" heatmap w.npy --ids ids.npy --vocab vocab.json > out
cp text.txt want
same "ids with a vocabulary" out want
"$ATTNVIZ" heatmap w.npy --ids ids.npy | tail -n 3 | head -n 1 > out
echo '  2 0 1' > want
same "ids without a vocabulary" out want
refuse "a vocabulary without ids" 2 "--vocab needs the ids" "$ATTNVIZ" heatmap w.npy --vocab vocab.json
refuse "ids and tokens" 2 "by tokens and by ids" "$ATTNVIZ" heatmap w.npy --ids ids.npy -t tokens.txt
refuse "an id that the vocabulary lacks" 1 "small.json: id 2 (position 0)" sh -c 'printf "{\"b\": 0, \"c\": 1}" > small.json; "$0" heatmap w.npy --ids ids.npy --vocab small.json' "$ATTNVIZ"

# Pictures.
expect "a picture" 0 "$ATTNVIZ" heatmap "$samples"/animal/*_[qk].npy -t "$samples/animal/tokens.txt" -o animal.png
check "it is a PNG" ./pixels animal.png
"$ATTNVIZ" heatmap "$samples"/animal/*_[qk].npy -t "$samples/animal/tokens.txt" --format png > piped.png
check "PNG on standard output" sh -c '[ "$(./pixels piped.png)" = "$(./pixels animal.png)" ]'
check "the command is in the picture" grep -aq 'heatmap' animal.png
expect "SVG" 0 "$ATTNVIZ" heatmap "$samples"/animal/*_[qk].npy -t "$samples/animal/tokens.txt" -o animal.svg
check "SVG holds real text" grep -q 'animal' animal.svg
expect "PDF" 0 "$ATTNVIZ" heatmap "$samples"/animal/*_[qk].npy -o animal.pdf
check "PDF begins as one" sh -c 'head -c 5 animal.pdf | grep -q %PDF-'
"$ATTNVIZ" heatmap "$samples"/animal/*_[qk].npy --head 0 --size 640x480 -o sized.png
check "size" sh -c './pixels sized.png | grep -q "^640 x 480 "'

for threads in 1 2 8; do
	"$ATTNVIZ" heatmap "$samples"/genesis/*_[qk].npy --causal -j $threads -o t.png
	./pixels t.png > pixels$threads
	[ $threads = 1 ] || same "$threads threads draw the pixels of one" pixels$threads pixels1
done

# Pooling: a map of 256 x 256 on a small page, one bright element.
{ head -c 255 /dev/zero; bytes 255; head -c 65280 /dev/zero; } | npy spike.npy '|u1' '(256, 256)'
"$ATTNVIZ" heatmap spike.npy --size 300x300 -o max.png
"$ATTNVIZ" heatmap spike.npy --size 300x300 --pool mean --vmax 1 -o mean.png
check "max and mean pooling differ" sh -c '[ "$(./pixels max.png)" != "$(./pixels mean.png)" ]'
"$ATTNVIZ" heatmap spike.npy > out
check "the caption states the cells" grep -q 'each cell: max of up to' out
"$ATTNVIZ" heatmap spike.npy --rows 0:4 --keys 252:256 > out
check "a part of the map" grep -q '@@$' out
"$ATTNVIZ" heatmap spike.npy --rows 0:4 --keys 236:256 > out
check "the part keeps its positions" grep -q ' 240 ' out

# Heads.
"$ATTNVIZ" heatmap "$samples"/genesis/*_[qk].npy --causal --reduce mean > out
check "mean of heads" grep -q 'mean of 8 heads' out
"$ATTNVIZ" heatmap "$samples"/genesis/*_[qk].npy --causal --skip-first 1 > out
check "skipped keys are told" grep -q 'first key left out, rows renormalised' out
"$ATTNVIZ" heatmap -q "$samples/transformer/dec0_cross_q.npy" -k "$samples/transformer/dec0_cross_k.npy" --causal > out 2> err
check "the causal alignment chosen is told" grep -q 'aligned bottom-right (11 queries, 12 keys)' err
check "and stands in the caption" grep -q 'causal (bottom-right)' out
"$ATTNVIZ" heatmap -q "$samples/transformer/dec0_cross_q.npy" -k "$samples/transformer/dec0_cross_k.npy" --causal --quiet > out 2> err
check "--quiet" test ! -s err

# Bad input: one line, a status, nothing left behind.
printf 'a\nb\n' > two.txt
refuse "too few tokens" 1 "two.txt: 2 tokens, but the key axis has 3 positions" "$ATTNVIZ" heatmap w.npy -t two.txt -o x.png
refuse "no tokens file" 1 "none.txt: " "$ATTNVIZ" heatmap w.npy -t none.txt -o x.png
refuse "unknown format" 2 "cannot determine the format from the file name" "$ATTNVIZ" heatmap w.npy -o x.jpg
refuse "size" 2 "--size 10" "$ATTNVIZ" heatmap w.npy --size 10 -o x.png
refuse "unknown colour map" 2 "colormap" "$ATTNVIZ" heatmap w.npy --colormap jet -o x.png
refuse "causal side" 2 "--causal=left" "$ATTNVIZ" heatmap w.npy --causal=left -o x.png
refuse "nothing left to show" 2 "--skip-first 3" "$ATTNVIZ" heatmap w.npy --skip-first 3 -o x.png
floats nan 0 0  0.5 0.5 0  0.25 0.25 0.5 | npy nan.npy '<f4' '(3, 3)'
refuse "NaN, with its place" 1 "query 0, key 0" "$ATTNVIZ" heatmap nan.npy -o x.png
check "nothing was left behind" sh -c '! ls x.* .x.* 2> /dev/null | grep .'
refuse "a folder" 1 "is a directory" "$ATTNVIZ" heatmap w.npy --format png -o .
[ ! -w /dev/full ] || refuse "full device" 1 "no space left" "$ATTNVIZ" heatmap w.npy --format png -o /dev/full
expect "closed pipe" 141 sh -c '{ "$0" heatmap "$1"/genesis/*_[qk].npy --format png 2> err; echo $? > status; } | head -c 1 > /dev/null; exit $(cat status)' "$ATTNVIZ" "$samples"
echo kept > keep.png
"$ATTNVIZ" heatmap nan.npy -o keep.png 2> /dev/null
check "a failed run leaves the old file" grep -q kept keep.png
