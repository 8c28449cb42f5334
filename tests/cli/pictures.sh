# SPDX-License-Identifier: MIT
# What pictures look like where nothing is asked for: ground, scale, legends, grids.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
shared=${ATTNVIZ_SHARED:-$ROOT/../shared}/data
export LC_ALL=C TERM=dumb COLUMNS=300 LINES=50
unset COLORTERM NO_COLOR COLORFGBG
"${CC:-cc}" -o pixels "$ROOT/tests/cli/pixels.c" $(pkg-config --cflags --libs libpng) || exit 1

# has NAME FILE TEXT, lacks NAME FILE TEXT
has() {
	check "$1" grep -qF -- "$3" "$2"
}
lacks() {
	check "$1" sh -c '! grep -qF -- "$1" "$0"' "$2" "$3"
}

# Colours of known values, by ground: nothing has the colour of the page, everything that of the other end.
floats 1 0 0  0.5 0.5 0  0.25 0.25 0.5 | npy w.npy '<f4' '(3, 3)'
"$ATTNVIZ" heatmap w.npy -o light.svg
"$ATTNVIZ" heatmap w.npy --theme dark -o dark.svg
"$ATTNVIZ" heatmap w.npy --colormap viridis -o asked.svg
has "light ground: 1 is dark" light.svg 'fill="#0c2f69"'
has "light ground: 0 is light" light.svg 'fill="#f8fafd"'
has "dark ground: 1 is light" dark.svg 'fill="#fcfdbf"'
has "dark ground: 0 is dark" dark.svg 'fill="#000004"'
has "--colormap decides" asked.svg 'fill="#440154"'
lacks "and alone" asked.svg 'fill="#0c2f69"'
"$ATTNVIZ" heatmap w.npy -o light.png
check "the same in a PNG: one cell of 1" sh -c '[ "$(./pixels light.png 0c2f69 | grep -c "x[1-9][0-9]")" -ge 1 ]'
COLORTERM=truecolor TERM=xterm "$ATTNVIZ" heatmap w.npy --colour always > terminal
has "terminals are dark" terminal '48;2;252;253;191m'
COLORTERM=truecolor TERM=xterm COLORFGBG='0;15' "$ATTNVIZ" heatmap w.npy --colour always > terminal
has "or light, where they say so" terminal '48;2;12;47;105m'

# The scale is chosen from the data, named, and left alone where it was given.
"$ATTNVIZ" heatmap "$samples"/genesis/*_[qk].npy --causal > all.txt
has "linear where it shows the map" all.txt 'linear colours'
head="heatmap $samples/genesis/L3_q.npy $samples/genesis/L3_k.npy --causal --head 3 --rows 20:64 --keys 0:20 --no-provenance"
"$ATTNVIZ" $head -j 1 -o one.svg
has "square root where it does not, and why" one.svg 'square root colours ('
for threads in 2 7; do
	"$ATTNVIZ" $head -j $threads -o many.svg
	same "the same for $threads threads" many.svg one.svg
done
"$ATTNVIZ" $head --scale linear -o asked.svg
has "--scale linear" asked.svg ' linear colours<'
"$ATTNVIZ" $head --scale rank -o asked.svg
has "--scale rank" asked.svg 'colours by rank<'
"$ATTNVIZ" $head --vmax 1 -o asked.svg
has "a given range is linear" asked.svg ' linear colours<'
lacks "values beyond the range: none" asked.svg '<polygon'
"$ATTNVIZ" $head --vmax 0.01 -o asked.svg
has "values beyond the range are marked" asked.svg '<polygon'

# chosen CASE WORDS FILES...: the scale of a dump.
chosen() {
	case=$1 words=$2
	shift 2
	[ -d "$shared" ] || { echo "skip scale of $case: no ../shared/data"; return; }
	"$ATTNVIZ" heatmap "$@" -o dump.svg
	has "scale of $case" dump.svg "$words"
}
chosen genesis_256 'square root colours (93 % of the cells are below 2 % of the range)' "$shared"/gpt_kjv/genesis_256/L3_[qk].npy --causal
chosen genesis_short ' linear colours' "$shared"/gpt_kjv/genesis_short/L0_[qk].npy --causal
chosen declaration_128 'square root colours (95 % of' "$shared"/use_lite/declaration_128/L0_[qk].npy
chosen declaration_line 'square root colours (98 % of' "$shared"/ppocrv4_rec/declaration_line/L1_[qk].npy
chosen t2t_animal ' linear colours' "$shared"/use_lite/t2t_animal/L1_[qk].npy

# One key that takes most of the weight.
for row in 0 1 2 3 4 5 6 7; do
	for key in 0 1 2 3 4 5 6 7; do
		case $key in 0) floats 0.75 ;; 7) floats 0.25 ;; *) floats 0 ;; esac
	done
done | npy sink.npy '<f4' '(8, 8)'
"$ATTNVIZ" heatmap sink.npy > out
has "a key that takes most" out 'key 0 takes 75 % of the weight (--skip-first 1 leaves it out)'
"$ATTNVIZ" heatmap sink.npy --skip-first 1 > out
lacks "left out, it is not told" out 'takes 75 %'
"$ATTNVIZ" heatmap sink.npy --rows 0:4 > out
lacks "nor of a few queries" out 'takes 75 %'
"$ATTNVIZ" heatmap "$samples"/genesis/L0_[qk].npy --causal --head 0 > out
lacks "nor where none does" out 'of the weight'

# Classes have a legend.
"$ATTNVIZ" flash "$samples"/genesis/L0_[qk].npy --head 0 --causal --block-rows 8 --block-keys 4 --plot tiles.svg > out
has "tiles computed" tiles.svg '>computed whole<'
has "tiles skipped" tiles.svg '>skipped<'
lacks "and no bar" tiles.svg '>0.5<'
"$ATTNVIZ" blocks --attention paged "$samples/mechanisms/paged.npz" --param kv-layout=nhd --plot blocks.svg > out
has "blocks free" blocks.svg '>free block<'
has "slots are counted" blocks.svg '>8</text>'
lacks "without decimals" blocks.svg '8.00'

# What neither attention sees is no difference of 0.
"$ATTNVIZ" compare --attention linear --against softmax "$samples"/genesis/L0_[qk].npy --head 0 --causal --tsv --plot difference.svg > out
has "hidden cells have the colour of no value" difference.svg 'fill="#e9ebee"'
has "A and B are named" difference.svg 'A linear, B softmax'

# Grids.
mkdir big
for row in 0 1 2 3 4 5 6 7; do
	for key in 0 1 2 3 4 5 6 7; do
		case $key in 0 | 2) floats 0.25 ;; 5) floats 0.5 ;; *) floats 0 ;; esac
	done
done > map
i=0
while [ $i -lt 32 ]; do
	cat map
	i=$((i + 1))
done > maps
for layer in $(seq 0 31); do
	npy "big/L${layer}_attn.npy" '<f4' '(32, 8, 8)' < maps
done
"$ATTNVIZ" heatmap big/*.npy -o grid.png
size=$(./pixels grid.png)
check "32 x 32 maps fit a screen: $size" sh -c '[ "$1" -le 1400 ] && [ "$3" -le 1050 ]' sh $size
"$ATTNVIZ" heatmap big/*.npy -o grid.svg
check "with the words once" sh -c '[ "$(grep -c ">head<" grid.svg)" = 1 ] && [ "$(grep -c ">layer<" grid.svg)" = 1 ] && [ "$(grep -c ">31<" grid.svg)" = 2 ]'
expect "12 x 12" 0 "$ATTNVIZ" heatmap "$samples"/genesis/*_[qk].npy --causal -o grid.svg
has "many cells are an image" grid.svg 'data:image/png'
has "text is text" grid.svg '>layer 3<'
check "and the file is small" sh -c '[ "$(wc -c < grid.svg)" -lt 150000 ]'

# Papers: lengths, columns, fonts, and the words around a map.
animal="$samples/animal/L1_q.npy $samples/animal/L1_k.npy --head 1 -t $samples/animal/tokens.txt"
wide() {
	./pixels "$1" | cut -d ' ' -f 1
}
"$ATTNVIZ" heatmap $animal --column single --dpi 300 -o column.png
check "a column of 3.25 inches has 975 dots of 300 to the inch" test "$(wide column.png)" = 975
"$ATTNVIZ" heatmap $animal --column double --dpi 200 -o column.png
check "two have 1350 of 200" test "$(wide column.png)" = 1350
"$ATTNVIZ" heatmap $animal --column single --dpi 300 -o column.svg
has "in SVG 312" column.svg '<svg xmlns="http://www.w3.org/2000/svg" width="312"'
check "with all labels on both sides" sh -c '[ "$(grep -c ">animal</text>" column.svg)" = 2 ] && [ "$(grep -c ">\.</text>" column.svg)" = 2 ] && [ "$(grep -c ">because</text>" column.svg)" = 2 ]'
has "of 6 points" column.svg 'font-size="8"'
for size in 80mmx0:945 8cmx0:945 2inx0:600 144ptx0:600 600x0:600 600pxx0:600; do
	"$ATTNVIZ" heatmap $animal --size "${size%:*}" --dpi 300 --font-size 4 -o sized.png
	check "--size ${size%:*}" test "$(wide sized.png)" = "${size#*:}"
done
"$ATTNVIZ" heatmap $animal --size 4inx3in -o sized.svg
has "both lengths" sized.svg 'width="384" height="288"'
for size in 10 3in 3ftx0 -3inx0 x 3inx0y 0x1p3x4 infx0 nanx0 1.5x0 9999inx0; do
	refuse "--size $size" 2 "--size $size" "$ATTNVIZ" heatmap $animal --size $size -o x.png
done
refuse "a column and a size" 2 "not with --size" "$ATTNVIZ" heatmap $animal --column single --size 3inx0 -o x.png
"$ATTNVIZ" heatmap $animal --font 'My "Font" & Co' -o font.svg
has "--font" font.svg 'font-family="My Font &amp; Co, '
"$ATTNVIZ" heatmap $animal --font-size 15 -o font.svg
has "--font-size" font.svg 'font-size="20"'
"$ATTNVIZ" heatmap $animal --caption 'My caption' --bar-title Share --query-title From --key-title To -o words.svg
for word in 'My caption' Share From To; do has "own words: $word" words.svg ">$word</text>"; done
lacks "in place of the caption" words.svg '14 queries'
"$ATTNVIZ" heatmap $animal --caption '' --bar-title '' --query-title '' --key-title '' --title '' -o words.svg
for word in '>query<' '>key<' 'attention weight<' '14 queries' '>L1'; do lacks "no words: $word" words.svg "$word"; done
"$ATTNVIZ" heatmap $animal --no-bar -o bar.svg
lacks "no bar" bar.svg '>0.2<'
"$ATTNVIZ" heatmap w.npy --values --colormap gray -o values.svg
check "values in their cells, dark on light and light on dark" sh -c 'grep -q "fill=\"#111418\">1.00<" values.svg && grep -q "fill=\"#ffffff\">0.00<" values.svg && [ "$(grep -c ">0.25<" values.svg)" = 2 ]'
"$ATTNVIZ" heatmap "$samples"/genesis/*_[qk].npy --causal --values -o values.svg
lacks "where they fit" values.svg '>0.00<'
