#!/bin/sh
# SPDX-License-Identifier: MIT
# Put the pages together: `sh man/build.sh [FOLDER]` writes the pages attnviz*.1 and .7 into FOLDER (default: man) from man/parts, where a line ".so NAME" stands for the part of that
# name. The pages are kept in the repository; a test compares them with their parts. (The other pages of
# section 7 are written by hand.)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=${1:-$here}
for page in "$here"/parts/attnviz*.mdoc; do
	name=${page##*/}
	name=${name%.mdoc}
	awk -v parts="$here/parts" '
		function copy(file, is_part, line, word) {
			while ((getline line < file) > 0)
				if (split(line, word, " ") == 2 && word[1] == ".so")
					copy(parts "/" word[2] ".mdoc", 1)
				else if (!is_part || line !~ /SPDX-License-Identifier/)
					print line
			close(file)
		}
		BEGIN { copy(ARGV[1], 0) }' "$page" > "$to/$name.$(sed -n 's/^\.Dt [^ ]* //p' "$page")"
done
