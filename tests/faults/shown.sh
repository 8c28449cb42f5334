# SPDX-License-Identifier: MIT
# Section 4 of faults.md: pictures show and name what one thinks. And 35 and the captions of 38.
. "$ROOT/tests/faults/lib.sh"
. "$ROOT/tests/support/arrays.sh"
"${CC:-cc}" -o "$scratch/bin/pixels" "$ROOT/tests/cli/pixels.c" $(pkg-config --cflags --libs libpng) || exit 1

# says NAME FILE TEXT...: the picture has each of these texts, whole ones.
says() {
	picture=$2 title=$1
	shift 2
	for text; do
		if grep -qF -- ">$text</text>" "$picture"; then echo "ok $title: $text"; else echo "not ok $title: no text '$text'"; fi
	done
}

# text_of FILE: all that a reader of the SVG sees.
text_of() {
	sed -n 's/.*<text[^>]*>\([^<]*\)<\/text>.*/\1/p' "$1"
}

# --- 26: nothing is averaged unasked.
enter 26-overlay-averages-unasked
refuse "two batch items over one picture" 2 "choose it of 2 with --batch" attnviz overlay batch.npy --image image.png -o x.svg
refuse "lines of two batch items" 2 "choose it of 2 with --batch" attnviz arcs batch.npy -o x.svg
refuse "an alignment of two batch items" 2 "choose it of 2 with --batch" attnviz align batch.npy
refuse "an alignment of two heads" 2 "--reduce mean" attnviz align batch.npy --batch 0
refuse "an alignment of two layers" 2 "choose one with --layer" attnviz align layers.npy --reduce mean
check "nothing is left behind" test ! -e x.svg
attnviz overlay layers.npy --image image.png -o x.svg
says "layers and heads a panel each" x.svg "layers.npy: 2 layers, 2 heads" "layer 0 head 0" "layer 0 head 1" "layer 1 head 0" "layer 1 head 1"
check "no mean is said or drawn" sh -c '! grep -q "mean of" x.svg'
attnviz overlay layers.npy --image image.png --reduce mean -o x.svg
says "the mean of heads, a panel for each layer" x.svg "layers.npy: 2 layers, mean of 2 heads" "layer 0" "layer 1"
attnviz overlay layers.npy --image image.png --layer 1 --reduce max -o x.svg
says "the largest of the heads of a layer" x.svg "layers.npy: layer 1, max of 2 heads"
# By pixels, solid and opaque, on a scale that the panels share: the patch with the brightest colour.
brightest() {
	attnviz overlay "$@" --image image.png --solid --opacity 1 --colormap gray -o x.png && pixels x.png ffffff | awk '{ split($3, s, "x") } s[1] > 120 && s[1] < 140 { print int(($1 - 14) / 130), int(($2 - 59) / 130) }'
}
check "item 0 looks at patch 0" test "$(brightest batch.npy --batch 0 --head 0)" = "0 0"
check "item 1 looks at patch 3" test "$(brightest batch.npy --batch 1 --head 0)" = "3 0"
check "layer 1 looks at patch 4" test "$(brightest layers.npy --layer 1 --reduce mean)" = "0 1"
refuse "a rollout of one layer" 2 "leave --layer and --head out" attnviz overlay layers.npy --image image.png --rollout --layer 1 -o x.png
refuse "a rollout reduced" 2 "leave --reduce out" attnviz overlay layers.npy --image image.png --rollout --reduce max -o x.png
# --reduce is the same in heatmap, arcs, overlay and align.
floats 0.25 0.75 1 0 0.75 0.25 0 1 | npy two.npy '<f4' '(2, 2, 2)'
for how in mean max; do
	attnviz arcs two.npy --reduce $how --least 0 > arcs.text
	attnviz heatmap two.npy --reduce $how --format svg -o heat.svg
	says "heatmap" heat.svg "two.npy: $how of 2 heads"
	check "arcs names the $how" grep -q "^two.npy: $how of 2 heads$" arcs.text
done
check "arcs has the largest" grep -q '^0 → 0 0.75, 1 0.75$' arcs.text
check "arcs has the mean" sh -c 'attnviz arcs two.npy --reduce mean --least 0 | grep -q "^0 → 0 0.5, 1 0.5$"'
attnviz align two.npy --reduce max --extract threshold --threshold 0.7 --tsv > out
check "align has the largest" test "$(awk -F '\t' 'NR > 1 { printf "%s ", $5 }' out)" = "0.75 1 0.75 1 "
attnviz align two.npy --reduce mean --extract threshold --threshold 0.1 --tsv > out
check "align has the mean" test "$(awk -F '\t' 'NR > 1 { printf "%s ", $5 }' out)" = "0.5 0.5 0.5 0.5 "

# --- 27: titles name layers, heads, items and files; a descriptor has its file's name.
enter 27-what-the-picture-shows
attnviz arcs model.npy --layer 2 --head 1 -o x.svg
says arcs x.svg "model.npy: layer 2, head 1"
attnviz align model.npy --layer 2 --head 1 -o x.svg
says align x.svg "model.npy: layer 2, head 1"
attnviz overlay model.npy --layer 2 --head 1 --image image.png --grid 1x5 -o x.svg
says overlay x.svg "model.npy: layer 2, head 1"
attnviz heatmap model.npy --layer 2 --head 1 -o x.svg
says heatmap x.svg "model.npy: layer 2, head 1"
attnviz heatmap model.npy --layer 0,2 --head 0-1 --reduce mean -o x.svg
says "some layers and heads" x.svg "model.npy: layers 0, 2, mean of heads 0-1" "layer 0" "layer 2"
attnviz compare model.npy --other other.npy --layer 2 --head 1 --plot x.svg > out
says compare x.svg "A model.npy, B other.npy: layer 2, head 1"
attnviz compare model.npy --other other.npy --layer 2 --head 1 --plot - > out
check "compare in text" grep -q "^A model.npy, B other.npy: layer 2, head 1$" out
attnviz stats model.npy -m entropy --layer 2 --head 1 --plot x.svg > out
check "stats" sh -c 'grep -q ">model.npy: layer 2, head 1: " x.svg'
attnviz stats model.npy -m entropy --plot x.svg --title "My own" > out
says "stats takes --title" x.svg "My own"
q=$ROOT/samples/genesis/L0_q.npy k=$ROOT/samples/genesis/L0_k.npy
attnviz compare -q "$q" -k "$k" --causal --head 3 --attention linear --against softmax --plot x.svg > out
says "mechanisms compared" x.svg "L0_q.npy, L0_k.npy: A linear, B softmax: layer 0, head 3"
check "with their settings" sh -c 'grep -q ">64 queries x 64 keys, A: causal, features elu, B: scale 0.25 (1/sqrt 16), causal, linear colours<" x.svg'
attnviz compare -q "$q" -k "$k" --causal --head 0-1 --attention performer --features 16,32 --seeds 2 --plot x.svg > out
says "a curve for each head" x.svg "head 0, mean and deviation of 2 seeds" "head 1, mean and deviation of 2 seeds"
refuse "more curves than can be told apart" 2 "choose with --layer, --batch and --head" attnviz compare -q "$q" -k "$k" --causal --attention performer --features 16 --seeds 1 --plot y.svg
attnviz blocks -q "$q" -k "$k" --causal --show blocks --plot x.svg > out
says blocks x.svg "L0_q.npy, L0_k.npy: layer 0, 8 heads: weight on the" "head 0" "head 7"
attnviz heatmap -w /dev/fd/3 --layer 0 --head 0 3< model.npy > out 2> err
check "a descriptor of a file has its name" grep -q "^model.npy: layer 0, head 0$" out
cat model.npy | attnviz heatmap -w - --layer 0 --head 0 > out
check "standard input is called so" grep -q "^standard input: layer 0, head 0$" out
if [ -d /dev/fd ] && command -v bash > /dev/null; then
	bash -c 'attnviz heatmap -w <(cat model.npy) --layer 0 --head 0' > out 2> err
	check "a pipe is not called fd" sh -c '[ -s out ] && head -n 1 out | grep -q "^pipe: layer 0, head 0$"'
fi

# Heads over each other: few, in colours of their own; more are asked for.
refuse "nine heads over each other" 2 "choose with --layer and --head, or take --reduce mean" attnviz arcs model.npy -o y.svg
check "nothing is left behind" test ! -e y.svg
attnviz arcs model.npy --layer 0-1 -o x.svg
says "the legend names six" x.svg "layer 0 head 0" "layer 0 head 1" "layer 0 head 2" "layer 1 head 0" "layer 1 head 1" "layer 1 head 2"
check "in six colours" test "$(sed -n 's/.*<rect [^>]*width="9" height="8" fill="\(#[0-9a-f]*\)".*/\1/p' x.svg | sort -u | wc -l)" = 6
check "nine heads in text, each by its name" test "$(attnviz arcs model.npy | grep -c '^layer [0-2] head [0-2]$')" = 9
attnviz arcs model.npy --reduce mean -o x.svg
says "the heads of each layer" x.svg "model.npy: 3 layers, mean of 3 heads" "layer 0" "layer 1" "layer 2" "query" "key"

# --- 35: labels fit by the length of their own axis.
enter 35-labels-of-decode-grids
attnviz heatmap attn.npy --key-tokens tokens.txt -o x.svg
says "one row in each panel" x.svg tok00 tok01 tok02 tok03 tok04 tok05 tok06 tok07 tok08 tok09 tok10 tok11
check "once under each column of the grid" test "$(grep -c '>tok05</text>' x.svg)" = 3
attnviz heatmap attn.npy --key-tokens tokens.txt --layer 0 -o x.svg
says "three of them" x.svg tok00 tok11
# More panels, smaller ones: 32 of twelve keys.
repeat 384 floats 1 | npy many.npy '<f4' '(4, 1, 8, 1, 12)'
attnviz heatmap many.npy --key-tokens tokens.txt -o x.svg
check "under each of eight columns" test "$(grep -c '>tok05</text>' x.svg)" = 8
# The other way: many queries, one key.
repeat 24 floats 1 | npy tall.npy '<f4' '(2, 12, 1)'
attnviz heatmap tall.npy --query-tokens tokens.txt -o x.svg
says "one column in each panel" x.svg tok00 tok11
check "once beside each row of the grid" test "$(grep -c '>tok05</text>' x.svg)" = 1

# --- 38: the caption of a cut map.
enter 38-small-words
attnviz heatmap attn.npy --head 0 --rows 10:14 --keys 0:14 -o x.svg
check "heatmap" sh -c 'grep -q ">4 queries x 14 keys[,<]" x.svg && ! grep -q "40 queries x 40 keys" x.svg'
attnviz heatmap attn.npy --head 0 --rows 10:14 --keys 0:14 > out
check "heatmap in text" grep -q "^4 queries x 14 keys," out
attnviz heatmap attn.npy --head 0 --keys 5 -o x.svg
check "one key" grep -q ">40 queries x 1 keys[,<]" x.svg
attnviz arcs attn.npy --head 0 --rows 10:14 --keys 0:14 -o x.svg
check "arcs" grep -q ">4 queries x 14 keys, " x.svg
attnviz align attn.npy --head 0 --rows 10:14 --keys 0:14 -o x.svg
check "align" grep -q ">4 queries x 14 keys, " x.svg
attnviz compare attn.npy --other attn.npy --head 0 --rows 10:14 --plot x.svg > out
check "compare" grep -q ">4 queries x 40 keys, " x.svg

# --- 28: one picture, upright.
enter 28-several-images
refuse "two pictures" 2 "--image" attnviz overlay attn.npy --image one.png --image two.png -o x.png
refuse "two titles" 2 "--title" attnviz arcs attn.npy --head 0 --title a --title b
for picture in phone upright; do
	attnviz overlay attn.npy --head 0 --image $picture.jpg --opacity 0 -o $picture.png
	# Red, green, blue and yellow quarters: the first hexadecimal digits of a pixel in each.
	for place in '100 150' '600 150' '100 400' '600 400'; do pixels $picture.png $place | cut -c 1,3,5; done > $picture.quarters
done
same "a photo on its side is turned as its EXIF says" phone.quarters upright.quarters
check "of the size that it is seen in" test "$(pixels phone.png | cut -d ' ' -f 1-3)" = "$(pixels upright.png | cut -d ' ' -f 1-3)"
check "its quarters differ" test "$(sort -u phone.quarters | wc -l)" = 4

# --- 78: no folders in pictures, and nothing of the command where it is not wanted.

# holds NAME FILE TEXT, lacks NAME FILE TEXT: text somewhere in the bytes of a file, as it is or as PDF writes it (UTF-16 in hexadecimal).
is_in() {
	grep -qaF -e "$2" -e "$(printf %s "$2" | od -An -tx1 | tr -d ' \n' | tr a-f A-F | sed 's/../00&/g')" "$1"
}
holds() {
	if is_in "$2" "$3"; then echo "ok $1"; else echo "not ok $1: '$3' is not in $2"; fi
}
lacks() {
	if [ -s "$2" ] && ! is_in "$2" "$3"; then echo "ok $1"; else echo "not ok $1: '$3' is in $2"; fi
}
enter 78-paths-in-pictures
mkdir -p jane-doe/other-doe
cp attn.npy jane-doe/attn.npy
cp attn.npy jane-doe/other-doe/more.npy
here=$PWD
printf '0-0\n' > jane-doe/gold.txt
printf 'a\nb\nc\nd\ne\n' > jane-doe/words.txt
cp "$ROOT/samples/digit3/image.png" jane-doe/photo.png
for format in png svg pdf; do
	attnviz heatmap "$here/jane-doe/attn.npy" -t jane-doe/words.txt -o "jane-doe/a.$format"
	mv jane-doe/a.$format .
	lacks "heatmap: no folder in $format" a.$format -doe
	lacks "heatmap: nor the place of this test in $format" a.$format "$(basename "$here")"
	holds "heatmap: the command in $format" a.$format "attnviz heatmap attn.npy -t words.txt -o a.$format"
	attnviz heatmap "$here/jane-doe/attn.npy" -t jane-doe/words.txt --no-provenance -o "jane-doe/a.$format"
	mv jane-doe/a.$format .
	for text in -doe words.txt 'attnviz heatmap' weights\ attn Software Command; do lacks "--no-provenance: no '$text' in $format" a.$format "$text"; done
done
holds "the picture still has its title" a.pdf PDF
attnviz heatmap -w jane-doe/attn.npy --no-provenance -o a.svg
says "the title stays" a.svg "attn.npy: head 0"
check "an SVG without metadata" sh -c '! grep -q "metadata" a.svg'
attnviz heatmap "--weights=$here/jane-doe/attn.npy" -ojane-doe/a.svg && mv jane-doe/a.svg .
holds "words with their option" a.svg "attnviz heatmap --weights=attn.npy -oa.svg"
attnviz heatmap --input "weights=$here/jane-doe/attn.npy" --title 'km/h' --hide '^a/b' -t jane-doe/words.txt -o a.svg
holds "text that is no path stays" a.svg "attnviz heatmap --input weights=attn.npy --title km/h --hide '^a/b' -t words.txt"
lacks "no folder behind an option" a.svg -doe
attnviz overlay jane-doe/attn.npy --grid 1x5 --image jane-doe/photo.png -o a.svg
lacks "overlay" a.svg -doe
attnviz arcs jane-doe/attn.npy -o a.svg
lacks "arcs" a.svg -doe
attnviz align jane-doe/attn.npy --gold jane-doe/gold.txt -o a.svg
lacks "align" a.svg -doe
attnviz compare jane-doe/attn.npy --other jane-doe/other-doe/more.npy --plot a.svg > out
lacks "compare" a.svg -doe
holds "compare names the files" a.svg "A attn.npy, B more.npy"
attnviz stats jane-doe/attn.npy -m entropy --plot a.svg > out
lacks "stats" a.svg -doe
attnviz stats jane-doe/attn.npy -m entropy --no-provenance --plot a.svg > out
lacks "stats without provenance" a.svg 'attnviz stats'
# Many files are called by what their names share, not by their folder.
for layer in 0 1; do for role in q k; do cp "$ROOT/samples/genesis/L${layer}_$role.npy" jane-doe/; done; done
attnviz heatmap jane-doe/L*.npy --causal --layer 1 --head 2 -o a.svg
lacks "several files" a.svg -doe
says "several files" a.svg "L*_k.npy, L*_q.npy: layer 1, head 2"
attnviz rollout jane-doe/L*_q.npy jane-doe/L*_k.npy --causal -o a.svg
lacks "rollout" a.svg -doe
# Names of tensors may have slashes.
cp "$ROOT/samples/mechanisms/paged.npz" jane-doe/
attnviz heatmap -a paged jane-doe/paged.npz --param kv-layout=nhd --batch 0 --head 0 -o a.svg
lacks "an archive" a.svg -doe

# --- 79: fonts that are not there are told once.
enter 79-no-fonts
printf '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>%s/none</dir><cachedir>%s/none</cachedir></fontconfig>\n' "$PWD" "$PWD" > none.conf
for format in png svg pdf; do
	note "no fonts at all, $format" "there are no fonts: every letter is a box; Debian has them in fonts-dejavu-core" env FONTCONFIG_FILE="$PWD/none.conf" attnviz heatmap attn.npy -t tokens.txt -o a.$format
	env FONTCONFIG_FILE="$PWD/none.conf" attnviz heatmap attn.npy -t tokens.txt -o a.$format 2> err
	check "is said once, $format" test "$(wc -l < err)" = 1
done
env FONTCONFIG_FILE="$PWD/none.conf" attnviz heatmap attn.npy -t tokens.txt > out 2> err
check "text needs no fonts" test ! -s err
dejavu=$(dirname "$(fc-list 2> /dev/null | sed -n 's/^\(.*DejaVuSans\.ttf\):.*/\1/p' | head -n 1)" 2> /dev/null)
if [ -f "$dejavu/DejaVuSans.ttf" ]; then
	printf '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>%s</dir><cachedir>%s/none</cachedir></fontconfig>\n' "$dejavu" "$PWD" > dejavu.conf
	export FONTCONFIG_FILE="$PWD/dejavu.conf"
	printf '中\n文\nก\n안\nend\n' > scripts.txt
	expect "DejaVu alone" 0 attnviz heatmap attn.npy -t scripts.txt -o a.png
	check "names characters, scripts and packages" grep -qF 'note: no font has 中 文 (Chinese characters: fonts-noto-cjk), ก (Thai: fonts-noto-core), 안 (Hangul: fonts-noto-cjk)' err
	check "in one line" test "$(wc -l < err)" = 1
	for draw in 'arcs attn.npy' 'align attn.npy' 'stats attn.npy -m entropy --title 中'; do
		option=-o
		[ "${draw%% *}" = stats ] && option=--plot
		note "${draw%% *} says so" "no font has 中" attnviz $draw $([ $option = -o ] && echo -t scripts.txt) $option a.png
	done
	printf 'the\ncát\nсел\nστο\n→\n' > known.txt
	expect "letters that DejaVu has" 0 attnviz heatmap attn.npy -t known.txt -o a.png
	check "are no reason for a note" test ! -s err
	expect "letters that stay unseen" 0 attnviz heatmap attn.npy -t scripts.txt --rows 4 --keys 4 -o a.png
	check "are none either" test ! -s err
	unset FONTCONFIG_FILE
else
	echo "skip DejaVu alone: the font is not installed"
fi
