#!/bin/sh
# SPDX-License-Identifier: MIT
# Draw pictures of the samples into a folder (default: build/demo) and say where. ATTNVIZ is the program, seen from the top of the repository; with ALL
# set, one picture of every mechanism is drawn too.
set -eu
cd "$(dirname "$0")/.."
program=${ATTNVIZ:-build/release/attnviz}
to=${1:-build/demo}
mkdir -p "$to"
case $program in /*) ;; *) program=$PWD/$program ;; esac
case $to in /*) folder=$to ;; *) folder=$PWD/$to ;; esac
cd samples

# draw PICTURE ARGUMENTS: the arguments are one word, as a person would type them in samples/, up to the picture's name.
draw() {
	"$program" $2 "$folder/$1" > /dev/null
	printf '%s/%s\n    attnviz %s %s\n' "$to" "$1" "$2" "$1"
}

draw transformer.png 'heatmap transformer/*_[qk].npy --layer 1 --query-tokens transformer/q_tokens.txt --key-tokens transformer/k_tokens.txt -o'
draw genesis.png 'heatmap genesis/*_[qk].npy --causal --skip-first 1 -o'
draw genesis-head.png 'heatmap genesis/*_[qk].npy --causal --layer 3 --head 3 -t genesis/tokens.txt -o'
draw genesis-log.png 'heatmap genesis/*_[qk].npy --causal --layer 2 --scale log --colormap magma --theme dark -o'
draw animal.svg 'heatmap animal/*_[qk].npy --head 1 -t animal/tokens.txt -o'
draw digit.pdf 'heatmap digit3/*_[qk].npy --layer 3 -o'

draw alignment.png 'align transformer/*_[qk].npy --layer 1 --reduce mean --query-tokens transformer/q_tokens.txt --key-tokens transformer/k_tokens.txt -o'
draw arcs.png 'arcs animal/*_[qk].npy --head 1-2 --least 0.05 -t animal/tokens.txt -o'
draw text.html 'text genesis/*_[qk].npy --causal -t genesis/tokens.txt --layer 3 --focus 40 -o'
draw overlay.png 'overlay digit3/*_[qk].npy --layer 3 --mass 0.6 --columns 4 --image digit3/image.png -o'
draw rollout.png 'overlay digit3/*_[qk].npy --rollout --interpolation bilinear --picture-first --image digit3/image.png -o'
draw genesis-entropy.png 'stats genesis/*_[qk].npy --causal --tsv --plot'

# all PICTURE ARGUMENTS: the same with ALL only.
all() {
	[ -z "${ALL-}" ] || draw "$@"
}

all additive.png 'heatmap --attention additive mechanisms/additive.npz --query-tokens transformer/q_tokens.txt --key-tokens transformer/k_tokens.txt -o'
all window.png 'heatmap --attention window genesis/L0_[qk].npy --param w=6 --param globals=0 -o'
all bigbird.png 'heatmap --attention bigbird genesis/L0_[qk].npy mechanisms/bigbird.npz --param block=4 --param dense=never -o'
all linear.png 'heatmap --attention linear genesis/L0_[qk].npy --causal -o'
all performer.png 'heatmap --attention performer genesis/L0_[qk].npy --causal --param seed=1 -o'
all linformer.png 'heatmap --attention linformer genesis/L0_[qk].npy mechanisms/linformer.npz -o'
all conformer.png 'heatmap --attention conformer mechanisms/conformer.npz -o'
all shaw.png 'heatmap --attention shaw mechanisms/shaw.npz -o'
all sinusoidal.png 'heatmap --attention sinusoidal mechanisms/sinusoidal.npz --param part=pp -o'
all mamba.png 'heatmap --attention mamba mechanisms/mamba.npz -o'
all mamba-rows.png 'heatmap --attention mamba mechanisms/mamba.npz --normalise abs-row -o'
all vim.png 'heatmap --attention mamba mechanisms/vim.npz --normalise abs-minmax -o'
all vim-mean.png 'heatmap --attention mamba mechanisms/vim.npz --param mean=abs --normalise abs-row -o'
all ssd.png 'heatmap --attention ssd mechanisms/ssd.npz --range panel -o'
all rwkv4.png 'heatmap --attention rwkv4 mechanisms/rwkv4.npz -o'
all rwkv5.png 'heatmap --attention rwkv5 mechanisms/rwkv5.npz --range panel -o'
all rwkv6.png 'heatmap --attention rwkv6 mechanisms/rwkv6.npz -o'
all infini.png 'heatmap --attention infini genesis/L0_[qk].npy --param segment=16 --param beta=0 -o'
all multihead.png 'heatmap --attention multihead mechanisms/multihead.npz --param heads=4 --causal -o'
all multihead-layer.png 'heatmap --attention multihead mechanisms/multihead.npz --param heads=4 --param values=layer --value-norms --causal -o'
all paged.png 'heatmap --attention paged mechanisms/paged.npz --param kv-layout=nhd --batch 0 -o'
all paged-blocks.png 'blocks --attention paged mechanisms/paged.npz --param kv-layout=nhd --plot'
all flash.png 'flash genesis/L0_[qk].npy --head 0 --causal --block-rows 8 --block-keys 4 --plot'
all flash-maximum.png 'flash genesis/L0_[qk].npy --head 0-3 --causal --block-keys 4 --draw maximum --plot'
all difference.png 'compare --attention linear --against softmax genesis/L0_[qk].npy --causal --tsv --plot'
all features.png 'compare --attention performer genesis/L0_[qk].npy --head 0 --scale-factor 0.02 --features 16,64,256,1024 --tsv --plot'

text='heatmap transformer/*_[qk].npy --layer 1 --head 2 --query-tokens transformer/q_tokens.txt --key-tokens transformer/k_tokens.txt'
printf '\nWithout -o, in the terminal:\n    attnviz %s\n\n' "$text"
"$program" $text
