# SPDX-License-Identifier: MIT
# attnviz blocks: the use of a cache, its blocks, and eviction.
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/support/arrays.sh"
samples=$ROOT/samples
export LC_ALL=C
cache="--attention paged $samples/mechanisms/paged.npz --param kv-layout=nhd"

# Three sequences of 40, 29 and 20 tokens in blocks of 8, which share their first two: 5, 4 and 3 blocks, of which 3 + 2 + 1 + 2 are different.
expect "usage" 0 "$ATTNVIZ" blocks $cache --tsv -o usage.tsv
printf 'sequence\ttokens\tblocks\tslots\twasted\tutilisation\tshared\tbytes\n' > want.tsv
printf '0\t40\t5\t40\t0\t1\t2\t10240\n1\t29\t4\t32\t3\t0.90625\t2\t8192\n2\t20\t3\t24\t4\t0.8333333333333334\t2\t6144\n' >> want.tsv
printf 'cache\t57\t8\t64\t7\t0.890625\t2\t16384\n' >> want.tsv
same "usage of each sequence, and of the cache" usage.tsv want.tsv

expect "blocks" 0 "$ATTNVIZ" blocks $cache --show blocks --batch 1 --head 0 --json -o blocks.json
check "a block has its physical one" grep -q '"block": 2, "physical": 5, "references": 1, "tokens": 8, "age": 12' blocks.json
check "a shared block says so" grep -q '"block": 0, "physical": 7, "references": 3' blocks.json
check "four blocks" test "$(wc -l < blocks.json)" = 4
check "shares sum to 1" awk -F '"mass": ' '{ sum += $2 + 0 } END { exit !(sum > 0.999999 && sum < 1.000001) }' blocks.json
expect "blocks as a picture" 0 "$ATTNVIZ" blocks $cache --show blocks --batch 0 --plot b.png -o b.txt
expect "physical blocks as a picture" 0 "$ATTNVIZ" blocks $cache --plot p.svg -o p.txt

# Slots that nobody refers to are NaN in the sample: no weight may be.
expect "weights from a cache" 0 "$ATTNVIZ" weights $cache -o w.npy
expect "statistics from a cache" 0 "$ATTNVIZ" stats $cache --json -o s.json

# Uniform attention over 16 keys: every policy keeps its share of the budget.
repeat 64 floats 1 | npy q.npy '<f4' '(1, 16, 4)'
expect "eviction" 0 "$ATTNVIZ" blocks -q q.npy -k q.npy --show evict --budget 8 --observe 4 --tsv -o evict.tsv
check "of equal weights each policy keeps the same" awk -F '\t' 'NR > 1 && $6 != 0.5 { exit 1 } END { exit NR != 6 }' evict.tsv
for threads in 1 3; do
	"$ATTNVIZ" blocks "$samples"/genesis/*_[qk].npy --causal --show evict --budget 16 --measure 48 --observe 8 --json -j $threads > e$threads.json
done
same "any number of threads" e3.json e1.json
check "nothing keeps more than the best" awk -F '"kept": ' '{ kept = $2 + 0; if (kept > most) most = kept } /"best"/ { if (kept < most) exit 1; most = 0 }' e1.json
"$ATTNVIZ" blocks "$samples"/genesis/*_[qk].npy --causal --show evict --budget 64 --measure 48 --tsv -o all.tsv
check "a budget for all keys keeps all" awk -F '\t' 'NR > 1 && $6 < 0.999999 { exit 1 }' all.tsv

refuse "usage of no cache" 2 "--attention paged" "$ATTNVIZ" blocks -q q.npy -k q.npy
refuse "no layout" 2 "kv-layout=legacy" "$ATTNVIZ" blocks --attention paged "$samples/mechanisms/paged.npz"
refuse "another layout" 1 "layout packed (nhbc)" "$ATTNVIZ" blocks --attention paged "$samples/mechanisms/paged.npz" --param kv-layout=packed --input kv_cache="$samples/mechanisms/paged.npz:key_cache"
