# SPDX-License-Identifier: MIT
# Files of torch.save and pickles, as people hand them in.
. "$ROOT/tests/cli/lib.sh"
data=$ROOT/tests/data

# The numbers are those of the same arrays in an .npz, bit for bit.
check "weights of past_key_values and query states" "$ATTNVIZ" weights "$data/torch/good-steps.pt" --causal -o pt.npy
check "the same arrays as .npz" "$ATTNVIZ" weights "$data/npz/good-layers.npz" --causal -o npz.npy
same "a list of pairs is keys and values by layer" pt.npy npz.npy
check "lists by options" "$ATTNVIZ" weights -q "$data/torch/good-steps.pt" -k "$data/torch/good-past_key_values.pt" --causal -o options.npy
same "lists by options are the same layers" options.npy npz.npy

expect "a tuple of layers is the attentions of its file's name" 0 "$ATTNVIZ" stats "$data/torch/good-attentions.pt" -m max --tsv
printf 'layer\tbatch\thead\tmax\n0\t0\t0\t0.75\n1\t0\t0\t0.875\n' > wanted
same "its layers are told apart" out wanted
expect "one of them by its place" 0 "$ATTNVIZ" stats "$data/torch/good-attentions.pt:1" -m max --tsv
printf 'layer\tbatch\thead\tmax\n1\t0\t0\t0.875\n' > wanted
same "a place in a list is the layer" out wanted
expect "one of them by its whole name" 0 "$ATTNVIZ" stats "$data/torch/good-attentions.pt:good-attentions.1" -m max --tsv
same "the whole name says the same" out wanted

cp "$data/torch/good-zip.pt" disguised.npy
expect "content beats the ending" 0 "$ATTNVIZ" info --json disguised.npy
check "the format is told" grep -q '"format": *"pt"' out
expect "through a pipe" 0 sh -c '"$1" info - < "$2"' sh "$ATTNVIZ" "$data/torch/good-zip.pt"

refuse "a pickle that would run a command" 1 "os.system" "$ATTNVIZ" stats "$data/torch/bad-os-system.pt"
refuse "the same in the old form" 1 "os.system" "$ATTNVIZ" stats "$data/torch/bad-os-system-stream.pt"
refuse "the same in an array of objects" 1 "os.system" "$ATTNVIZ" stats "$data/npz/bad-os-system.npz"
for name in posix-system eval popen getattr instance newobj; do
	refuse "a pickle refused by name: $name" 1 "refused: its pickle refers to" "$ATTNVIZ" stats "$data/pickle/bad-$name.pkl"
done
expect "formats are listed from the readers" 0 "$ATTNVIZ" help formats
check "with their endings" grep -q -- '.pt (.pth, .ckpt, .bin)' out

# The other formats: the same numbers in each.
cat > q.txt <<'END'
0.5 1 -2
3 0.25 5
END
"$ATTNVIZ" weights -q q.txt -k q.txt -o wanted.npy
echo '{"q": [[0.5, 1, -2], [3, 0.25, 5]], "k": [[0.5, 1, -2], [3, 0.25, 5]]}' > qk.json
printf 'x,y,z\n0.5,1,-2\n3,0.25,5\n' > q.csv
printf '\tx\ty\tz\nthe\t0.5\t1\t-2\ncat\t3\t0.25\t5\n' > k.tsv
gzip -c qk.json > qk.json.gz
printf '\0\0\0\077\0\0\200\077\0\0\0\300\0\0\100\100\0\0\200\076\0\0\240\100' > q.bin
for files in "qk.json" "qk.json.gz" "q.csv k.tsv"; do
	# shellcheck disable=SC2086
	check "weights of $files" "$ATTNVIZ" weights $files -o got.npy
	same "they are those of the text: $files" got.npy wanted.npy
done
check "weights of raw arrays" "$ATTNVIZ" weights -q q.bin -k q.bin --raw f32:2x3 -o got.npy
check "raw arrays by patterns" "$ATTNVIZ" weights -q q.bin -k q.bin --raw 'k*=f32:3x2' --raw 'q.*=f32:2x3' -o pattern.npy
same "the pattern that fits counts" pattern.npy got.npy
check "raw arrays are float32" "$ATTNVIZ" weights -q q.bin -k q.csv --raw f32:2x3 -o mixed.npy
refuse "a raw array of another size" 1 "--raw says float32 of shape (2, 4), 32 bytes, but the file has 24" "$ATTNVIZ" stats -q q.bin -k q.bin --raw f32:2x4
refuse "a raw array that nobody described" 1 "--raw says what a file without a header holds" "$ATTNVIZ" stats -q q.bin -k q.bin
refuse "no type" 2 "--raw f3:2x4: wants" "$ATTNVIZ" stats -q q.bin -k q.bin --raw f3:2x4
refuse "a --raw that is wrong though nothing needs it" 2 "--raw x: wants" "$ATTNVIZ" stats qk.json --raw x

# Texts of ids and tokens stay what they are.
printf '0 1\n' > ids.txt
printf 'the\ncat\n' > vocab.txt
printf '0,1\n' > ids.csv
echo '{"input_ids": [0, 1]}' > ids.json
echo '[0, 1]' > list.json
for ids in ids.txt ids.csv ids.json list.json; do
	expect "ids of $ids" 0 "$ATTNVIZ" stats q.csv k.tsv --ids "$ids" --vocab vocab.txt -m entropy
done
echo '["the", "cat"]' > tokens.json
expect "tokens in JSON" 0 "$ATTNVIZ" arcs q.csv k.tsv --tokens tokens.json -o - --format text
expect "ids in a container by name" 0 "$ATTNVIZ" stats q.csv k.tsv --ids ids.json:input_ids --vocab vocab.txt -m entropy
check "keys of a state of llama.cpp" "$ATTNVIZ" weights -q "$data/llama/good-state.session:layers.1.k" -k "$data/llama/good-state.session:layers.1.k" -o session.npy
