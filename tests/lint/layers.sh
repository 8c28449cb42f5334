# SPDX-License-Identifier: MIT
# Which room includes what: the arrows point one way.
# A row: the room, then what its files may include beside their own room. A name with a dot is one header.
rooms='
main       cli commands/command.h base
cli        commands/command.h commands/ranks.h commands/version.h base
commands   render analysis model mechanism kernel tensor base
render     tensor/tensor.h base
analysis   kernel tensor/tensor.h base
model      mechanism kernel/kernels.h tensor base
mechanism  kernel tensor/tensor.h base
kernel     tensor/tensor.h base
tensor     base
base
'

# strangers TREE ROOM: the includes below TREE/src that ROOM may not have, as "file: header".
strangers() {
	allowed=$(printf '%s\n' "$rooms" | awk -v room="$2" '$1 == room { $1 = room; print }')
	if [ "$2" = main ]; then set -- "$1" main.c; fi
	[ -e "$1/src/$2" ] || return 0
	find "$1/src/$2" -name '*.[ch]' -exec grep -HE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' {} + |
		awk -v allowed="$allowed" -v tree="$1/" '
			BEGIN { n = split(allowed, may, " ") }
			{
				file = $0; sub(/:.*/, "", file); sub(tree, "", file)
				header = $0; sub(/^[^"]*"/, "", header); sub(/".*/, "", header)
				for (i = 1; i <= n; i++)
					if (header == may[i] || (may[i] !~ /\./ && index(header, may[i] "/") == 1 && header !~ /\.\./))
						next
				print file ": " header
			}'
}

for room in $(printf '%s\n' "$rooms" | awk 'NF { print $1 }'); do
	found=$(strangers "$ROOT" "$room")
	if [ -z "$found" ]; then
		echo "ok layers $room"
	else
		echo "not ok layers $room includes what it may not"
		printf '%s\n' "$found" | sed 's/^/  /'
	fi
done

# A room that the table does not know would go unseen.
for folder in "$ROOT"/src/*/; do
	folder=${folder%/}
	printf '%s\n' "$rooms" | grep -q "^${folder##*/}\b" || echo "not ok layers: src/${folder##*/} is not in the table"
done

# The check itself: each of these must be found.
mkdir -p tree/src/kernel/x86 tree/src/render tree/src/base
echo '#include "mechanism/mask.h"' > tree/src/kernel/x86/a.c
echo '# include "tensor/npy.h"' > tree/src/render/b.h
echo '#include "error.h"' > tree/src/base/c.c
echo '#include "kernel/../render/scene.h"' > tree/src/kernel/d.c
echo '#include "tensor/tensor.h"' > tree/src/kernel/fine.c
count=$(for room in kernel render base; do strangers "$PWD/tree" $room; done | wc -l)
if [ "$count" = 4 ]; then echo "ok layers finds strangers"; else echo "not ok layers finds strangers: $count of 4"; fi
