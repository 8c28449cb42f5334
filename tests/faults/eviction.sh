# SPDX-License-Identifier: MIT
# attnviz blocks --show evict where query heads share key heads.
. "$ROOT/tests/faults/lib.sh"
. "$ROOT/tests/support/arrays.sh"

# kept FIELD: the column of each head and policy, in the order of the output, from expected.json.
wanted() {
	sed -n '/kept_with_one_set_a_key_head/,/wrong/p' expected.json | sed -n 's/.*"\(sliding\|streaming\|h2o\|snapkv\|best\)": \([0-9.e-]*\),\{0,1\}$/\2/p' | tr '\n' ' '
}

enter 40-eviction-in-a-shared-cache
column "heads of a group share what is kept" 2e-5 kept "$(wanted)" attnviz blocks q.npy k.npy -c --show evict --budget 16 --observe 8
column "each head says its key head" 0 key_head "0 0 0 0 0 0 0 0 0 0 1 1 1 1 1 1 1 1 1 1" attnviz blocks q.npy k.npy -c --show evict --budget 16 --observe 8
# What a key head keeps is the mean of its heads, whose rows sum to 1.
attnviz blocks q.npy k.npy -c --show evict --budget 16 --observe 8 --measure 20 --tsv > whole.tsv
check "what a key head keeps is the mean of its heads" awk -F '\t' 'NR > 1 { sum[$9, $4] += $6; key[$9, $4] = $10; n++ }
	END { for (i in sum) { d = sum[i] / 2 - key[i]; if (d > 1e-7 || d < -1e-7) exit 1 } exit n != 20 }' whole.tsv
check "no policy keeps more of a group than the best" awk -F '\t' 'NR > 1 { if ($4 == "best") best[$9] = $10; else if ($10 > most[$9]) most[$9] = $10 }
	END { for (k in best) if (most[k] > best[k]) exit 1 }' whole.tsv
for head in 0 1 2 3; do
	awk -F '\t' -v head=$head 'NR == 1 || $3 == head' whole.tsv > want.tsv
	attnviz blocks q.npy k.npy -c --show evict --budget 16 --observe 8 --measure 20 --head $head --tsv > one.tsv
	same "head $head alone shares with its group" one.tsv want.tsv
done
attnviz blocks q.npy k.npy -c --show evict --budget 16 --observe 8 --measure 20 --tsv --threads 1 > one.tsv
same "one thread" one.tsv whole.tsv

# Weights alone do not tell who shares: the option does.
attnviz weights q.npy k.npy -c -o w.npy
note "weights do not tell which heads share keys" "--key-heads N" attnviz blocks w.npy --show evict --budget 16 --observe 8
column "until it is said" 2e-5 kept "$(wanted)" attnviz blocks w.npy --key-heads 2 --show evict --budget 16 --observe 8
refuse "another number than the keys have" 2 "the keys have 2 heads" attnviz blocks q.npy k.npy -c --show evict --key-heads 4
refuse "heads that do not divide" 2 "no whole multiple" attnviz blocks w.npy --show evict --key-heads 3
refuse "no eviction" 2 "--show evict" attnviz blocks w.npy --show blocks --key-heads 2

# The same through the words of the tokens: a group for each token.
seq 64 | sed 's/^/Ġ/' > tokens.txt
column "through groups of tokens" 2e-5 kept "$(wanted)" attnviz blocks q.npy k.npy -c --show evict --budget 16 --observe 8 -t tokens.txt --words

# Heads of a multi-query model that ask the same share one row: as if there were one.
repeat 42 floats 0.5 -1 0.25 2 1 0.75 0 -1 2 2 > bytes
head -c 640 bytes > one
npy k1.npy '<f4' '(1, 40, 4)' < one
cat one one one | npy q3.npy '<f4' '(3, 40, 4)'
attnviz blocks -q k1.npy -k k1.npy -c --show evict --budget 6 --observe 4 --measure 9 --tsv | cut -f 4-8 > want.tsv
attnviz blocks -q q3.npy -k k1.npy -c --show evict --budget 6 --observe 4 --measure 9 --head 1 --tsv | cut -f 4-8 > one.tsv
same "heads that ask the same keep what one keeps" one.tsv want.tsv

# The first keys are the first that a query sees.
head -c 800 bytes | npy long.npy '<f4' '(1, 50, 4)'
head -c 800 bytes | tail -c 320 | npy short.npy '<f4' '(1, 20, 4)'
attnviz blocks -q long.npy -k long.npy -c --key-begin 30 --show evict --budget 8 --measure 5 --tsv > padded.tsv
attnviz blocks -q short.npy -k short.npy -c --show evict --budget 8 --measure 5 --tsv > want.tsv
check "streaming keeps the first keys after padding" awk -F '\t' 'FNR > 1 { if (NR == FNR) want[$4] = $6; else { n++; d = $6 - want[$4]; if (d > 1e-6 || d < -1e-6) exit 1 } }
	END { exit n != 5 }' want.tsv padded.tsv

# A decode step: one query a sequence, four heads on two key heads.
cache="--attention paged $ROOT/samples/mechanisms/paged.npz --param kv-layout=nhd"
note "no history is said" "there are none where one query is all" attnviz blocks $cache --show evict --budget 8
attnviz blocks $cache --show evict --budget 8 --json --quiet > steps.json
check "h2o and snapkv of one query are null" awk '/"batch": [12]/ && /"(h2o|snapkv)"/ { n++; if (!/"kept": null, "kept_min": null, "queries": 0/ || !/"key_head_kept": null/) exit 1 } END { exit n < 4 }' steps.json
check "every other policy works" awk '/"(sliding|streaming|best)"/ { n++; if (!/"kept": 0\.[0-9]/ || !/"queries": 1/) exit 1 } END { exit n < 6 }' steps.json
attnviz blocks $cache --show evict --budget 8 --quiet > steps.txt
check "a table has a dash, and never nan" sh -c 'grep -q "h2o  *8  *-  *-  *0 " steps.txt && ! grep -qi nan steps.txt'
