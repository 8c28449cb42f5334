# SPDX-License-Identifier: MIT
# The manual and -h say the same.
cd "$ROOT" || exit 1
. tests/cli/lib.sh
work=$(mktemp -d)

# lint PAGE: mandoc has nothing to say.
lint() {
	if ! command -v mandoc > /dev/null; then
		echo "skip manual $1: no mandoc"
		return
	fi
	said=$(mandoc -T lint -W warning "man/$1" 2>&1)
	if [ -z "$said" ]; then
		echo "ok manual $1 is well formed"
	else
		echo "not ok manual $1 is well formed"
		printf '%s\n' "$said" | head -n 10 | sed 's/^/  /'
	fi
}

# -h begins each option line with "  -q, --query FILE", "      --json" or "  -q FILE".
help_options() {
	sed -nE 's/^  (-[A-Za-z0-9])?,? *(--[a-z0-9-]+)?.*/\1 \2/p' "$1" | tr ' ' '\n' | grep '^-' | sort -u
}

# The page writes ".It Fl q , Fl -query Ar FILE".
page_options() {
	grep '^\.' "$1" | grep -oE '\bFl +-?[A-Za-z0-9][A-Za-z0-9-]*' | sed -E 's/^Fl +/-/' | sort -u
}

compare() {
	"$ATTNVIZ" "$1" -h > "$work/help" || echo "not ok manual: attnviz $1 -h fails"
	help_options "$work/help" > "$work/in-help"
	page_options "man/attnviz-$1.1" > "$work/in-page"
	shared=$(grep -oE '^\.Xr attnviz-(inputs|pictures) 7' "man/attnviz-$1.1" | sort -u | sed 's/.*\(attnviz-[a-z]*\) 7/man\/\1.7/')
	for page in $shared; do page_options "$page"; done | sort -u - "$work/in-page" > "$work/in-pages"
	missing=$(comm -23 "$work/in-help" "$work/in-pages" | tr '\n' ' ')
	stale=$(grep '^--' "$work/in-page" | comm -13 "$work/in-help" - | tr '\n' ' ')
	if [ -s "$work/in-help" ] && [ -z "$missing$stale" ]; then
		echo "ok manual attnviz-$1.1 has the options of -h"
	else
		echo "not ok manual attnviz-$1.1 has the options of -h: not in the page: ${missing:-none}; not in -h: ${stale:-none}"
	fi
}

commands=$("$ATTNVIZ" -h | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
for page in man/*.[1-9]; do
	[ -f "$page" ] && lint "${page#man/}"
done
for command in $commands; do
	if [ ! -f "man/attnviz-$command.1" ]; then
		echo "skip manual attnviz-$command.1: not written"
		continue
	fi
	compare "$command"
	grep -q "attnviz-$command" man/attnviz.1 && echo "ok manual attnviz.1 names $command" ||
		echo "not ok manual attnviz.1 names $command"
done
# What the shared pages describe is an option of some command.
for command in $commands; do
	"$ATTNVIZ" "$command" -h
done > "$work/help"
help_options "$work/help" > "$work/in-help"
for page in attnviz-inputs attnviz-pictures; do
	stale=$(page_options "man/$page.7" | grep '^--' | comm -13 "$work/in-help" - | tr '\n' ' ')
	[ -z "$stale" ] && echo "ok manual $page.7 has options of -h alone" || echo "not ok manual $page.7 has options of -h alone: $stale"
done
for page in man/attnviz-*.1; do
	[ -f "$page" ] || continue
	name=${page#man/attnviz-}
	printf '%s\n' "$commands" | grep -qx "${name%.1}" || echo "skip manual $page: there is no such command"
done
[ -f man/attnviz.1 ] || echo "skip manual attnviz.1: not written"

# The families of models are those of the program.
"$ATTNVIZ" explain families > "$work/families"
sed -n '/^\.\\" families$/,/^\.\\" end of families$/p' man/attnviz-models.7 | sed '1,2d;$d' | sed '$d' > "$work/page"
if [ -s "$work/families" ] && cmp -s "$work/families" "$work/page"; then
	echo "ok manual attnviz-models.7 has the families of the program"
else
	echo "not ok manual attnviz-models.7 has the families of the program: sh man/families.sh PROGRAM writes them"
fi

# The reading of both sides, on lines of each form.
printf '%s\n' 'usage: x' '' 'Options:' '  -q, --query FILE  queries, like --other' '      --json        --not-this' '  -j                x' \
	> "$work/help"
printf '%s\n' '.It Fl q , Fl -query Ar FILE' '.It Fl -causal Ns Op = Ns Ar WORD' 'Fl z' > "$work/page"
[ "$(help_options "$work/help" | tr '\n' ' ')" = "--json --query -j -q " ] && [ "$(page_options "$work/page" | tr '\n' ' ')" = "--causal --query -q " ] &&
	echo "ok manual reads options" || echo "not ok manual reads options: $(help_options "$work/help"; page_options "$work/page")"
rm -rf "$work"
