# SPDX-License-Identifier: MIT
# Each source names its licence in one of its first three lines; README.md has the text.
cd "$ROOT" || exit 1

# unlicensed TREE: the sources below TREE without the line.
unlicensed() {
	find "$1" \( -name .git -o -path "$1/build" -o -path "$1/tests/fuzz/corpus" \) -prune -o -type f \
		\( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.pl' -o -name '*.mdoc' -o -name '*.[17]' -o -name Makefile -o -path '*/.ci/run' \) -print |
		sort | while read -r file; do
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || printf '%s\n' "$file"
	done
}

missing=$(unlicensed .)
if [ -z "$missing" ]; then
	echo "ok license: every source names it"
else
	echo "not ok license: every source names it: put 'SPDX-License-Identifier: MIT' into the first line of these"
	printf '%s\n' "$missing" | head -n 10 | sed 's/^/  /'
fi
if grep -q '^## License' README.md && grep -q 'Copyright (c) 2026 the attnviz authors' README.md && grep -q 'THE SOFTWARE IS PROVIDED "AS IS"' README.md; then
	echo "ok license: README has the text"
else
	echo "not ok license: README has the text"
fi

# The check itself.
cd "$OLDPWD" || exit 1
mkdir sources
echo '/* SPDX-License-Identifier: MIT */' > sources/a.c
echo 'int x;' > sources/b.c
printf '#!/bin/sh\n# SPDX-License-Identifier: MIT\n' > sources/c.sh
[ "$(unlicensed sources)" = sources/b.c ] && echo "ok license finds what lacks it" || echo "not ok license finds what lacks it: $(unlicensed sources)"
