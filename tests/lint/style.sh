# SPDX-License-Identifier: MIT
# Functions that have no place here, and what an editor leaves behind.
cd "$ROOT" || exit 1

# absent NAME PATTERN: no line of the sources matches.
absent() {
	found=$(find src tests -path tests/data -prune -o -name '*.[ch]' -exec grep -nE "$2" {} +)
	if [ -z "$found" ]; then
		echo "ok style: $1"
	else
		echo "not ok style: $1"
		printf '%s\n' "$found" | head -n 10 | sed 's/^/  /'
	fi
}

absent "no unbounded or unchecked library function" \
	'\b(strcpy|stpcpy|strcat|strncat|strncpy|sprintf|vsprintf|strtok|strtok_r|atoi|atol|atoll|atof|gets|alloca)[[:space:]]*\('
absent "no white space at the end of a line" '[[:space:]]$'
absent "no note to self" '\b(TODO|FIXME|XXX)\b'

bare=$(find src tests -name '*.h' ! -name '*_template.h' -exec grep -L '^#ifndef ATTNVIZ_' {} +)
if [ -z "$bare" ]; then echo "ok style: headers are guarded"; else echo "not ok style: headers are guarded"; echo "$bare"; fi

bad=$(for file in $(find src tests -name '*.[ch]'); do
	[ -z "$(tail -c 1 "$file")" ] || echo "$file"
done)
if [ -z "$bad" ]; then echo "ok style: files end with a newline"; else echo "not ok style: files end with a newline"; echo "$bad"; fi
