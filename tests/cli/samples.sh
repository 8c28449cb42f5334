# SPDX-License-Identifier: MIT
# The demonstration, the manual's parts, and the commands that the README shows.
. "$ROOT/tests/cli/lib.sh"
expect "make demo's script" 0 env ATTNVIZ="$ATTNVIZ" LC_ALL=C sh "$ROOT/samples/demo.sh" "$PWD/demo"
for picture in $(sed -n "s/^draw \([^ ]*\) .*/\1/p" "$ROOT/samples/demo.sh"); do
	check "demo writes $picture" test -s "demo/$picture"
done
for picture in $(grep -o 'samples/pictures/[a-z-]*.png' "$ROOT/README.md"); do
	check "README's $picture is made by the demo" grep -q "^draw ${picture#samples/pictures/} " "$ROOT/samples/demo.sh"
	check "README's $picture is there" test -s "$ROOT/$picture"
done
mkdir pages
sh "$ROOT/man/build.sh" "$PWD/pages"
for page in pages/*.[17]; do
	same "${page#pages/} is put together from its parts" "$ROOT/man/${page#pages/}" "$page"
done
