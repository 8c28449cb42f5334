# SPDX-License-Identifier: MIT
# Every command of README.md, and every example of the manual's command pages, runs in samples/ as it stands.
. "$ROOT/tests/cli/lib.sh"
cp -R "$ROOT/samples" samples
mkdir bin
ln -s "$ATTNVIZ" bin/attnviz
PATH=$PWD/bin:$PATH
cd samples || exit 1

# outputs LINE: the files that the line says it writes.
outputs() {
	printf '%s\n' "$1" | grep -oE -- '(-o|--output|--plot) [^ |]+' | sed 's/^[^ ]* //' | grep -vx -- -
}

# run WHERE LINE: succeeds, and writes what it says.
run() {
	where=$1 line=$2
	for word in mpirun srun jq; do
		case " $line " in *" $word "*)
			if [ $word = jq ] && command -v jq > /dev/null; then continue; fi
			echo "skip example of $where: no $word"
			return ;;
		esac
	done
	for file in $(outputs "$line"); do rm -f "$file"; done
	if ! sh -c "set -e; $line" > ../out 2> ../err || grep -q '^attnviz: .*: cannot' ../err; then
		echo "not ok example of $where: $line"
		sed 's/^/  /' ../err | head -n 3
		return
	fi
	for file in $(outputs "$line"); do
		[ -s "$file" ] || { echo "not ok example of $where writes $file: $line"; return; }
	done
	echo "ok example of $where: $line"
}

# readme: indented commands. page FILE: .Dl lines, as man shows them.
readme() { sed -n 's/^    \(attnviz .*\)/\1/p' "$ROOT/README.md"; }
page() { sed -n 's/^\.Dl \(.*attnviz .*\)/\1/p' "$1" | sed 's/\\-/-/g; s/\\(aq/'"'"'/g; s/\\(dq/"/g; s/\\&//g; s/\\e/\\/g'; }

readme > ../readme
count=0
while read -r line; do
	run README "$line" < /dev/null
	count=$((count + 1))
done < ../readme
check "README has commands" test $count -ge 12
check "README has at most four pictures" test "$(grep -c '^!\[' "$ROOT/README.md")" -le 4
for picture in $(grep -o 'samples/pictures/[a-z-]*\.png' "$ROOT/README.md"); do
	check "README has the command of $picture" grep -q "^    attnviz .* -o ${picture#samples/pictures/}\$" "$ROOT/README.md"
done
for manual in "$ROOT"/man/*.1 "$ROOT"/man/attnviz-inputs.7 "$ROOT"/man/attnviz-pictures.7; do
	page "$manual" > ../page
	check "${manual##*/} has examples" test -s ../page
	while read -r line; do
		run "${manual##*/}" "$line" < /dev/null
	done < ../page
done
