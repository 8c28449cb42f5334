# SPDX-License-Identifier: MIT
# attnviz arcs.
. "$ROOT/tests/cli/lib.sh"
animal=$ROOT/samples/animal
dump="$(ls "$animal"/*_q.npy | tail -n 1) $(ls "$animal"/*_k.npy | tail -n 1)"

expect "lines of every head" 0 "$ATTNVIZ" arcs $dump -t "$animal/tokens.txt" -o arcs.svg
check "with the tokens on both sides" test "$(grep -c "" arcs.svg)" -gt 50
expect "one query in text" 0 "$ATTNVIZ" arcs $dump -t "$animal/tokens.txt" --head 1 --focus 7
check "names its strongest key" grep -q "street" out
expect "the mean of the heads" 0 "$ATTNVIZ" arcs $dump --reduce mean -o mean.png
expect "as PDF" 0 "$ATTNVIZ" arcs $dump --rows 2:9 --keys 0:5 -o part.pdf
refuse "a query that is not shown" 2 "the queries shown are 2 to 8" "$ATTNVIZ" arcs $dump --rows 2:9 --focus 9 -o x.png
check "nothing is left behind" test ! -e x.png
