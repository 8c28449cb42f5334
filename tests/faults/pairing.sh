# SPDX-License-Identifier: MIT
# Inputs are paired by what their names say: section 1 of faults.md but for 81 and 82, and 80.
. "$ROOT/tests/faults/lib.sh"

# only NAME FIELD 'V1 V2 ...' COMMAND...: the values of a column with whole numbers or words, which are compared as they are.
only() {
	name=$1 field=$2 wanted=$3
	shift 3
	"$@" --tsv > out 2> err
	got=$(awk -F '\t' -v field="$field" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == field) at = i; next } at && NF { print $at }' out | tr '\n' ' ')
	[ "${got% }" = "$wanted" ] && echo "ok $name" || echo "not ok $name: '${got% }', wanted '$wanted': $(head -n 1 err)"
}

# A Python with numpy, or nothing.
numpy=
for python in python3 /usr/bin/python3; do
	[ -n "$numpy" ] || ! "$python" -c 'import numpy' 2> /dev/null || numpy=$python
done

# 01 to 03: a layer that lacks a role.
enter 01-layer-key-missing
lacks="layer 1 has queries but no keys (L1_q)"
refuse "01 a layer without keys" 2 "$lacks" attnviz stats *.npy -c -m entropy
refuse "01 in any order" 2 "$lacks" attnviz stats L1_q.npy L0_k.npy L0_q.npy -c -m entropy
refuse "01 with -q and -k" 2 "$lacks" attnviz stats -q L0_q.npy -q L1_q.npy -k L0_k.npy -c -m entropy
refuse "01 with --input" 2 "$lacks" attnviz stats --input query=L0_q.npy --input query=L1_q.npy --input key=L0_k.npy -m entropy
refuse "01 with --names" 2 "$lacks" attnviz stats *.npy --names 'query=*_q' --names 'key=*_k' -m entropy
for command in "heatmap -o x.png" "weights -o x.npy" "blocks" "flash" "compare --against uniform" "rollout -o x.png" "arcs -o x.png" "align" "ring --ranks 2"; do
	refuse "01 in ${command%% *}" 2 "$lacks" attnviz $command *.npy
done
check "01 leaves no file" test ! -e x.png -a ! -e x.npy
expect "01 info fails" 2 attnviz info *.npy
check "01 info says why" grep -q "^error: names: $lacks" out
check "01 info lists the layers" grep -q '^L1_q.npy .* query  *1 ' out
expect "01 info without checks fails as well" 2 attnviz info *.npy --no-checks --json
check "01 info says it to programs" grep -q '"check": "layers", "severity": "error".*layer 1 has queries' out
column "01 what is whole" 2e-5 entropy '1.13196671 1.23158085' attnviz stats *.npy -c -m entropy --names 'L0_*'
cp L0_k.npy enc_k.npy
column "01 keys without a number serve every layer" 2e-5 entropy '1.13196671 1.23158085' attnviz stats L0_q.npy L1_q.npy enc_k.npy -c -m entropy --layer 0
only "01 and every layer keeps its number" layer '0 0 1 1' attnviz stats L0_q.npy L1_q.npy enc_k.npy -c -m entropy
cp L0_k.npy L7_k.npy
refuse "01 keys of another number do not" 2 "layers 0, 1 have queries but no keys (L0_q), layer 7 has keys but no queries (L7_k)" attnviz stats L0_q.npy L1_q.npy L7_k.npy -m entropy
refuse "01 nor where there is one of each" 2 "layer 0 has queries but no keys" attnviz stats -q L0_q.npy -k L7_k.npy -m entropy
cp L0_q.npy q3.npy
cp L0_k.npy k1.npy
note "01 a pair that -q and -k give whose numbers may count anything" "q3 and k1 are paired as they are given" attnviz stats -q q3.npy -k k1.npy -c -m entropy
column "01 but for those who say so" 2e-5 entropy '1.13196671 1.23158085' attnviz stats -q L0_q.npy -k L7_k.npy -c -m entropy --layers-by order
cp L0_k.npy L1_k.npy
cp L0_k.npy L0_v.npy
refuse "01 a layer without values" 2 "layer 1 has queries but no values" attnviz stats L?_q.npy L0_k.npy L1_k.npy L0_v.npy -m entropy
enter 02-layers-shifted
refuse "02 no layer is whole" 2 "layers 1, 3 have queries but no keys (L1_q), layers 0, 2 have keys but no queries (L0_k)" attnviz stats *.npy -c -m entropy
enter 03-npz-lacks-one-key
refuse "03 in one container" 2 "layer 0 has queries but no keys" attnviz stats dump.npz -c -m entropy
refuse "03 with -q and -k of a container" 2 "layer 0 has queries but no keys" attnviz stats -q dump.npz -k dump.npz -c -m entropy
column "03 what is whole" 2e-5 entropy '1.12466774 1.07066101' attnviz stats dump.npz -c -m entropy --names 'L1_*'
only "03 with its number" layer '1 1' attnviz stats dump.npz -c -m entropy --names 'L1_*'
expect "03 info fails" 2 attnviz info dump.npz
check "03 info knows the key's layer" grep -q 'L1_k .* key  *1 ' out

# 04: a lone layer, gaps, and numbers of another kind.
enter 04-lone-layer-keeps-its-number
lone='0.931733655 0.987050576'
column "04 a lone layer" 2e-5 entropy "$lone" attnviz stats *.npy -c -m entropy
only "04 keeps its number" layer '3 3' attnviz stats *.npy -c -m entropy
column "04 and is chosen by it" 2e-5 entropy "$lone" attnviz stats *.npy -c -m entropy --layer 3
column "04 or as the last" 2e-5 entropy "$lone" attnviz stats *.npy -c -m entropy --layer -1
refuse "04 not by its place" 2 "layer 0 is out of range" attnviz stats *.npy -c -m entropy --layer 0
expect "04 titles" 0 attnviz heatmap *.npy -c -o x.svg
check "04 name it" grep -q 'layer 3' x.svg
attnviz info *.npy --no-checks --tsv | cut -f 7 | tr '\n' ' ' > out
echo 'layer 3 3 ' | tr -d '\n' > want
same "04 info has it" out want
mkdir more
for tensor in model.layers.3.self_attn.%s_proj blocks.3.attn.hook_%s transformer.h.3.attn.%s encoder_layer_3_%s %s_3 %s3 gpt2_L3_%s run7_layer3_%s L03_%s 3_%s; do
	rm -f more/*
	for role in q k; do cp L3_$role.npy "more/$(printf "$tensor" $role).npy"; done
	only "04 $tensor" layer '3 3' attnviz stats more/*.npy -c -m entropy --layer 3
done
for tensor in gpt2_%s rank3_%s step3_%s head3_%s dump12x64_%s fp16_%s %s1024 batch3_%s; do
	rm -f more/*
	for role in q k; do cp L3_$role.npy "more/$(printf "$tensor" $role).npy"; done
	only "04 no layer in $tensor" layer '0 0' attnviz stats more/*.npy -c -m entropy
done
for word in step rank head tp batch chunk prompt; do
	rm -f more/*
	for n in 0 1; do for role in q k; do cp L3_$role.npy more/$word${n}_$role.npy; done; done
	refuse "04 a number after '$word' is no layer" 2 "the number after '$word' in the names of the" attnviz stats more/*.npy -m entropy
	refuse "04 nor with -q and -k" 2 "is no layer" attnviz stats -q more/${word}0_q.npy -q more/${word}1_q.npy -k more/${word}0_k.npy -k more/${word}1_k.npy -m entropy
	only "04 unless one says that the order numbers them" layer '0 0 1 1' attnviz stats more/*.npy -m entropy --layers-by order
	for n in 0 1; do for role in q k; do mv more/$word${n}_$role.npy more/L3_$word${n}_$role.npy; done; done
	expect "04 nor beside a layer: $word" 2 attnviz stats more/*.npy -m entropy
	refuse "04 two of one kind do not pair: $word" 2 "'$word' is 0 in L3_${word}0_q and 1 in L3_${word}1_k" attnviz stats -q more/L3_${word}0_q.npy -k more/L3_${word}1_k.npy -m entropy
done
rm -f more/*
for n in 2 5; do for role in q k; do cp L3_$role.npy more/foo${n}_$role.npy; done; done
note "04 a word that says nothing is noted" "the number after 'foo' in the names of the query tensors (foo2_q, foo5_q) is taken for the layer" attnviz stats more/*.npy -m entropy

# Numbers with gaps: every layer has weights of its own.
rm -f more/*
enter 01-layer-key-missing
mkdir gaps
cp L0_q.npy gaps/L2_q.npy
cp L0_k.npy gaps/L2_k.npy
cp L1_q.npy gaps/L11_q.npy
cp L0_k.npy gaps/L11_k.npy
cp L1_q.npy gaps/L5_q.npy
cp L1_q.npy gaps/L5_k.npy
only "numbers with gaps, 11 after 5" layer '2 2 5 5 11 11' attnviz stats gaps/*.npy -c -m entropy
for layer in 2 5 11; do
	rm -rf alone
	mkdir alone
	cp gaps/L${layer}_*.npy alone
	attnviz weights gaps/*.npy -c --layer $layer -o all.npy
	attnviz weights alone/*.npy -c -o one.npy
	tail -c 1152 all.npy > all.bin
	tail -c 1152 one.npy > one.bin
	same "--layer $layer opens layer $layer" all.bin one.bin
done
only "a range of layers" layer '2 2 5 5' attnviz stats gaps/*.npy -c -m entropy --layer 0-7
only "the last of them" layer '11 11' attnviz stats gaps/*.npy -c -m entropy --layer -1
only "all of them" layer '2 2 5 5 11 11' attnviz stats gaps/*.npy -c -m entropy --layer all
refuse "a layer in a gap" 2 "layer 3 is out of range" attnviz stats gaps/*.npy -m entropy --layer 3
refuse "no list of layers" 2 "numbers and ranges are wanted" attnviz stats gaps/*.npy -m entropy --layer 2x
expect "the order of -q and -k" 0 attnviz weights -q gaps/L5_q.npy -q gaps/L2_q.npy -k gaps/L2_k.npy -k gaps/L5_k.npy -c -o given.npy
expect "does not pair layers" 0 attnviz weights gaps/L2_*.npy gaps/L5_*.npy -c -o sorted.npy
same "their numbers do" given.npy sorted.npy
refuse "layers of two dumps" 2 "layer 2 would be compared with layer 5 of --other" attnviz compare gaps/L2_?.npy gaps/L5_?.npy --other 'gaps/L5_?.npy' --other 'gaps/L11_?.npy'
expect "the same layers of two dumps" 0 attnviz compare gaps/L2_?.npy gaps/L5_?.npy --other 'gaps/L5_?.npy' --other 'gaps/L2_?.npy'
expect "one layer with another" 0 attnviz compare gaps/L2_?.npy --other 'gaps/L5_?.npy'
note "a rollout over gaps" "the layers are numbered 2 to 11 with gaps" attnviz rollout gaps/*.npy -c
mkdir -p layer4 layer9
cp L0_q.npy layer4/q.npy
cp L0_k.npy layer4/k.npy
cp L1_q.npy layer9/q.npy
cp L0_k.npy layer9/k.npy
only "folders number files of one name" layer '4 4 9 9' attnviz stats layer4/*.npy layer9/*.npy -m entropy

# 05: streams.
enter 05-two-arrays-in-one-stream
two='1.5144927 1.46233146'
taken() { cat qk.bin | attnviz "$@"; }
redirected() { attnviz "$@" < qk.bin; }
column "05 two arrays of a file as standard input" 2e-5 entropy "$two" redirected stats -q - -k - -m entropy
column "05 of a pipe" 2e-5 entropy "$two" taken stats -q - -k - -m entropy
column "05 in the order of the command line" 2e-5 entropy "$two" taken stats --query=- -k- -m entropy
attnviz weights -q qk.bin:1 -k qk.bin:0 -o swapped.npy
taken weights -k - -q - -o turned.npy
same "05 also where keys come first" turned.npy swapped.npy
taken weights -q -:1 -k -:0 -o placed.npy
same "05 or by their places" placed.npy swapped.npy
column "05 in a file by their places" 2e-5 entropy "$two" attnviz stats -q qk.bin:0 -k qk.bin:1 -m entropy
mkfifo pipe
cat qk.bin > pipe &
column "05 in a named pipe" 2e-5 entropy "$two" attnviz stats -q pipe -k pipe -m entropy
refuse "05 a stream with less than is named" 2 "holds 2 arrays, and is named once more" taken stats -q - -k - -v - -m entropy
refuse "05 a stream with more than is named" 2 "holds 2 arrays, of which 1 is read" taken stats - -m entropy
refuse "05 a mask that is named before" 2 "name it for them before the others" taken stats --mask - -q - -k qk.bin:0 -m entropy
refuse "05 a file of several arrays" 2 "several tensors: name one as FILE:NAME, of 0, 1" attnviz stats -q qk.bin -k qk.bin -m entropy
refuse "05 an array that is not there" 2 'no tensor is called "2"' attnviz stats -q qk.bin:2 -k qk.bin:1 -m entropy

# 06: bytes after an array.
enter 06-bytes-after-the-array
refuse "06 a second array" 2 "q.npy: holds 2 arrays, one after another: name one as q.npy:0 to q.npy:1" attnviz stats *.npy -c -m entropy
column "06 the first by its place" 2e-5 entropy '1.02875274 1.02669567' attnviz stats -q q.npy:0 -k k.npy -c -m entropy
attnviz info *.npy --no-checks --tsv > out 2> err
check "06 info lists both" test "$(grep -c '^q.npy	npy	q\.[01]	float32	(2, 12, 8)' out)" = 2
check "06 info says what to do" grep -q 'name one as q.npy:0' err
head -c 899 q.npy > cut.npy
refuse "06 bytes that are no array" 1 "3 bytes follow the array and are no further array" attnviz stats -w cut.npy
head -c 1000 q.npy > short.npy
refuse "06 half an array" 1 "a further array that cannot be read" attnviz info short.npy
cp q.npy attn.npy
refuse "06 lone weights" 2 "holds 2 arrays" attnviz stats attn.npy -m entropy

# 07: calls that are not layers.
enter 07-equal-prefill-chunks
call="attnviz stats dump.npz --layout ND --heads-in 4,2 -c -m entropy"
chunks='1.58197305 1.6442134 1.5216575 1.45577063 1.59394255 1.63681212 1.58392933 1.62508645'
note "07 calls that may not be layers are noted" "the names number 4 calls, which need not be as many layers" $call
check "07 with the option" grep -q -- '--model-layers N' err
attnviz info dump.npz --layout ND --heads-in 4,2 > out
check "07 info notes it too" grep -q 'number 4 calls' out
column "07 joined" 2e-5 entropy "$chunks" $call --model-layers 2
only "07 layers of the model" layer '0 0 0 0 1 1 1 1' $call --model-layers 2
expect "07 without a note" 0 $call --model-layers 2
check "07 as it is said" test ! -s err
refuse "07 layers that do not divide the calls" 2 "step" $call --model-layers 3
column "07 one step of them" 2e-5 entropy '1.007 1.06 0.8719 0.963 1.084 1.156 1.026 1.165' sh -c "$call --model-layers 2 --dump-step 0 --tsv --layer 0,1 | awk -F '\t' -v OFS='\t' 'NR > 1 { \$4 = sprintf(\"%.4g\", \$4) } { print }' #"
if [ -n "$numpy" ]; then
	"$numpy" - <<'END'
import numpy
d = numpy.load("dump.npz")
named, cached = {}, {}
for n in range(4):
    for role in "qk":
        named[f"step{n // 2}_layer{n % 2}_{role}"] = d[f"L{n}_{role}"]
    cached[f"L{n % 2}_chunk{n // 2}_q"] = d[f"L{n}_q"]
    cached[f"L{n % 2}_chunk{n // 2}_k"] = d[f"L{n}_k"] if n < 2 else numpy.concatenate([d[f"L{n - 2}_k"], d[f"L{n}_k"]])
numpy.savez("named.npz", **named)
numpy.savez("cached.npz", **cached)
del named["step1_layer0_k"]
numpy.savez("lacks.npz", **named)
cached["L0_chunk1_k"] = cached["L0_chunk1_k"][1:]
cached["L1_chunk1_k"] = cached["L1_chunk1_k"][1:]
numpy.savez("odd.npz", **cached)
END
	call="attnviz stats --layout ND --heads-in 4,2 -c -m entropy"
	refuse "07 steps by name must be chosen" 2 "number steps 0 to 1" $call named.npz
	column "07 steps by name, joined" 2e-5 entropy "$chunks" $call named.npz --dump-step join
	column "07 with all keys so far in each" 2e-5 entropy "$chunks" $call cached.npz --dump-step join
	refuse "07 a step that lacks a layer" 2 "every step needs the key of every layer" $call lacks.npz --dump-step join
	refuse "07 keys of neither" 1 "neither those of its tokens nor of all tokens so far" $call odd.npz --dump-step join
	refuse "07 a step that is not there" 2 "there is no such step" $call named.npz --dump-step 2
else
	echo "skip steps by name: python3 with numpy is not here"
fi

# 08: weights without a name.
enter 08-anonymous-weights
weights='0.895829721 0.810809788 0.883205193 0.827948317'
for file in arr layer; do
	column "08 -w $file.npz" 2e-5 entropy "$weights" attnviz stats -w $file.npz -m entropy
	only "08 -w $file.npz in layers" layer '0 0 1 1' attnviz stats -w $file.npz -m entropy
	refuse "08 positional $file.npz says what works" 2 "where these are ready weights, -w $file.npz" attnviz stats $file.npz -m entropy
	column "08 one layer of $file.npz" 2e-5 entropy '0.883205193 0.827948317' attnviz stats -w $file.npz -m entropy --layer 1
done
if [ -n "$numpy" ]; then
	"$numpy" - <<'END'
import numpy
a = numpy.load("arr.npz")["arr_0"], numpy.load("arr.npz")["arr_1"]
numpy.savez("twelve.npz", *[a[1 if n == 10 else 0] for n in range(12)])
for name in "attention_%d", "attentions.%d", "foo%d", "%d":
    numpy.savez(f"as-{name % 0}.npz", **{name % 3: a[1], name % 0: a[0]})
numpy.savez("mixed.npz", arr_0=a[0], arr_1=a[1], logits=numpy.zeros((4, 4)))
numpy.savez("shapes.npz", arr_0=a[0], arr_1=a[1][:, :, :5, :5])
numpy.savez("ids.npz", arr_0=a[0], arr_1=a[1], ids=numpy.arange(6))
with open("list.npy", "wb") as f:
    numpy.save(f, a[0])
    numpy.save(f, a[1])
END
	only "08 in the order of the numbers" layer '0 0 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 10 10 11 11' attnviz stats -w twelve.npz -m entropy
	column "08 arr_10 is layer 10" 2e-5 entropy '0.883205193 0.827948317' attnviz stats -w twelve.npz -m entropy --layer 10
	for tensor in attention_0 attentions.0 foo0 0; do
		only "08 names such as $tensor" layer '0 0 3 3' attnviz stats -w as-$tensor.npz -m entropy
		column "08 weights of $tensor" 2e-5 entropy "$weights" attnviz stats -w as-$tensor.npz -m entropy
	done
	refuse "08 something else beside them" 2 "name one as --weights mixed.npz:arr_0, or the layers that are alike with --names 'arr_*'" attnviz stats -w mixed.npz -m entropy
	column "08 and the option that it names" 2e-5 entropy "$weights" attnviz stats -w mixed.npz --names 'arr_*' -m entropy
	refuse "08 shapes that differ" 2 "cannot be layers of one thing" attnviz stats -w shapes.npz -m entropy
	column "08 lists beside them are none" 2e-5 entropy "$weights" attnviz stats -w ids.npz -m entropy
	column "08 numpy.save again and again" 2e-5 entropy "$weights" attnviz stats -w list.npy -m entropy
else
	echo "skip other names of weights: python3 with numpy is not here"
fi

# 09: a checkpoint and hidden states.
enter 09-checkpoint-and-hidden-states
first='0.629670882 0.769479056' second='0.275819227 0.310716357'
call="attnviz stats -a multihead --input hidden=hidden_states.npy model.safetensors --param heads=2 --param kv-heads=1 --causal -m entropy"
column "09 the state of layer 0" 2e-5 entropy "$first" $call --names '*layers.0.*'
column "09 the state of layer 1" 2e-5 entropy "$second" $call --names '*layers.1.*'
only "09 with its number" layer '1 1' $call --names '*layers.1.*'
column "09 all layers" 2e-5 entropy "$first $second" $call
column "09 one of all" 2e-5 entropy "$second" $call --layer 1
note "09 the norm is named" "model.layers.0.input_layernorm.weight is applied to the hidden states (RMS norm, eps 1e-05)" $call
column "09 states that are normed already" 2e-5 entropy '0.460421603 0.543893404' $call --names '*layers.0.*' --param norm=none
refuse "09 one state for all layers" 1 "3 hidden states for weights whose names say no layer" attnviz stats -a multihead --input hidden=hidden_states.npy \
	--input q_proj_weight=model.safetensors:model.layers.0.self_attn.q_proj.weight --input k_proj_weight=model.safetensors:model.layers.0.self_attn.k_proj.weight \
	--layers-by order --param heads=2 --param kv-heads=1 -m entropy
only "09 the layer of weights that --input names" layer '1 1' attnviz stats -a multihead --input hidden=hidden_states.npy model.safetensors \
	--input q_proj_weight=model.safetensors:model.layers.1.self_attn.q_proj.weight --param heads=2 --param kv-heads=1 --causal -m entropy
column "09 and what stands beside them" 2e-5 entropy "$second" attnviz stats -a multihead --input hidden=hidden_states.npy model.safetensors \
	--input q_proj_weight=model.safetensors:model.layers.1.self_attn.q_proj.weight --param heads=2 --param kv-heads=1 --causal -m entropy
refuse "09 queries and keys of different layers" 2 "are of different layers" attnviz stats -a multihead --input hidden=hidden_states.npy model.safetensors \
	--input q_proj_weight=model.safetensors:model.layers.1.self_attn.q_proj.weight --input k_proj_weight=model.safetensors:model.layers.0.self_attn.k_proj.weight \
	--param heads=2 --param kv-heads=1 -m entropy
if [ -n "$numpy" ]; then
	"$numpy" "$ROOT/tests/faults/pairing_norms.py" > expected.sh && . ./expected.sh
	call="attnviz stats -a multihead --param heads=2 --causal -m entropy"
	for model in gpt2 nanogpt llama gemma vit; do
		eval "wanted=\$entropy_$model extra=\$extra_$model"
		column "09 the norm of $model" 2e-5 entropy "$wanted" $call --input hidden=states.npy $model.npz $extra
	done
	note "09 a norm of unknown place" "layers.0.norm1.weight was not applied" $call --input hidden=states.npy torch.npz
	note "09 a norm of the queries is named" "model.layers.0.self_attn.q_norm.weight was not applied: say --qk-norm" $call --input hidden=states.npy qwen.npz
	expect "09 unless it is given" 0 $call --input hidden=states.npy qwen.npz --qk-norm rms --names '*layers.0.*' --query-norm qwen.npz:model.layers.0.self_attn.q_norm.weight
	check "09 and then it is not named" sh -c '! grep -q q_norm err'
	for count in 1 2 5; do
		refuse "09 $count states for weights of 3 layers" 1 "$count hidden states for weights of 3 layers" $call --input hidden=states$count.npy three.npz
	done
	only "09 one state more" layer '0 0 1 1 2 2' $call --input hidden=states4.npy three.npz
	only "09 as many states as layers" layer '0 0 1 1 2 2' $call --input hidden=states3.npy three.npz
	only "09 one state of one layer" layer '2 2' $call --input hidden=one.npy three.npz --names 'h.2.*'
	refuse "09 a state of another layer" 1 "states1.npy is the state of layer 1, and h.2.attn.q_proj.weight is of layer 2" $call --input hidden=states1.npy three.npz --names 'h.2.*'
else
	echo "skip other norms: python3 with numpy is not here"
fi

# 10: biases of another place.
enter 10-bias-of-another-layer
place=model.safetensors:text.layers.0.self_attn
column "10 a bias of another place is left out" 2e-5 entropy '0.27448005 0.150847588' attnviz stats -a multihead model.safetensors --input hidden=hidden.npy \
	--input q_proj_weight=$place.q_proj.weight --input k_proj_weight=$place.k_proj.weight --param heads=2 --causal -m entropy
column "10 by pattern" 2e-5 entropy '0.27448005 0.150847588' attnviz stats -a multihead model.safetensors --input hidden=hidden.npy --names 'text.*' --param heads=2 --causal -m entropy
column "10 by one weight" 2e-5 entropy '0.27448005 0.150847588' attnviz stats -a multihead model.safetensors --input hidden=hidden.npy --input q_proj_weight=$place.q_proj.weight \
	--param heads=2 --causal -m entropy
refuse "10 two places" 2 "are of different layers" attnviz stats -a multihead model.safetensors --input hidden=hidden.npy --input q_proj_weight=$place.q_proj.weight \
	--input k_proj_weight=model.safetensors:vision.layers.0.self_attn.k_proj.weight --param heads=2 -m entropy
refuse "10 which place" 2 "several tensors could be the q_proj_weight" attnviz stats -a multihead model.safetensors --input hidden=hidden.npy --param heads=2 -m entropy

# 80: many tensors.
enter 80-a-million-tensors
if python3 make.py 100000 2> /dev/null; then
	expect "80 a hundred thousand tensors with a role" 0 timeout 60 attnviz info many.safetensors --no-checks --tsv
	check "80 each with its layer" test "$(tail -n 1 out | cut -f 3,6,7)" = "$(printf 'k99999\tkey\t99999')"
	python3 make.py 400000
	for count in 50000 400000; do
		python3 make.py $count
		bash -c "TIMEFORMAT=%U; time attnviz info many.safetensors --no-checks > /dev/null" 2> $count.time
	done
	check "80 eight times as many take less than twenty times as long" awk 'FNR == 1 { t[NR] = $1 } END { exit !(t[2] < 24 * (t[1] + 0.05)) }' 50000.time 400000.time
else
	echo "skip many tensors: python3 is not here"
fi
