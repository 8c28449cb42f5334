# SPDX-License-Identifier: MIT
# attnviz text: running text on the colours of its values.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
export LC_ALL=C TERM=dumb COLUMNS=100 LINES=20
unset COLORTERM NO_COLOR COLORFGBG
has() {
	check "$1" grep -qF -- "$3" "$2"
}
lacks() {
	check "$1" sh -c '! grep -qF -- "$1" "$0"' "$2" "$3"
}

# Row 2 is (0.25, 0.25, 0.5), column 0 (1, 0.5, 0.25).
floats 1 0 0  0.5 0.5 0  0.25 0.25 0.5 | npy w.npy '<f4' '(3, 3)'
printf 'ab\n c\nd\n' > tokens.txt
"$ATTNVIZ" text w.npy -t tokens.txt --title T > out
cat > want <<'END'
T
ab(0.25) c(0.25)<d>(0.5)
attention weight, 0 to 0.5: in brackets where it is in the upper four fifths of the colours
what query 2 "d" attends to, weights as exported, linear colours
END
same "what the last query attends to" out want
"$ATTNVIZ" text w.npy -t tokens.txt --title T --focus 2 > out
same "query 2 is the last" out want
"$ATTNVIZ" text w.npy -t tokens.txt --title T --query 2 > out
same "--query N" out want
"$ATTNVIZ" text -w w.npy -t tokens.txt --title T --query -1 > out
same "counted from the end" out want
"$ATTNVIZ" text w.npy -t tokens.txt --by 0 > out
has "what attends to key 0" out '<ab>(1) c(0.5)d(0.25)'
"$ATTNVIZ" text w.npy -t tokens.txt --key 0 > by
same "--key N" by out
"$ATTNVIZ" text w.npy -t tokens.txt -m max > out
has "a number of each query" out 'ab(1) c(0.5)d(0.5)'
"$ATTNVIZ" text w.npy -t tokens.txt -m received > out
has "a number of each key" out 'ab(1.75) c(0.75)d(0.5)'
"$ATTNVIZ" text w.npy --by 1 > out
has "positions without tokens" out '0 1(0.5) 2(0.25)'
"$ATTNVIZ" text w.npy -t tokens.txt --keys 1:3 > out
has "a part of the keys" out 'c(0.25)<d>(0.5)'

# What a query may not see has no value; a weight of 0 has.
"$ATTNVIZ" text w.npy -t tokens.txt --focus 1 -o page.html
has "0 is a value" page.html '>d</span>'
has "with a colour" page.html 'style="background:#f8fafd;color:#111418" title="2: 0">d<'
"$ATTNVIZ" text "$samples"/genesis/L0_[qk].npy --causal -t "$samples/genesis/tokens.txt" --focus 5 -o page.html
check "58 tokens are hidden from query 5" sh -c '[ "$(grep -o "class=\"none\"" page.html | wc -l)" = 58 ]'
check "and 6 are not" sh -c '[ "$(grep -o "title=" page.html | wc -l)" = 6 ]'
has "the query is framed" page.html 'class="asked"'
has "text is written as it was: words are joined, lines end" page.html '</span><br>'

# The spaces of tokenizers.
spaces() {
	name=$1 want=$2
	shift 2
	printf '%s\n' "$@" > list.txt
	"$ATTNVIZ" text w.npy -t list.txt -o spaces.html
	check "$name" sh -c 'sed -n "s/^<p>//p" spaces.html | sed "s/<[^>]*>//g" | grep -qxF -- "$0"' "$want"
}
spaces "byte-level BPE" 'ab cd' 'a' 'b' 'Ġcd'
spaces "SentencePiece" 'a bcd' '▁a' '▁b' 'cd'
spaces "WordPiece, with its signs" 'abc,' 'ab' '##c' ','
spaces "no marks" 'a b c' 'a' 'b' 'c'

# HTML stands alone and says what tokens say, not what they do.
printf '<script>\n"&\n\047x\n' > evil.txt
"$ATTNVIZ" text w.npy -t evil.txt --title '<b>&' -o evil.html
lacks "no script" evil.html '<script'
has "angle brackets" evil.html '>&lt;script&gt;</span>'
has "quotes and ampersands" evil.html '>&quot;&amp;</span>'
has "title" evil.html '<h1>&lt;b&gt;&amp;</h1>'
lacks "nothing from elsewhere" evil.html 'http'
has "the command is told" evil.html '<meta name="Command"'
"$ATTNVIZ" text w.npy -t evil.txt --no-provenance -o evil.html
lacks "or not" evil.html '<meta name="Command"'

# Pictures, with the colours of the values: 0.5 is the largest, 0.25 the middle.
"$ATTNVIZ" text w.npy -t tokens.txt -o t.svg
has "the largest has the last colour" t.svg 'fill="#0c2f69"'
check "the two halves the middle one" sh -c '[ "$(grep -c "height=\"20\" fill=\"#4e94da\"" t.svg)" = 2 ]'
has "tokens are text" t.svg '>ab</text>'
"$ATTNVIZ" text w.npy -t tokens.txt --theme dark --colormap viridis -o t.svg
has "--colormap" t.svg 'fill="#fde725"'
expect "PNG" 0 "$ATTNVIZ" text w.npy -t tokens.txt -o t.png
expect "PDF" 0 "$ATTNVIZ" text w.npy -t tokens.txt -o t.pdf
COLORTERM=truecolor TERM=xterm "$ATTNVIZ" text w.npy -t tokens.txt --colour always > out
has "true colour" out '48;2;252;253;191m'
"$ATTNVIZ" text "$samples"/genesis/*_[qk].npy --causal -t "$samples/genesis/tokens.txt" > out
check "a text for each layer" sh -c '[ "$(grep -c "^layer [0-3]$" out)" = 4 ]'
"$ATTNVIZ" text "$samples"/genesis/*_[qk].npy --causal --layer 1 --reduce none -t "$samples/genesis/tokens.txt" > out
check "or for each head" sh -c '[ "$(grep -c "^head [0-7]$" out)" = 8 ]'

refuse "no such query" 2 "--focus 3: there are 3 queries" "$ATTNVIZ" text w.npy --focus 3
refuse "no such key" 2 "--by -4: there are 3 keys" "$ATTNVIZ" text w.npy --key -4
refuse "two questions" 2 "one of --focus, --by and --metric" "$ATTNVIZ" text w.npy --focus 1 -m entropy
refuse "a metric of heads" 2 "has no value for each query or key" "$ATTNVIZ" text w.npy -m minference
refuse "a list of metrics" 2 "one metric" "$ATTNVIZ" text w.npy -m entropy,max
refuse "the other axis" 2 "choose with --keys" "$ATTNVIZ" text w.npy --rows 0:2
refuse "HTML elsewhere" 2 "'attnviz text' writes" "$ATTNVIZ" heatmap w.npy -o x.html
check "nothing is left behind" test ! -e x.html
