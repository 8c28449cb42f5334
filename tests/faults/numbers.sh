# SPDX-License-Identifier: MIT
# Numbers and the text that defines them: the first key, lengths, positions of batch items, patterns, intervals.
. "$ROOT/tests/faults/lib.sh"

# --- the first key that a query sees, however the padding was given
enter 14-first-key-after-left-padding
first='attnviz stats q.npy k.npy -c --key-begin 4 -m sink1,sink4,sink_rate'
column "sink1 after --key-begin" 2e-5 sink1 '0.88093262 0.73684218' $first
column "sink4 after --key-begin" 2e-5 sink4 '0.926203642 0.893233713' $first
column "sink_rate after --key-begin" 0 sink_rate '1 1' $first

# --- lengths and positions of each item
enter 90-numbers
own='attnviz stats -q dq.npy -k dk.npy --causal=bottom-right --key-lengths 10,50 -m diagonal,local,distance'
column "the diagonal of an item's own length" 2e-5 diagonal '1 1' $own
column "local positions of an item's own length" 2e-5 local '1 1' $own
expect "distances of an item's own length" 0 $own --tsv
check "distances of an item's own length are none" awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "distance") at = i } NR == 2 { exit !($at < 1e-9) }' out
paged='attnviz stats paged.npz --attention paged --param kv-layout=nhd -m diagonal,previous,local,distance,heavy,diagonality,guided --batch 0 --head 0'
for field in diagonal:.01994 previous:.08727 local:1 distance:4.67945 heavy:.33004 diagonality:.33004 guided:.59833; do
	column "a paged sequence of its own length: ${field%:*}" 3e-4 "${field%:*}" "${field#*:}" $paged
done

# --- chunks on both sides, and kept keys beyond the window
column "a chunk hides later keys" 2e-5 row_sum '.5 .5 .5 .5 .5 .5 .5 .5' attnviz stats -w u8.npy --chunk 4 -m row_sum --per-row
column "kept keys beyond the window" 2e-5 sink4 '.5 .5 .5 .5 .5 .5 .5 .5' attnviz stats -w u8.npy --window 1,0 --keep-first 4 -m sink4 --per-row
column "no later key is kept in a causal map" 2e-5 row_sum '.125 .25 .375 .5 .625 .75 .75 .75' \
	attnviz stats -w u8.npy -c --window 1,0 --keep-first 4 -m row_sum --per-row

# --- the end that confidence leaves out
column "confidence without the last key" 3e-4 confidence .2041 attnviz stats -w w12.npy -t t12.txt -m confidence
column "confidence without the named key" 3e-4 confidence .2152 attnviz stats -w w12.npy -t t12.txt --named-token '</s>' -m confidence

# --- rows that see nothing
column "previous over rows that see" 3e-4 previous .1374 attnviz stats -w dead.npy --mask deadmask.npy -m previous

# --- patterns of MInference
column "blocks of 32 x 32" 2e-4 block_sparse .8705 attnviz stats -w c48.npy --causal -m block_sparse
column "as many last queries as the length says" 2e-4 vertical_slash .127028 attnviz stats -w c300.npy --causal -m vertical_slash

# --- bands without a key
column "queries whose band holds no key" 2e-4 diagonality .102041 attnviz stats -w u49x1.npy -m diagonality
column "bands of three keys" 2e-4 diagonality .17 attnviz stats -w u300x3.npy -m diagonality

# --- rows and lengths that are left out
check "a profile says where it begins" sh -c 'attnviz stats -w dead.npy --mask deadmask.npy -m distance_profile --json | grep -q "\"distance_profile_first\": -5}"'
check "a profile and previous agree" sh -c 'attnviz stats -w dead.npy --mask deadmask.npy -m distance_profile --json | grep -q "0.1373984"'
enter 16-padded-lengths
lengths='attnviz stats attn.npy --key-lengths 20 -m diagonality,guided'
column "diagonality over the keys of the item" 2e-5 diagonality .435878625 $lengths
column "guided over the keys of the item" 2e-5 guided .278062164 $lengths
column "diagonality without padded queries" 2e-5 diagonality .849513724 $lengths --rows 0:14
column "guided without padded queries" 2e-5 guided .0590591171 $lengths --rows 0:14

# --- rollout
enter 90-numbers
column "a share of what is seen is discarded" 1e-5 query 5 attnviz rollout c6.npy --causal --queries 5 --discard 0.4
check "discarding changes what is followed" grep -q '0.0155015' out

# --- ties and nearly equal weights beyond 4096 keys
column "equal weights have no inequality" 1e-5 gini 0 attnviz stats flat5000.npy -m gini
column "equal weights need their share of keys" 1e-9 keys90 4500 attnviz stats flat5000.npy -m keys90

# --- intervals of samples: 200 seeds on real heads, the first of which hold a sink on their first rows alone
rm -f held
for seed in $(seq 0 199); do
	attnviz stats -q "$ROOT/samples/genesis/L3_q.npy" -k "$ROOT/samples/genesis/L3_k.npy" -c --sample-rows 12 --seed "$seed" --head 0-3 \
		-m sink1,collapse,saturation,entropy,keys90 --tsv --quiet | tail -n 4 >> held
done
attnviz stats -q "$ROOT/samples/genesis/L3_q.npy" -k "$ROOT/samples/genesis/L3_k.npy" -c --head 0-3 -m sink1,collapse,saturation,entropy,keys90 --tsv > all
attnviz stats -q "$ROOT/samples/genesis/L3_q.npy" -k "$ROOT/samples/genesis/L3_k.npy" -c --head 0-3 --sample-rows 12 -m sink1,collapse,saturation,entropy,keys90 --tsv | head -n 1 > names
check "intervals of 200 samples hold the value of all rows" awk -F '\t' '
	FILENAME == "all" { if (FNR == 1) for (i = 4; i <= NF; i++) name[i] = $i; else for (i = 4; i <= NF; i++) want[$3, name[i]] = $i; next }
	FILENAME == "names" { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{ for (m in at) if (m ~ /_low$/) { n = substr(m, 1, length(m) - 4); held[$3 " " n] += $at[m] - 1e-6 <= want[$3, n] && want[$3, n] <= $at[n "_high"] + 1e-6 } }
	END { for (h in held) { count++; if (held[h] < 190) { print h, held[h]; bad = 1 } } exit bad || count != 20 }' all names held
refuse "rows that are not there" 2 "rows" attnviz stats c6.npy --rows 4:9

# --- an item whose queries see nothing has no value, and is no reason to stop
enter 90-numbers
expect "no query sees a key" 0 attnviz stats c300.npy -c --key-begin 300 -m all --tsv
expect "few queries see a key" 0 attnviz stats c300.npy -c --key-begin 299 -m all --tsv
column "padded queries stay padded where kept keys count from a mask" 2e-5 row_sum '1 1 1 1 nan nan nan nan' \
	attnviz stats -w u8.npy --logits -c --window 2,0 --keep-first 3 --mask u8.npy --query-lengths 4 -m row_sum --per-row

# --- means of groups are over the queries that see something
printf 'a 0 3\nb 3 6\n' > spans
column "spans without the queries that see nothing" 2e-5 mass '.3765135562 .6234864438 .4241050883 .5758949117' attnviz stats -w dead.npy --mask deadmask.npy --spans spans
