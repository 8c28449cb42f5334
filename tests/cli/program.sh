# SPDX-License-Identifier: MIT
# The program around the commands: help, version, lookup, the end of standard output.
. "$ROOT/tests/cli/lib.sh"

# say NAME STATUS OUT ERR COMMAND...: exact standard output (a first line where OUT ends in "...") and standard error.
says() {
	name=$1 want=$2 out=$3 err=$4
	shift 4
	"$@" > out 2> err
	got=$?
	if [ "$got" = "$want" ] && [ "$(cat out)" = "$out" ] && [ "$(cat err)" = "$err" ]; then
		echo "ok $name"
	else
		echo "not ok $name: status $got, wanted $want"
		sed 's/^/  stdout: /' out | head -n 5
		sed 's/^/  stderr: /' err | head -n 5
	fi
}

version=$(sed -n 's/.*attnviz_version\[\] = "\(.*\)".*/attnviz \1/p' "$ROOT/src/commands/table.c")
expect "version" 0 "$ATTNVIZ" --version
check "version is silent on stderr" test ! -s err
check "version is the first line" test "$(head -n 1 out)" = "$version"
for fact in commit compiler kernels MPI libraries; do
	check "version says $fact" test "$(grep -c "^$fact: ." out)" = 1
done
check "version names a commit, or none" grep -qE '^commit: (unknown|[0-9a-f]{7,40}(-dirty)?)$' out
for library in libpng libjpeg cairo pango glib jansson libzip zlib; do
	check "version has that of $library" grep -qE "^libraries: .*\b$library[a-z-]* [0-9]+[.0-9]*" out
done
check "version lists the kernels, plain C among them" grep -qE '^kernels: .*\bc \(in use: [a-z0-9_]+\)$' out
ATTNVIZ_CPU=c "$ATTNVIZ" --version > other
check "version says which kernel is in use" grep -q '^kernels: .*(in use: c)$' other
ATTNVIZ_CPU=abacus "$ATTNVIZ" --version > other
check "version says so where none is" grep -q '^kernels: .*(in use: none; ATTNVIZ_CPU=abacus: this machine has ' other
"$ATTNVIZ" --version > facts

expect "overview" 0 "$ATTNVIZ" -h
check "overview begins with the usage" grep -q '^usage: attnviz COMMAND' out
check "overview is silent on stderr" test ! -s err
"$ATTNVIZ" --help > long; "$ATTNVIZ" help > word
same "--help is -h" long out
same "help is -h" word out
check "completion is not advertised" sh -c '! grep -q completion out'

refuse "no command" 2 "no command" "$ATTNVIZ"
refuse "unknown command" 2 "unknown command 'frobnicate': 'attnviz -h' lists them" "$ATTNVIZ" frobnicate
refuse "empty command" 2 "unknown command ''" "$ATTNVIZ" ""
refuse "option before the command" 2 "the command comes first" "$ATTNVIZ" --json
refuse "help about nothing known" 2 "unknown command 'frobnicate'" "$ATTNVIZ" help frobnicate
refuse "hostile command name" 2 "␛[2J" "$ATTNVIZ" "$(printf 'x\033[2J')"
refuse "completion without a shell" 2 "name a shell" "$ATTNVIZ" completion
refuse "completion for another shell" 2 "name a shell" "$ATTNVIZ" completion tcsh

# What every command answers.
commands=$("$ATTNVIZ" -h | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
for command in $commands; do
	expect "$command -h" 0 env -u COLUMNS "$ATTNVIZ" "$command" -h
	check "$command -h is a whole help" sh -c "grep -q '^usage: attnviz $command \[options\]' out && grep -q -e '--quiet' out &&
		grep -q '^Exit status:' out && ! [ -s err ]"
	check "$command -h fits 80 columns" sh -c '! grep -qE "^.{81}" out'
	check "$command -h has each heading once" test -z "$(grep '^[A-Z].*:$' out | sort | uniq -d)"
	check "$command -h begins with an example" sh -c "sed -n 5,7p out | grep -q '^Examples:' && grep -q '^  .*attnviz $command ' out"
	mv out first
	"$ATTNVIZ" help "$command" > second
	same "help $command is $command -h" second first
	refuse "$command with an unknown option" 2 "unknown option '--frobnicate'" "$ATTNVIZ" "$command" --frobnicate
	"$ATTNVIZ" "$command" -h < /dev/null > /dev/full 2> err
	check "$command -h on a full disk fails" test $? = 1 -a "$(wc -l < err)" = 1
done

# Beginnings and misspellings, where there is a command to try them on.
if printf '%s\n' "$commands" | grep -qx heatmap; then
	"$ATTNVIZ" heatmap -h > whole
	"$ATTNVIZ" heat -h > cut
	same "a command may be cut short" cut whole
	refuse "misspelled command" 2 "unknown command 'heatmpa': did you mean 'heatmap'?" "$ATTNVIZ" heatmpa
else
	echo "skip beginnings of commands: no heatmap"
fi

# Standard output that fails.
"$ATTNVIZ" --version > /dev/full 2> err
check "full disk is status 1" test $? = 1
says "full disk is one line" 1 "" "attnviz: standard output: cannot write: no space left on the device: free some, or write elsewhere" \
	sh -c '"$ATTNVIZ" --version > /dev/full'
says "closed standard output" 1 "" "attnviz: standard output: cannot write: Bad file descriptor" sh -c '"$ATTNVIZ" --version >&-'
says "closed standard error" 0 "$(cat facts)" "" sh -c '"$ATTNVIZ" --version 2>&-'
says "closed standard input" 0 "$(cat facts)" "" sh -c '"$ATTNVIZ" --version <&-'
says "a pipe without a reader" 141 "" "" \
	sh -c 'trap "" PIPE; { sleep 0.1; "$ATTNVIZ" --version; echo $? > status; } | true; exit "$(cat status)"'
says "default action for SIGPIPE too" 141 "" "" \
	sh -c '{ sleep 0.1; "$ATTNVIZ" --version; echo $? > status; } | true; exit "$(cat status)"'

# Completion, as bash sees it.
if command -v bash > /dev/null; then
	"$ATTNVIZ" completion bash > completion
	check "completion is bash" bash -n completion
	cat > complete.bash <<-'END'
		. ./completion
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_attnviz
		printf '%s\n' "${COMPREPLY[@]}"
	END
	says "completion of a word" 0 "help" "" bash complete.bash attnviz hel
	for command in $commands; do
		says "completion of --qui for $command" 0 "--quiet" "" bash complete.bash attnviz "$command" --qui
	done
	says "completion of a choice" 0 "mean" "" bash complete.bash attnviz heatmap --reduce me
else
	echo "skip completion: no bash"
fi

# Every long option of the help, in the scripts for zsh and fish.
"$ATTNVIZ" completion zsh > _attnviz
"$ATTNVIZ" completion fish > attnviz.fish
for command in $commands; do
	"$ATTNVIZ" "$command" -h | sed -nE 's/^  (-.,)? *--([a-z0-9-]+).*/\2/p' | sort -u > want
	sed -n "/^	$command)/,/;;\$/p" _attnviz | sed -nE "s/^\t*'(\([^)]*\)|\*)?--([a-z0-9-]+).*/\2/p" | sort -u > got
	same "completion for zsh has the options of $command" got want
	grep "from $command'" attnviz.fish | sed -nE "s/.* -l ([a-z0-9-]+).*/\1/p" | sort -u > got
	same "completion for fish has the options of $command" got want
done
if command -v zsh > /dev/null; then
	check "completion is zsh" zsh -n _attnviz
else
	echo "skip completion in zsh: no zsh"
fi
if command -v fish > /dev/null; then
	check "completion is fish" fish -n attnviz.fish
	check "fish completes an option" test "$(fish -c 'source attnviz.fish; complete -C "attnviz heatmap --redu"' | cut -f 1)" = --reduce
	check "fish completes a choice" test "$(fish -c 'source attnviz.fish; complete -C "attnviz heatmap --reduce me"' | cut -f 1)" = mean
else
	echo "skip completion in fish: no fish"
fi
