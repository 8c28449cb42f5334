# SPDX-License-Identifier: MIT
# Every option of every command is in a table of tests/cli/options_*.sh, which say what it changes, or here with the reason why it is not.
. "$ROOT/tests/cli/lib.sh"

for table in "$ROOT"/tests/cli/options_*.sh; do
	sh "$table" --list
done | sort -u > covered
check 'the tables have rows' test "$(wc -l < covered)" -gt 500

# exempt COMMAND OPTION: there is nothing that the option would change there, or another test has it.
exempt() {
	case $1:$2 in
	*:--help) ;;                      # tests/lint/manual.sh
	*:--model | *:--hidden | *:--memory | *:--dumped-after | *:--tower | info:--as-options) ;; # tests/cli/models.sh, against a reference of each model
	*:--no-pager) ;; # only terminals have a pager: tests/cli/terminal.sh
	*:--threads) ;;                   # nothing changes with it: tests of each command compare numbers of threads
	rollout:--quiet | ring:--quiet | explain:--quiet) ;; # nothing is said on the side
	*:--ring-chunk | heatmap:--ring-layout | stats:--ring-layout | weights:--ring-layout) ;; # jobs of several ranks: tests/cli/mpi.sh
	weights:--raw-tokens | compare:--raw-tokens | blocks:--raw-tokens | flash:--raw-tokens | ring:--raw-tokens | info:--raw-tokens) ;; # no token is shown
	stats:--value | text:--value | align:--value | arcs:--value | overlay:--value | blocks:--value | flash:--value | ring:--value | info:--value) ;; # weights are those of queries and keys
	*) return 1 ;;
	esac
}

"$ATTNVIZ" completion bash | sed -n "s/^[[:blank:]]*\*:\([a-z]*\):\*) .*words='\(.*\)' ;;$/\1 \2/p" > rows
check 'the completion lists the commands' test "$(wc -l < rows)" -ge 13
while read -r command options; do
	for option in $options; do
		case $option in --*) ;; *) continue ;; esac
		exempt "$command" "$option" || grep -qxF -- "$command $option" covered || echo "$command $option"
	done
done < rows > missing
if [ -s missing ]; then
	sed 's/^/not ok no test says what this changes: /' missing
else
	echo 'ok every option has a test that says what it changes'
fi
# The tables name options that are there.
while read -r command option; do
	grep -q "^$command .*$option " rows || echo "$command $option"
done < covered > unknown
if [ -s unknown ]; then
	sed 's/^/not ok a test of an option that is not there: /' unknown
else
	echo 'ok every test is of an option that is there'
fi
