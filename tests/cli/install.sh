# SPDX-License-Identifier: MIT
# What `make install` puts in place, and `make uninstall` takes away again.
. "$ROOT/tests/cli/lib.sh"
place="$PWD/root/usr"

# run TARGET: nothing is built (-o: the program counts as new).
run() {
	env -u MAKEFLAGS -u MFLAGS make -s -C "$ROOT" BUILD="$BUILD" -o "$BUILD/attnviz" DESTDIR="$PWD/root" PREFIX=/usr "$1"
}
expect "make install" 0 run install
"$place/bin/attnviz" --version > out
check "the program runs from there" grep -q '^attnviz ' out
for page in "$ROOT"/man/*.[17]; do
	name=${page##*/}
	check "$name is installed" cmp "$page" "$place/share/man/man${name##*.}/$name"
done
"$ATTNVIZ" completion bash > bash; "$ATTNVIZ" completion zsh > zsh; "$ATTNVIZ" completion fish > fish
same "the completion of bash" "$place/share/bash-completion/completions/attnviz" bash
same "the completion of zsh" "$place/share/zsh/site-functions/_attnviz" zsh
same "the completion of fish" "$place/share/fish/vendor_completions.d/attnviz.fish" fish
check "the samples are all there" diff -r "$ROOT/samples" "$place/share/attnviz/samples"
expect "the samples are drawn from there" 0 env ATTNVIZ="$place/bin/attnviz" LC_ALL=C sh "$place/share/attnviz/samples/demo.sh" "$PWD/demo"
expect "make uninstall" 0 run uninstall
check "make uninstall leaves no file" test -z "$(find root -type f)"
