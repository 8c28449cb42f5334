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
		function copy(file, line, word) {
			while ((getline line < file) > 0)
				if (split(line, word, " ") == 2 && word[1] == ".so")
					copy(parts "/" word[2] ".mdoc")
				else
					print line
			close(file)
		}
		BEGIN { copy(ARGV[1]) }' "$page" > "$to/$name.1"
done
