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
check "with their endings" grep -q -- '.pt (.pth, .bin' out
