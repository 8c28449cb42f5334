# SPDX-License-Identifier: MIT
# Tensors in pieces along their tokens, as ranks write them.
. "$ROOT/tests/cli/lib.sh"
genesis=$ROOT/samples/genesis

# piece FILE TO FIRST COUNT: tokens FIRST .. FIRST + COUNT - 1 of a float32 array of (1, tokens, dim), cut by hand.
"$ATTNVIZ" weights -q "$genesis/L3_q.npy" -k "$genesis/L3_k.npy" --head 0 -o whole.npy
piece() {
	printf '\223NUMPY\001\000\166\000' > "$2"
	printf "%-117s\n" "{'descr': '<f4', 'fortran_order': False, 'shape': ($4, 16), }" >> "$2"
	tail -c +129 "$1" | tail -c +$(($3 * 64 + 1)) | head -c $(($4 * 64)) >> "$2"
}
for role in q k; do
	piece "$genesis/L3_$role.npy" "$role.0.npy" 0 20
	piece "$genesis/L3_$role.npy" "$role.1.npy" 20 1
	piece "$genesis/L3_$role.npy" "$role.2.npy" 21 43
	piece "$genesis/L3_$role.npy" "$role.npy" 0 64
done
"$ATTNVIZ" stats -q q.npy -k k.npy --causal --json > whole
"$ATTNVIZ" stats -q 'q.{rank}.npy' -k 'k.{rank}.npy' --causal --json > pieces
same "pieces give what the whole gives" pieces whole
"$ATTNVIZ" stats --shard 'q.{rank}.npy' --shard 'k.{rank}.npy' --causal --json > named
same "names tell the roles" named whole
"$ATTNVIZ" weights -q q.npy -k k.npy --precision double -o a.npy
"$ATTNVIZ" weights -q q.npy -k 'k.{rank}.npy' --precision double -o b.npy
same "in double too" b.npy a.npy
refuse "no piece at all" 1 "none.0.npy" "$ATTNVIZ" stats -q 'none.{rank}.npy' -k k.npy
refuse "a piece of another width" 1 "no pieces of one tensor" sh -c "cp '$genesis/L3_q.npy' q.3.npy && '$ATTNVIZ' stats -q 'q.{rank}.npy' -k k.npy"
refuse "a shard without a rank" 2 "expected {rank}" "$ATTNVIZ" stats --shard q.npy -k k.npy
refuse "a name that tells nothing" 2 "does not tell the role" "$ATTNVIZ" stats --shard 'x.{rank}.npy' -k k.npy
