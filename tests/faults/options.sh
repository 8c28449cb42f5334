# SPDX-License-Identifier: MIT
# Options, words, tables and files of the command line (section 5 of faults.md, and the kinds of faults that its cases are of).
. "$ROOT/tests/faults/lib.sh"
unset COLUMNS LINES

# 30: two options of one name. A test in tests/unit goes through the rows of every command.
enter 30-blocks-sinks
streaming() {
	attnviz blocks q.npy k.npy -c --show evict --budget 10 "$@" | awk -F '\t' 'NR == 1 || $4 == "streaming"'
}
column '30 blocks --sinks is a number of keys' 2e-5 kept '0.0897305118 0.327007547' streaming --sinks 2
column '30 and 4 where it is not given' 2e-5 kept '0.918684229 0.57610158' streaming
refuse '30 sink logits have a name of their own in blocks' 1 'logits.npy: cannot open' attnviz blocks q.npy k.npy --sink-logits logits.npy
refuse '30 and the old one elsewhere' 1 'logits.npy: cannot open' attnviz stats q.npy k.npy --sinks logits.npy

# 31: abbreviations.
enter 31-abbreviations
attnviz heatmap attn.npy --head 0 --colour never > want
expect '31 --color is --colour' 0 attnviz heatmap attn.npy --head 0 --color never
same '31 --color never draws the same' out want
column '31 --heads is --head' 2e-5 entropy '1.36686929 1.32504617' attnviz stats attn.npy -m entropy --heads 0,3
column '31 --layers, --batches, --metric' 2e-5 entropy '1.36686929 1.22865681 1.28561671 1.32504617' attnviz stats attn.npy --layers 0 --batches 0 --metric entropy
attnviz heatmap attn.npy --head 0 --colour always > default
attnviz heatmap attn.npy --head 0 --colour always --colormap gray > want
for spelling in --cmap --colourmap --color-map; do
	attnviz heatmap attn.npy --head 0 --colour always $spelling=gray > got
	same "31 $spelling is --colormap" got want
done
check '31 which changes the colours' sh -c '! cmp -s default want'
attnviz weights attn.npy --signed --normalise abs -o want.npy
expect '31 --normalize is --normalise' 0 attnviz weights attn.npy --signed --normalize abs -o got.npy
same '31 with the same weights' got.npy want.npy
expect '31 a last word may be cut short' 0 attnviz stats attn.npy -m entropy --thr 1
refuse '31 two that begin so' 2 "option '--colo' is ambiguous: it may be one of --colormap, --colour" attnviz heatmap attn.npy --colo never
refuse '31 --hea may be two' 2 "option '--hea' is ambiguous" attnviz stats attn.npy --hea 0
refuse '31 no word is skipped' 2 "unknown option '--frame': did you mean '--frame-seconds'?" attnviz align attn.npy --frame 2
refuse '31 nor a hyphen' 2 "unknown option '--frame-': did you mean '--frame-seconds'?" attnviz align attn.npy --frame- 2
refuse '31 --heads takes heads, not their number' 2 'head 4 is out of range' attnviz stats attn.npy --heads 4
refuse '31 a slip' 2 "unknown option '--colr': did you mean '--colour'?" attnviz heatmap attn.npy --colr never
refuse '31 an option of another command' 2 "unknown option '--color'" attnviz weights attn.npy --color never -o x.npy

# One wording for what is not known.
refuse '31 a command' 2 "attnviz: unknown command 'stast': did you mean 'stats'?" attnviz stast attn.npy
refuse '31 a metric' 2 "attnviz: unknown metric 'entropi': did you mean 'entropy'?" attnviz stats attn.npy -m entropi
refuse '31 a mechanism' 2 "attnviz: unknown mechanism 'liner': did you mean 'linear'?" attnviz stats attn.npy -a liner
refuse '31 a name to explain' 2 "attnviz: unknown name 'liner': did you mean 'linear'?" attnviz explain liner
refuse '31 a colour map' 2 "not 'viridas': did you mean 'viridis'?" attnviz heatmap attn.npy --colormap viridas
refuse '31 nothing near' 2 "attnviz: unknown metric 'zzzzzz': 'attnviz help metrics' lists them" attnviz stats attn.npy -m zzzzzz

# One value, given twice.
refuse 'twice: --head' 2 "option '--head' is given twice" attnviz heatmap attn.npy --head 0 --head 1
refuse 'twice: -H and --heads' 2 "option '--head' is given twice" attnviz heatmap attn.npy -H 0 --heads 1
refuse 'twice: -o' 2 "option '-o' is given twice" attnviz heatmap attn.npy -o a.png -o b.png
refuse 'twice: -t' 2 "option '-t' is given twice" attnviz heatmap attn.npy -t a -t a
refuse 'twice: -c' 2 "option '--causal' is given twice" attnviz weights attn.npy -c --causal=top-left -o x.npy
refuse 'twice: --metrics' 2 "option '-m' is given twice" attnviz stats attn.npy --metrics entropy -m gini
refuse 'twice: --image' 2 "option '--image' is given twice" attnviz overlay attn.npy --image a.png --image b.png
refuse 'twice: --plot' 2 "option '--plot' is given twice" attnviz blocks attn.npy --plot a.png --plot b.png
refuse 'twice: a parameter' 2 "'feature' is given twice" attnviz stats -a linear -q attn.npy -k attn.npy --param feature=elu --param feature=relu
refuse 'twice: the axes' 2 'are given twice' attnviz stats attn.npy --layout HNM --layout HMN -m entropy
refuse 'twice: the axes of a role' 2 'are given twice' attnviz stats -w attn.npy --layout weights=HNM --layout w=HMN -m entropy
refuse 'twice: the sequences' 2 'are given twice' attnviz stats -q attn.npy -k attn.npy --cu-seqlens attn.npy --cu-seqlens attn.npy -m entropy
refuse '31 a word of a parameter' 2 "did you mean 'identity'?" attnviz stats -q attn.npy -k attn.npy -a linear --param feature=identiti -m entropy
refuse '31 a parameter' 2 "did you mean 'feature'?" attnviz stats -q attn.npy -k attn.npy -a linear --param featur=elu -m entropy
expect 'again: layers' 0 attnviz stats -w attn.npy -w attn.npy -m entropy
check 'nothing was written' sh -c '! ls a.png b.png x.npy 2> /dev/null'

# 32: -o is the main product.
enter 32-numbers-into-a-picture-name
for command in stats flash blocks 'compare --against linear'; do
	for name in map.png map.SVG map.pdf dir.d/map.jpeg; do
		refuse "32 ${command% *} -o $name" 2 '--plot' attnviz $command q.npy k.npy -c -o $name
	done
done
refuse '32 ring' 2 '--plot' attnviz ring -n 8 -o map.png
refuse '32 ring by its inputs' 2 '--plot' attnviz ring q.npy k.npy -o map.Png
refuse '32 info draws nothing' 2 'heatmap' attnviz info q.npy k.npy -o map.png
refuse '32 rollout --json' 2 'leave out' attnviz rollout q.npy k.npy --json -o map.png
refuse '32 align --tsv' 2 'leave out' attnviz align q.npy k.npy --tsv -o map.png
refuse '32 a picture is no array' 2 "'attnviz weights'" attnviz heatmap q.npy k.npy -o x.npy
refuse '32 nor with --format' 2 "'attnviz weights'" attnviz heatmap q.npy k.npy --format png -o x.NPY
refuse '32 arcs' 2 "'attnviz weights'" attnviz arcs q.npy k.npy -o x.npz
refuse '32 a picture is no table' 2 '.svg' attnviz heatmap q.npy k.npy -o x.json
refuse '32 another format than the name says' 2 '--format' attnviz heatmap q.npy k.npy --format svg -o x.png
refuse '32 an array is no picture' 2 "'attnviz heatmap'" attnviz weights q.npy k.npy -o x.png
refuse '32 nor text' 2 '.npy' attnviz weights q.npy k.npy -o x.tsv
refuse '32 --plot is a picture' 2 '.png' attnviz stats q.npy k.npy --plot x.json
refuse '32 in blocks too' 2 "'attnviz weights'" attnviz blocks q.npy k.npy --show blocks --plot x.npy
refuse '32 --json is not .tsv' 2 '.json' attnviz stats q.npy k.npy --json -o x.tsv
refuse '32 --tsv is not .json' 2 '.tsv' attnviz flash q.npy k.npy --tsv -o x.json
refuse '32 no CSV' 2 'there is no CSV' attnviz compare q.npy k.npy --against linear -o x.csv
refuse '32 text is not .npy' 2 'numbers as text' attnviz stats q.npy k.npy --json -o x.npy
check '32 no file came of it' sh -c '! ls x.* map.* 2> /dev/null'
for format in json tsv; do
	attnviz stats q.npy k.npy -c --$format > want
	attnviz stats q.npy k.npy -c -o got.$format
	same "32 the ending .$format says the format" got.$format want
done
attnviz stats q.npy k.npy -c --npy -o want.npy && attnviz stats q.npy k.npy -c -m default -o got.npy
same '32 so does .npy' got.npy want.npy
attnviz info q.npy --json > want
attnviz info q.npy -o got.json
same '32 info has -o' got.json want
attnviz ring -n 64 --totals --tsv > want
attnviz ring -n 64 --totals -o got.tsv --plot ring.svg
same '32 ring has -o for its numbers' got.tsv want
check '32 and --plot for its picture' grep -q '<svg' ring.svg

# 33: the help.
for command in heatmap stats blocks align info; do
	for columns in 60 80 120; do
		COLUMNS=$columns attnviz $command -h > help
		check "33 $command -h fits $columns columns" awk -v columns=$columns 'length > columns { exit 1 }' help
		check "33 $command -h has each heading once at $columns" test -z "$(grep '^[A-Z].*:$' help | sort | uniq -d)"
		tr -s ' \n' '\n' < help | sort > words
		[ $columns = 60 ] && mv words first || same "33 $command -h has the same words at $columns" words first
	done
done

# 36: an output that is an input.
enter 36-output-equals-input
cp -R . ../pristine
ln -s q.npy link.npy
ln q.npy hard.npy
ln -s . here
for name in q.npy ./q.npy "$PWD/q.npy" link.npy hard.npy here/q.npy here/here/link.npy; do
	refuse "36 weights -o $name" 2 'is read as well' attnviz weights q.npy k.npy -o "$name"
done
refuse '36 by option' 2 'is read as well' attnviz weights -q q.npy -k link.npy -o hard.npy
refuse '36 by option and name' 2 'is read as well' attnviz weights --input query=q.npy:q -k k.npy -o q.npy
refuse '36 tokens' 2 'is read as well' attnviz heatmap q.npy k.npy -t tokens.txt -o tokens.txt
refuse '36 a picture' 2 'is read as well' attnviz heatmap q.npy k.npy -o k.npy --format png
refuse '36 a plot' 2 'is read as well' attnviz stats q.npy k.npy --mask tokens.txt --plot tokens.txt
refuse '36 the other of a comparison' 2 'is read as well' attnviz compare q.npy --other k.npy -o k.npy
refuse '36 a pattern of others' 2 'is read as well' attnviz compare q.npy --other 'k*.npy' -o k.npy
refuse '36 shards' 2 'is read as well' attnviz weights --shard '{rank}.npy' -o q.npy
refuse '36 a vocabulary' 2 'is read as well' attnviz heatmap q.npy k.npy --ids k.npy --vocab tokens.txt -o tokens.txt
refuse '36 standard input' 2 'is read as well' sh -c 'attnviz weights -q - -k k.npy -o q.npy < q.npy'
refuse '36 standard output' 2 'is read as well' sh -c 'attnviz stats q.npy k.npy >> k.npy'
refuse '36 before anything is read' 2 'is read as well' attnviz weights q.npy missing.npy -o q.npy
refuse '36 two outputs in one' 2 'written twice' attnviz stats q.npy k.npy -o a.txt --plot a.txt
refuse '36 two outputs in one by another spelling' 2 'written twice' attnviz stats q.npy k.npy -o a.txt --plot here/./a.txt
rm link.npy hard.npy here
check '36 all is as it was' diff -r . ../pristine --exclude out --exclude err --exclude check.out
printf '{"metadata": {}, "weight_map": {"q": "part.safetensors", "k": "part.safetensors"}}' > model.safetensors.index.json
{
	printf '\240\000\000\000\000\000\000\000'
	printf '%-160s' '{"q": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}, "k": {"dtype": "F32", "shape": [2, 2], "data_offsets": [16, 32]}}'
	head -c 32 /dev/zero
} > part.safetensors
cp part.safetensors before
ln -s part.safetensors out.npy
refuse '36 a shard that an index leads to, by a link' 2 'is read as well' attnviz weights -q model.safetensors.index.json:q -k model.safetensors.index.json:k -o out.npy
same '36 the shard is as it was' part.safetensors before
attnviz weights q.npy k.npy -o w.npy && attnviz weights q.npy k.npy -o w.npy
check '36 an old output may be replaced' test $? = 0

# 37: tables fit the window.
enter 37-wide-tables
# terminal COLUMNS COMMAND...: on a terminal of that width.
terminal() {
	columns=$1
	shift
	script -qec "stty cols $columns rows 24; $*" /dev/null < /dev/null | tr -d '\r'
}
if command -v script > /dev/null; then
	for columns in 60 80 132; do
		for command in 'stats q.npy k.npy -c' 'compare q.npy k.npy --attention linear --against softmax' 'flash q.npy k.npy' 'stats q.npy k.npy -m all' 'heatmap -h' 'stats q.npy k.npy --per-row' \
			'info q.npy k.npy' 'explain' 'explain mamba' '-h' 'help masks'; do
			terminal $columns attnviz $command > table
			check "37 $command fits $columns columns" awk -v columns=$columns 'length > columns { print; exit 1 } END { if (!NR) exit 1 }' table
		done
	done
	terminal 80 attnviz stats q.npy k.npy -m entropy,max,sink1 > table
	check '37 numbers are aligned at the point' awk 'NR > 1 && $4 ~ /[.]/ { at = index($0, "."); if (point && at != point) exit 1; point = at; rows++ } END { if (rows < 5) exit 1 }' table
	attnviz stats q.npy k.npy -m all --tsv > all.tsv
	terminal 80 attnviz stats q.npy k.npy -m all > table
	head -n 1 all.tsv | tr '\t' '\n' | sort > want
	awk '/^layer/ || /^[a-z_0-9]*, layer 0 batch 0 head 0:/' table | sed 's/,.*//' | tr -s ' ' '\n' | sort -u > got
	same '37 no column is lost' got want
	terminal 80 attnviz stats q.npy k.npy -m all --tsv > got
	same '37 TSV stays as it is' got all.tsv
	attnviz stats q.npy k.npy -c -m default > want
	COLUMNS=40 attnviz stats q.npy k.npy -c -m default > got
	same '37 a pipe has no width' got want
else
	echo 'skip 37: no script(1) that makes terminals'
fi

# 38: small words.
enter 38-small-words
check '38 shapes are arrays in JSON' sh -c 'attnviz info attn.npy --json | head -n 1 | grep -qF "\"shape\": [2, 40, 40]"'
check '38 and as they were in tables' sh -c 'attnviz info attn.npy | grep -qF "(2, 40, 40)" && attnviz info attn.npy --tsv | grep -qF "(2, 40, 40)"'
attnviz compare attn.npy --other attn.npy > out
check '38 what does not exist is -' awk 'NR > 1 && $NF != "-" { exit 1 }' out
check '38 and null' sh -c 'attnviz compare attn.npy --other attn.npy --json | grep -qF "\"output_error\": null"'
refuse '38 a picture is no input' 2 "did you mean '-o x.png'?" attnviz heatmap attn.npy x.png
refuse '38 in any case' 2 "did you mean '-o X.PDF'?" attnviz rollout attn.npy X.PDF
refuse '38 where -o is for numbers' 2 "did you mean '--plot x.svg'?" attnviz stats attn.npy x.svg
refuse '38 where nothing is drawn' 2 "'attnviz heatmap'" attnviz weights attn.npy x.png
touch x.png
refuse '38 also where it is there' 2 "did you mean '-o x.png'?" attnviz heatmap attn.npy x.png
attnviz --version > want
for word in version -V; do
	attnviz $word > out
	same "38 attnviz $word" out want
done
for topic in formats masks positions mechanisms metrics inputs tokens pictures mask linear entropy; do
	expect "38 help $topic" 0 attnviz help $topic
	check "38 help $topic says something" test "$(wc -l < out)" -ge 5
	attnviz explain $topic > want
	same "38 help $topic is explain" out want
done
check '38 help masks has the options' sh -c 'attnviz help masks | grep -q -e --key-lengths && attnviz help positions | grep -q -e --rope-factor'
refuse '38 help about nothing' 2 "unknown command 'frobnicate'" attnviz help frobnicate
attnviz stats attn.npy -m entropy > want
expect '38 --quiet before the command' 0 attnviz --quiet stats attn.npy -m entropy
same '38 with the same result' out want
attnviz --quiet stats attn.npy -c -m entropy 2> err > out
check '38 and quiet' test ! -s err

# A reader that has enough.
enter 50-grouping-is-slow
for command in 'weights q.npy k.npy' 'stats q.npy k.npy -m entropy --per-row --json' 'stats q.npy k.npy -m entropy --per-row' 'heatmap q.npy k.npy --format png --size 900x900' 'weights q.npy k.npy -o /dev/fd/1'; do
	{ attnviz $command 2> err; echo $? > status; } | head -c 20 > out
	check "pipe: $command ends as other filters do" test "$(cat status)" = 141 -a ! -s err -a "$(wc -c < out)" = 20
done
{ (trap '' PIPE; attnviz weights q.npy k.npy 2> err); echo $? > status; } | head -c 20 > out
check 'pipe: also where the parent ignores the signal' test "$(cat status)" = 141 -a ! -s err
{ attnviz stats q.npy k.npy -m entropy --per-row --plot p.svg 2> err; echo $? > status; } | head -c 20 > out
check 'pipe: nothing is left behind' sh -c '! ls -A | grep -q "^[.]p.svg"'
