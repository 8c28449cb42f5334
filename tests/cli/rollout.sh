# SPDX-License-Identifier: MIT
# attnviz rollout.
. "$ROOT/tests/cli/lib.sh"
digit=$ROOT/samples/digit3
dump="$digit/L0_q.npy $digit/L0_k.npy $digit/L1_q.npy $digit/L1_k.npy $digit/L2_q.npy $digit/L2_k.npy $digit/L3_q.npy $digit/L3_k.npy"

# The row followed alone, and the same row of the whole product.
expect "rollout of one query" 0 "$ATTNVIZ" rollout $dump --queries 0 --npy -o one.npy
expect "rollout of all queries" 0 "$ATTNVIZ" rollout $dump --npy -o all.npy
expect "rollout as JSON" 0 "$ATTNVIZ" rollout $dump --queries 0 --json -o one.json
expect "rollout as TSV" 0 "$ATTNVIZ" rollout $dump --queries 0,-1 --tsv -o two.tsv
check "an array has its header and every row" test "$(wc -c < all.npy)" = $((128 + 65 * 65 * 8))
check "JSON has one object a query" test "$(wc -l < one.json)" = 1
check "TSV has a header and one line a query" test "$(cut -f 1 two.tsv | tr '\n' ' ')" = "query 0 64 "

# Rows of a rollout sum to 1, a row followed alone agrees with the whole, and a picture does not depend on threads.
tail -n +2 two.tsv | awk -F '\t' '{ n = split($3, v, ","); s = 0; for (i = 1; i <= n; i++) s += v[i]; if (n != 65 || s < 0.999999 || s > 1.000001) exit 1 }'
check "rows sum to 1 over the 65 tokens" test $? = 0
"$ATTNVIZ" rollout $dump --tsv > all.tsv
"$ATTNVIZ" rollout $dump --tsv --queries 7 > seven.tsv
sed -n 9p all.tsv > row.tsv
tail -n 1 seven.tsv | paste row.tsv - | awk -F '\t' '{ n = split($3, a, ","); split($6, b, ","); for (i = 1; i <= n; i++) { d = a[i] - b[i]; if (d > 1e-6 || d < -1e-6) exit 1 } }'
check "a row followed alone agrees with the whole" test $? = 0
"$ATTNVIZ" rollout $dump -t "$digit/tokens.txt" --threads 1 -o a.svg
"$ATTNVIZ" rollout $dump -t "$digit/tokens.txt" --threads 3 -o b.svg
sed 's/--threads [0-9] -o [ab]//' a.svg > a.txt
sed 's/--threads [0-9] -o [ab]//' b.svg > b.txt
same "a picture does not depend on the threads" a.txt b.txt

expect "attention flow" 0 "$ATTNVIZ" rollout $dump --method flow --queries 0 --json -o flow.json
refuse "two kinds of numbers" 2 "give one of them" "$ATTNVIZ" rollout $dump --json --tsv
refuse "a query that is not there" 2 "65" "$ATTNVIZ" rollout $dump --queries 65 --json
refuse "value norms without values" 2 "give -v" "$ATTNVIZ" rollout $dump --value-norms --json
refuse "queries and keys that are not the same tokens" 1 "the same tokens" "$ATTNVIZ" rollout "$ROOT/samples/transformer/"*_q.npy "$ROOT/samples/transformer/"*_k.npy --json
