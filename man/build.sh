#!/bin/sh
# Put the pages together: `sh man/build.sh [FOLDER]` writes FOLDER/attnviz*.1 (default: man) from man/parts, where a line ".so NAME" stands for the part of that
# name. The pages are kept in the repository; a test holds them against their parts.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=${1:-$here}
for page in "$here"/parts/attnviz*.mdoc; do
	name=${page##*/}
	name=${name%.mdoc}
	awk -v parts="$here/parts" '
		$1 == ".so" { file = parts "/" $2 ".mdoc"; while ((getline line < file) > 0) print line; close(file); next }
		{ print }' "$page" > "$to/$name.1"
done
