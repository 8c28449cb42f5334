#!/bin/sh
# Draw pictures of the samples into a folder (default: build/demo) and say where. ATTNVIZ is the program, seen from the top of the repository.
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

draw genesis-entropy.png 'stats genesis/*_[qk].npy --causal --tsv --plot'

text='heatmap transformer/*_[qk].npy --layer 1 --head 2 --query-tokens transformer/q_tokens.txt --key-tokens transformer/k_tokens.txt'
printf '\nWithout -o, in the terminal:\n    attnviz %s\n\n' "$text"
"$program" $text
