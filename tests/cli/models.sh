# SPDX-License-Identifier: MIT
# Models on disk: the weights that the library returned come out of hidden states and the checkpoint, with no other option.
. "$ROOT/tests/faults/lib.sh"
"${CC:-cc}" -o difference "$ROOT/tests/cli/difference.c" -lm || exit 1
models=$ROOT/tests/data/models

# shows NAME FOLDER HIDDEN ATTENTIONS ARGUMENTS...: within 3e-6.
shows() {
	what=$1 from=$models/$2 states=$3 want=$4
	shift 4
	"$ATTNVIZ" weights --model "$from" --hidden "$from/$states.npy" "$@" -o got.npy --quiet > out 2> err &&
		./difference got.npy "$from/$want.npy" 3e-6 > said 2>> err && echo "ok model $what ($(cat said))" || echo "not ok model $what: $(cat said) $(cat err)"
}

for folder in "$models"/*/; do
	name=$(basename "$folder")
	if [ -e "$folder/encoder_hidden_states.npy" ]; then
		shows "$name encoder" "$name" encoder_hidden_states encoder_attentions --tower encoder
		shows "$name decoder" "$name" decoder_hidden_states decoder_attentions --tower decoder
		shows "$name cross" "$name" decoder_hidden_states cross_attentions --tower cross --memory "$folder/encoder_hidden_states.npy"
	elif [ -e "$folder/text_hidden_states.npy" ]; then
		shows "$name text" "$name" text_hidden_states text_attentions --tower text
		shows "$name vision" "$name" vision_hidden_states vision_attentions --tower vision
	elif [ -e "$folder/position_ids.npy" ]; then
		shows "$name" "$name" hidden_states attentions --query-positions "$folder/position_ids.npy"
	elif [ "$name" = mamba ] || [ "$name" = rwkv ]; then
		shows "$name" "$name" hidden_states attentions --param channels=all
	elif [ -e "$folder/attentions.npy" ]; then
		shows "$name" "$name" hidden_states attentions
	fi
done

# Queries and keys as the attention received them: the config says the rest.
dumped() {
	what=$1 from=$models/$1
	shift
	"$ATTNVIZ" weights --model "$from" -q "$from/q.npy" -k "$from/k.npy" --layout LHND "$@" -o got.npy --quiet > out 2> err &&
		./difference got.npy "$from/attentions.npy" 3e-6 > said 2>> err && echo "ok queries and keys of $what ($(cat said))" ||
		echo "not ok queries and keys of $what: $(cat said) $(cat err)"
}
for name in gemma2 gpt_oss opt esm2 deepseek_v3 qwen3_next llama4_text llama qwen3; do
	dumped $name
done
refuse "layers that differ are numbered" 2 "number them by their names" "$ATTNVIZ" stats --model "$models/gemma2" -q "$models/gemma2/q.npy" -k "$models/gemma2/k.npy" --batch 0
refuse "a dump of another model" 1 "the queries have 4 and 8" "$ATTNVIZ" stats --model "$models/qwen3" -q "$models/llama/q.npy" -k "$models/llama/k.npy" --layout LHND
note "queries that hold the scale" "hold the scale already" "$ATTNVIZ" stats --model "$models/opt" -q "$models/opt/q.npy" -k "$models/opt/k.npy" --layout LHND
refuse "ready weights take nothing of a model" 2 "--model is for hidden states" "$ATTNVIZ" stats --model "$models/llama" "$models/llama/attentions.npy"

# Values, which are made where they are wanted.
llama="--model $models/llama --hidden $models/llama/hidden_states.npy"
check "outputs from hidden states" "$ATTNVIZ" weights $llama --write output -o output.npy
check "outputs from the dump" "$ATTNVIZ" weights -q "$models/llama/q.npy" -k "$models/llama/k.npy" -v "$models/llama/v.npy" --layout LHND --causal --write output -o wanted.npy
check "are the same" ./difference output.npy wanted.npy 3e-6
expect "value norms" 0 "$ATTNVIZ" rollout $llama --value-norms -o rollout.png
expect "an alignment" 0 "$ATTNVIZ" align --model "$models/bart" --tower cross --hidden "$models/bart/decoder_hidden_states.npy" --memory "$models/bart/encoder_hidden_states.npy" --layer 1 --reduce mean
expect "held against the library's" 0 "$ATTNVIZ" compare $llama --other "$models/llama/attentions.npy" --layout LHNM --tsv
check "no difference" awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "max_abs") at = i } NR > 1 && $at > 3e-6 { bad = 1 } END { exit bad || NR != 9 }' out

# What was taken is said.
expect "info prints the layers" 0 "$ATTNVIZ" info --model "$models/gemma2" --tsv
check "a window on layers 0 and 2" awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) { if ($i == "sees") at = i; if ($i == "softcap") cap = i } }
	NR > 1 { if ($at != (NR == 3 ? "causal" : "causal, window 5") || $cap != 4) bad = 1 } END { exit bad || NR != 4 }' out
expect "info of a config alone" 0 "$ATTNVIZ" info --model "$models/gemma2/config.json" --json
expect "the options that say the same" 0 "$ATTNVIZ" info --model "$models/gemma2" --as-options
options=$(sed -n 's/^--layer 1 //p' out)
"$ATTNVIZ" weights -q "$models/gemma2/q.npy" -k "$models/gemma2/k.npy" --layout LHND --layer 1 $options -o by-options.npy
"$ATTNVIZ" weights --model "$models/gemma2" --hidden "$models/gemma2/hidden_states.npy" --layer 1 -o by-model.npy
check "options and model agree" ./difference by-options.npy by-model.npy 3e-6

# What is missing is said.
hidden="--hidden $models/llama/hidden_states.npy"
refuse "hidden states need a model" 2 "--hidden needs --model" "$ATTNVIZ" stats $hidden
refuse "towers are named" 2 "choose with --tower (encoder, decoder, cross)" "$ATTNVIZ" stats --model "$models/bart" --hidden "$models/bart/decoder_hidden_states.npy"
refuse "towers that are named wrongly" 2 "the towers here are text, vision" "$ATTNVIZ" stats --model "$models/clip" --hidden "$models/clip/text_hidden_states.npy" --tower cross
refuse "a cross-attention needs its memory" 2 "--memory" "$ATTNVIZ" stats --model "$models/bart" --hidden "$models/bart/decoder_hidden_states.npy" --tower cross
refuse "a rotation on top of the model's" 2 "the model says it itself" "$ATTNVIZ" stats --model "$models/llama" $hidden --rope half
refuse "states of another model" 1 "(3,N,D) or (3,B,N,D) is expected" "$ATTNVIZ" stats --model "$models/llama" --hidden "$models/gemma2/hidden_states.npy"

# copy NAME: a folder ./model like that one.
copy() {
	rm -rf model
	cp -R "$models/$1" model
	hidden="--hidden model/hidden_states.npy"
}
copy llama
sed -i 's/"model_type": "llama"/"model_type": "llamba"/' model/config.json
refuse "an unknown type" 1 "model_type 'llamba' is not known" "$ATTNVIZ" stats --model model $hidden
copy llama
sed -i 's/"num_attention_heads": 4/"num_attention_heads": 5/' model/config.json
refuse "heads that do not go together" 1 "do not go together" "$ATTNVIZ" stats --model model $hidden
copy llama
sed -i 's/"head_dim": 8/"head_dim": 16/' model/config.json
refuse "a config that contradicts the tensors" 1 "q_proj.weight' has shape (32, 32)" "$ATTNVIZ" stats --model model $hidden
copy llama
sed -i 's/"num_hidden_layers": 2/"num_hidden_layers": "many"/' model/config.json
refuse "a text for a number" 1 "num_hidden_layers is not a whole number" "$ATTNVIZ" stats --model model $hidden
copy llama
sed -i 's/"rope_scaling": null/"rope_scaling": {"rope_type": "spiral", "factor": 2.0}/' model/config.json
refuse "an unknown scaling" 1 "RoPE scaling 'spiral' is not known" "$ATTNVIZ" stats --model model $hidden
copy llama
echo '[]' > model/config.json
refuse "a config that is no object" 1 "no config.json" "$ATTNVIZ" stats --model model $hidden
copy llama
head -c 3000 "$models/llama/model.safetensors" > model/model.safetensors
refuse "a truncated checkpoint" 1 "model.safetensors" "$ATTNVIZ" stats --model model $hidden
copy llama
rm model/model.safetensors
echo '{"weight_map": {"model.layers.0.self_attn.q_proj.weight": "gone.safetensors"}}' > model/model.safetensors.index.json
refuse "an index that names a missing file" 1 "gone.safetensors" "$ATTNVIZ" stats --model model $hidden
copy llama
rm model/model.safetensors
refuse "no checkpoint" 1 "hidden states need the weights" "$ATTNVIZ" stats --model model $hidden

# Layers of different kinds, and other commands.
copy qwen3_next
copy mamba
note "states that come out of layers" "layer 0, which the embedding enters, is left out" "$ATTNVIZ" stats --model model $hidden
copy qwen3_next
note "other mechanisms are left out by name" "layer 0 is left out: gated delta rule, no softmax attention" "$ATTNVIZ" stats --model model $hidden
copy gemma2
expect "stats numbers the layers" 0 "$ATTNVIZ" stats --model model $hidden --layer 2 --tsv
check "layer 2 alone" sh -c 'cut -f1 out | sort -u | grep -qx 2'
expect "a heatmap" 0 "$ATTNVIZ" heatmap --model model $hidden -o map.png
expect "rollout" 0 "$ATTNVIZ" rollout --model model $hidden -o roll.png

# Forms of hidden states: one tensor for each layer, with gaps, and a batch.
"${CC:-cc}" -o slice -x c - -lm <<'END' || exit 1
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* slice IN.npy OUT.npy INDEX SHAPE: element INDEX of the first axis, or all of it where INDEX is -1, under another shape. */
int main(int argc, char **argv)
{
	unsigned char head[10];
	FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
	if (argc < 6 || !in || !out || fread(head, 1, 10, in) != 10)
		return 1;
	size_t skip = head[8] | (size_t)head[9] << 8, each = (size_t)atol(argv[5]) * 4, begin = atol(argv[3]) < 0 ? 0 : (size_t)atol(argv[3]) * each;
	char text[118], *data = malloc(1 << 24);
	fseek(in, (long)(10 + skip + begin), SEEK_SET);
	size_t count = fread(data, 1, atol(argv[3]) < 0 ? 1 << 24 : each, in);
	memset(text, ' ', sizeof text);
	text[sprintf(text, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", argv[4])] = ' ';
	text[117] = '\n';
	fwrite("\x93NUMPY\1\0", 1, 8, out);
	fputc(118, out);
	fputc(0, out);
	fwrite(text, 1, 118, out);
	return fwrite(data, 1, count, out) != count || fclose(out);
}
END
copy gemma2
for layer in 0 1 2 3; do
	./slice model/hidden_states.npy hidden_$layer.npy $layer "(16, 32)" 512
done
./slice model/hidden_states.npy batched.npy -1 "(4, 1, 16, 32)" 512
"$ATTNVIZ" weights --model model $hidden -o whole.npy
expect "a tensor for each layer" 0 "$ATTNVIZ" weights --model model --hidden hidden_0.npy --hidden hidden_1.npy --hidden hidden_2.npy --hidden hidden_3.npy -o apart.npy
same "the same weights" apart.npy whole.npy
expect "an axis of the batch" 0 "$ATTNVIZ" stats --model model --hidden batched.npy -m entropy --tsv
mv out batched
"$ATTNVIZ" stats --model model $hidden -m entropy --tsv > whole
same "the same numbers" batched whole
expect "one layer alone, by its number" 0 "$ATTNVIZ" stats --model model --hidden hidden_2.npy --hidden hidden_1.npy -m entropy --tsv
check "layers 1 and 2" sh -c 'cut -f1 out | sort -u | tr "\n" " " | grep -q "^1 2 layer"'
sed -n '6,$p' whole > wanted
sed 1d out > got
same "with their own settings" got wanted

# Ids of the model's vocabulary.
copy llama
echo '{"zero": 0, "one": 1, "two": 2, "three": 3}' > model/vocab.json
echo "0 1 2 3 0 1 2 3 0 1 2 3" > ids.txt
expect "ids stand for the model's tokens" 0 "$ATTNVIZ" weights --model model $hidden -o w.npy --ids ids.txt
expect "they are shown" 0 "$ATTNVIZ" heatmap --model model $hidden --layer 0 --head 0 --ids ids.txt -o map.svg
check "by name" grep -q three map.svg
