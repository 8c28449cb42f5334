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
