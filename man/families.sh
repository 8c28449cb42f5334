#!/bin/sh
# SPDX-License-Identifier: MIT
# Put the table of model families into attnviz-models.7, between its marks: `sh man/families.sh PROGRAM`. A test holds the page against the program.
set -eu
page=$(cd "$(dirname "$0")" && pwd)/attnviz-models.7
"$1" explain families > "$page.rows"
awk -v rows="$page.rows" '
	/^\.\\" families$/ { print; print ".Bd -literal"; while ((getline line < rows) > 0) print line; print ".Ed"; inside = 1; next }
	/^\.\\" end of families$/ { inside = 0 }
	!inside { print }' "$page" > "$page.new"
mv "$page.new" "$page"
rm "$page.rows"
