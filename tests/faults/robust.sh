# SPDX-License-Identifier: MIT
# Section 9 of faults.md: files that change, signals, control characters, pipes, modes and links of outputs.
. "$ROOT/tests/faults/lib.sh"
. "$ROOT/tests/support/arrays.sh"

# left NAME WANTED: what is in this folder, hidden files too, with the letters of temporaries masked.
left() {
	found=$(ls -A | sed 's/^\(\..*\.\)[A-Za-z0-9]\{6\}$/\1XXXXXX/' | tr '\n' ' ')
	if [ "$found" = "$2" ]; then echo "ok $1"; else echo "not ok $1: left: $found"; fi
}

# ended NAME STATUS TEXT: as `refuse` says, of a command that has ended already with status $got.
ended() {
	if [ "$got" = "$2" ] && [ "$(wc -l < err)" = 1 ] && grep -qF -- "$3" err && [ ! -s out ]; then
		echo "ok $1"
	else
		echo "not ok $1: status $got, wanted $2 and one line with: $3"
		sed 's/^/  stderr: /' err | head -n 5
	fi
}

# --- 70: a file changes while it is read. The program holds INPUT mapped and waits for the keys on standard input.

# while_waiting CHANGE COMMAND...: `change` is a shell command.
while_waiting() {
	change=$1
	shift
	rm -f pipe && mkfifo pipe
	mkdir -p work
	"$@" -k - -o work/out.npy < pipe > out 2> err &
	pid=$!
	exec 3> pipe
	# It has the file open, and then mapped, before it reads from here.
	tries=0
	until grep -qF "$watched" "/proc/$pid/maps" 2>/dev/null || [ $tries -gt 3000 ]; do
		sleep 0.02
		tries=$((tries + 1))
	done
	eval "$change"
	cat "$keys" >&3
	exec 3>&-
	wait $pid
	got=$?
}

enter 70-file-shrinks-while-read
keys=k.npy
for command in weights stats; do
	for threads in 1 4; do
		cp q.npy cut.npy
		watched=cut.npy
		while_waiting 'truncate -s 1000 cut.npy' attnviz $command -q cut.npy --threads $threads
		ended "70 $command with $threads threads names the file that was cut" 1 'attnviz: cut.npy: became shorter while it was read'
		rm -rf cut.npy pipe
		(cd work && left "70 $command with $threads threads leaves nothing behind" '')
	done
done
# Bytes of the last page that are gone read as zeros, without a signal.
cp q.npy cut.npy
while_waiting 'truncate -s -64 cut.npy' attnviz weights -q cut.npy
ended '70 a cut within the last page is seen' 1 'attnviz: cut.npy: became shorter while it was read'
(cd work && left '70 a cut within the last page leaves nothing behind' '')
cp q.npy cut.npy
while_waiting 'sleep 0.05; cat k.npy > cut.npy' attnviz weights -q cut.npy
ended '70 a file written anew is seen' 1 'attnviz: cut.npy: was written while it was read'
cp q.npy cut.npy
while_waiting 'cp k.npy new.npy; mv new.npy cut.npy' attnviz weights -q cut.npy
attnviz weights q.npy k.npy -o whole.npy
same '70 a file that is replaced by another stays what it was' work/out.npy whole.npy
cp q.npy "$(printf 'c\033ut.npy')"
watched=ut.npy
while_waiting 'truncate -s 0 c?ut.npy' attnviz weights -q "$(printf 'c\033ut.npy')"
ended '70 the name is shown without its control characters' 1 'attnviz: c␛ut.npy: became shorter'
# Members of an archive that are used where they lie, and the shards of an index.
enter 77-failed-allocations
keys=L0_k.npy
watched=layer.npz
while_waiting 'truncate -s 0 layer.npz' attnviz weights -q layer.npz:x
ended '70 a stored member of a cut archive' 1 'attnviz: layer.npz: became shorter while it was read'
(cd work && left '70 a stored member of a cut archive leaves nothing behind' '')
header='{"q":{"dtype":"F32","shape":[1,6,8],"data_offsets":[0,192]}}'
{ bytes ${#header} 0 0 0 0 0 0 0; printf %s "$header"; tail -c 192 L0_q.npy; } > one.safetensors
printf '{"weight_map": {"q": "one.safetensors"}}' > model.safetensors.index.json
watched=one.safetensors
while_waiting 'truncate -s 0 one.safetensors' attnviz weights -q model.safetensors.index.json:q
ended '70 a cut shard' 1 'attnviz: one.safetensors: became shorter while it was read'

# --- 71: whatever signal ends the program, no temporary stays, and the signal is what the parent sees.
mkdir "$scratch/71" && cd "$scratch/71" || exit 1
for x in q k; do
	head -c 7680000 /dev/zero | npy $x.npy '<f2' '(1, 60000, 64)'
done
mkdir work && cd work || exit 1
# drawing SIGNAL-OPTION: a picture is being written, by process $pid. Background jobs of a shell may ignore INT and QUIT: env decides.
drawing() {
	(ulimit -c 0; exec env "$1" attnviz heatmap ../q.npy ../k.npy --causal --head 0 --format png -o out.png) > ../out 2> ../err &
	pid=$!
	tries=0
	until [ -n "$(ls -A)" ] || [ $tries -gt 3000 ]; do
		sleep 0.02
		tries=$((tries + 1))
	done
}
# dies NAME SIGNAL STATUS: sent while the picture is written.
dies() {
	drawing --default-signal
	kill -"$2" $pid
	wait $pid 2>/dev/null
	got=$?
	left "71 $1: nothing stays" ''
	if [ $got = "$3" ]; then echo "ok 71 $1: the status is that of the signal"; else echo "not ok 71 $1: status $got, wanted $3"; fi
	rm -f out.png .out.png*
}
# By number, as not every shell knows every name: HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM STKFLT XCPU XFSZ
# VTALRM PROF IO PWR SYS, and signals without a name.
case $BUILD in
*asan) numbers='1 3 12 15 24 40' ;; # faults are the sanitizer's
*) numbers='1 2 3 4 5 6 7 8 10 11 12 13 14 15 16 24 25 26 27 29 30 31 34 40 64' ;;
esac
for number in $numbers; do
	dies "signal $number" $number $((128 + number))
done
drawing --ignore-signal=INT
kill -2 $pid
sleep 0.2
if kill -0 $pid && [ -n "$(ls -A)" ]; then echo 'ok 71 an INT that is ignored stays so'; else echo 'not ok 71 an INT that is ignored stays so'; fi
kill -15 $pid
wait $pid 2>/dev/null
left '71 and TERM after it is not' ''

# --- 74: the modes and links of outputs.
enter 74-modes-and-links-of-outputs
attnviz weights q.npy k.npy -o plain.npy
umask 027
# mode NAME FILE MODE
mode() {
	found=$(stat -c %a "$2")
	if [ "$found" = "$3" ]; then echo "ok $1"; else echo "not ok $1: mode $found, wanted $3"; fi
}
attnviz weights q.npy k.npy -o new.npy
mode '74 a new file follows the umask' new.npy 640
for wanted in 600 666 755 2644; do
	echo old > w.npy
	chmod $wanted w.npy
	check "74 a file of mode $wanted is replaced" attnviz weights q.npy k.npy -o w.npy
	mode "74 it keeps mode $wanted" w.npy $wanted
	same "74 and is what was asked for ($wanted)" w.npy plain.npy
done
umask 022
if [ "$(id -u)" = 0 ]; then
	chown 12345:23456 w.npy
	attnviz weights q.npy k.npy -o w.npy
	if [ "$(stat -c %u:%g w.npy)" = 12345:23456 ]; then echo 'ok 74 the owner stays'; else echo 'not ok 74 the owner stays'; fi
else
	echo 'skip 74 the owner stays: only root may give files away'
fi
mkdir sub other
# linked NAME LINK TARGET: made or replaced, and the link stays.
linked() {
	check "74 $1" attnviz weights q.npy k.npy -o "$2"
	if [ -L "$2" ]; then echo "ok 74 $1: the link stays"; else echo "not ok 74 $1: the link is gone"; fi
	same "74 $1: its target" "$3" plain.npy
}
ln -s elsewhere.npy link.npy
linked 'a link that leads nowhere yet' link.npy elsewhere.npy
linked 'a link to a file' link.npy elsewhere.npy
ln -s ../other/made.npy sub/link.npy
linked 'a relative link is followed from where it lies' sub/link.npy other/made.npy
ln -s sub/second.npy first.npy
ln -s ../other/third.npy sub/second.npy
linked 'a chain of links' first.npy other/third.npy
ln -s "$PWD/other" folder
linked 'a link in a linked folder' folder/../first.npy other/third.npy
ln -s loop.npy loop.npy
refuse '74 a loop is refused' 1 'attnviz: loop.npy: cannot create: Too many levels of symbolic links' attnviz weights q.npy k.npy -o loop.npy
[ -L loop.npy ] && echo 'ok 74 a loop stays' || echo 'not ok 74 a loop stays'
ln -s missing/file.npy broken.npy
refuse '74 a link into a missing folder is refused' 1 'attnviz: broken.npy: cannot create: No such file' attnviz weights q.npy k.npy -o broken.npy
ln -s other dir.npy
refuse '74 a link to a folder is refused' 1 'attnviz: dir.npy: is a directory' attnviz weights q.npy k.npy -o dir.npy
refuse '74 a name below a file is refused' 1 'attnviz: q.npy/x.npy: cannot create: Not a directory' attnviz weights q.npy k.npy -o q.npy/x.npy
rm -f out err check.out
left '74 nothing else is left' 'broken.npy dir.npy elsewhere.npy first.npy folder k.npy link.npy loop.npy new.npy other plain.npy q.npy sub w.npy '
for target in /dev/stdout /dev/fd/1 /proc/self/fd/1 -; do
	attnviz weights q.npy k.npy -o $target > direct 2> err
	same "74 $target" direct plain.npy
done
for target in /dev/fd/4 /proc/self/fd/4; do
	rm -f direct
	attnviz weights q.npy k.npy -o $target 4> direct
	same "74 $target is what the shell opened" direct plain.npy
	{ echo before >&4; attnviz stats q.npy k.npy --tsv -o $target; echo after >&4; } 4> direct
	if [ "$(sed -n '1p;$p' direct)" = "$(printf 'before\nafter')" ] && [ "$(wc -l < direct)" -gt 3 ]; then
		echo "ok 74 $target is written where the shell stands"
	else
		echo "not ok 74 $target is written where the shell stands"
	fi
done
ln -s /dev/null null.npy
check '74 a link to a device' attnviz weights q.npy k.npy -o null.npy
[ -L null.npy ] && [ -c /dev/null ] && echo 'ok 74 a link to a device stays' || echo 'not ok 74 a link to a device stays'
mkfifo fifo
cat fifo > direct &
attnviz weights q.npy k.npy -o fifo
wait $!
same '74 a FIFO' direct plain.npy
refuse '74 a closed descriptor' 1 'attnviz: /dev/fd/9: cannot open for writing' attnviz weights q.npy k.npy -o /dev/fd/9

# --- 72: nothing that drives a terminal comes out of a name, a token or a title.

# clean NAME FILE...: valid UTF-8 without control characters other than tab and line feed, and without marks that turn the text.
clean() {
	what=$1
	shift
	for one; do
		if ! iconv -f UTF-8 -t UTF-8 < "$one" > /dev/null 2>&1; then
			echo "not ok 72 $what: $one is no UTF-8"
			return
		fi
		if LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]' "$one"; then
			echo "not ok 72 $what: $one holds $(LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80|\xe2\x81' "$one" | head -n 1 | od -c | head -n 3)"
			return
		fi
	done
	echo "ok 72 $what"
}
# harmless NAME STATUS COMMAND...: ends so, and what it prints is clean.
harmless() {
	expect "72 $1: the status" "$2" sh -c 'shift 2; "$@"' sh "$@"
	[ -s out ] || [ -s err ] || echo "not ok 72 $1: prints nothing"
	clean "$1" out err
}

enter 72-escape-sequences-in-names
for form in '' --tsv --json; do
	harmless "info of hostile names $form" 1 attnviz info names.safetensors $form
done
attnviz info names.safetensors > listed
check '72 they are shown as in the table' grep -qF '␛]0;' listed
attnviz info names.safetensors --tsv > listed
check '72 in TSV too' grep -qF '␛]0;' listed
# Everything at once: C0, DEL, C1 as UTF-8, bytes that are no UTF-8, and marks that turn the direction.
bad=$(printf 'a\033[2J\007\177\302\233\342\200\256\377\tz')
header='{"k\u001b]0;x\u0007\u009b2J\u007f\u202e":{"dtype":"F32","shape":[1,2,2],"data_offsets":[0,16]},"q\u001b[8m":{"dtype":"F32","shape":[1,2,2],"data_offsets":[16,32]}}'
{ bytes ${#header} 0 0 0 0 0 0 0; printf %s "$header"; floats 1 0 0.5 nan 0 1 1 0; } > model.safetensors
printf '%s\n' "$bad" "b$bad" > tokens.txt
floats 1 0 0.5 0.5 | npy w.npy '<f4' '(1, 2, 2)'
floats 1 0 0 1 | npy "q$bad.npy" '<f4' '(1, 2, 2)'
floats 1 0 0 1 | npy "k$bad.npy" '<f4' '(1, 2, 2)'
for form in '' --tsv --json; do
	harmless "info $form" 0 attnviz info model.safetensors "q$bad.npy" "k$bad.npy" $form
	harmless "tokens of stats $form" 0 attnviz stats w.npy -t tokens.txt --per-row $form
	harmless "tokens of align $form" 0 attnviz align w.npy --query-tokens tokens.txt --key-tokens tokens.txt --head 0 $form
done
harmless 'a name that is missing' 2 attnviz stats "model.safetensors:$bad"
harmless 'a file that is missing' 1 attnviz stats "$bad.npy"
harmless 'a list of names' 2 attnviz stats model.safetensors:none
harmless 'an option' 2 attnviz stats "--$bad" w.npy
harmless 'the value of an option' 2 attnviz heatmap w.npy --colormap "$bad" -o out.png
harmless 'a command' 2 attnviz "$bad"
harmless 'a command of help' 2 attnviz help "$bad"
harmless 'a subject to explain' 2 attnviz explain "$bad"
harmless 'a metric' 2 attnviz stats w.npy -m "$bad"
harmless 'a mechanism' 2 attnviz stats w.npy --attention "$bad"
harmless 'a parameter' 2 attnviz stats w.npy --param "$bad=1"
harmless 'an output' 1 attnviz weights w.npy -o "missing/$bad"
for format in text svg; do
	harmless "heatmap as $format" 0 attnviz heatmap w.npy -t tokens.txt --head 0 --title "$bad" --format $format -o -
	harmless "heatmap of files as $format" 0 attnviz heatmap -q "q$bad.npy" -k "k$bad.npy" --format $format -o -
	harmless "arcs as $format" 0 attnviz arcs w.npy -t tokens.txt --head 0 --title "$bad" --format $format -o -
	harmless "align as $format" 0 attnviz align w.npy --query-tokens tokens.txt --key-tokens tokens.txt --head 0 -o - --title "$bad" --format $format
	rm -f plot
	expect "72 stats as $format: the status" 0 attnviz stats w.npy -t tokens.txt --per-row --plot plot --format $format --title "$bad"
	clean "stats as $format" out err plot
done
if command -v xmllint > /dev/null; then
	attnviz heatmap w.npy -t tokens.txt --head 0 --title "$bad<&>\"']]>" -o out.svg
	check '72 the picture is well-formed XML' xmllint --noout out.svg
else
	echo 'skip 72 the picture is well-formed XML: no xmllint'
fi

# --- 84: whole numbers that no int64 holds are refused as what they are, in every list.
enter 84-numbers-beyond-int64
refuse '84 an id' 1 '9223372036854775813 (element' attnviz heatmap attn.npy --head 0 --ids ids.npy --vocab vocab.json
refuse '84 a block table' 1 '9223372036854775813 (element' attnviz stats -a paged cache.npz --param kv-layout=nhd -m entropy
words() { for word; do bytes 5 0 0 0 0 0 0 "$word"; done; } # uint64: 5 + WORD * 2^56
words 0 128 | npy big.npy '<u8' '(2,)'
bytes 128 0 0 0 0 0 0 5 | npy swapped.npy '>u8' '(1,)'
floats 1 0 0 1 | npy q.npy '<f4' '(1, 2, 2)'
refuse '84 key lengths' 1 'big.npy holds 9223372036854775813 (element 1)' attnviz weights q.npy -k q.npy --key-lengths big.npy -o out.npy
refuse '84 key lengths of the other byte order' 1 'holds 9223372036854775813 (element 0)' attnviz weights q.npy -k q.npy --key-lengths swapped.npy -o out.npy
refuse '84 positions' 1 'holds 9223372036854775813 (element 1)' attnviz weights q.npy -k q.npy --rope half --query-positions big.npy -o out.npy
words 0 128 | tail -c 8 | { bytes 0 0 0 0 0 0 0 0; cat; } | npy ends.npy '<u8' '(2,)'
refuse '84 packed sequences' 1 'holds 9223372036854775813 (element 1)' attnviz weights q.npy -k q.npy --cu-seqlens ends.npy -o out.npy
refuse '84 key lengths as words' 2 '--key-lengths 18446744073709551615' attnviz weights q.npy -k q.npy --key-lengths 18446744073709551615 -o out.npy
refuse '84 a head' 2 '18446744073709551615' attnviz weights q.npy -k q.npy --head 18446744073709551615 -o out.npy
refuse '84 rows' 2 '9223372036854775807' attnviz heatmap q.npy -k q.npy --rows 9223372036854775807
refuse '84 rows beyond' 2 '18446744073709551615' attnviz heatmap q.npy -k q.npy --rows 0:18446744073709551615
refuse '84 heads of a fused tensor' 2 '--heads-in 9223372036854775807' attnviz weights q.npy -k q.npy --heads-in 9223372036854775807 -o out.npy
refuse '84 a number' 2 '18446744073709551615' attnviz weights q.npy -k q.npy --past 18446744073709551615 -o out.npy
refuse '84 a window' 2 '--window 18446744073709551615' attnviz weights q.npy -k q.npy --window 18446744073709551615 -o out.npy
printf '[0, 18446744073709551615]' > ids.json
refuse '84 ids in JSON' 1 'ids.json: broken JSON: too big integer' attnviz heatmap attn.npy --head 0 --ids ids.json --vocab vocab.json
printf '0 18446744073709551615' > ids.txt
refuse '84 ids in text' 1 'ids.txt: no list of token ids' attnviz heatmap attn.npy --head 0 --ids ids.txt --vocab vocab.json
printf 'name 0 18446744073709551615\n' > spans.txt
refuse '84 spans' 1 'is no span' attnviz stats attn.npy --spans spans.txt
printf '0-18446744073709551615\n' > links.txt
refuse '84 links' 1 'links.txt' attnviz align attn.npy --gold links.txt --head 0

# --- 73: what works from a file works from a FIFO and from a process substitution.

# run_with WORD COMMAND...: the command with each @ in its words replaced, given 20 seconds.
run_with() {
	word=$1
	shift
	count=$#
	while [ $count -gt 0 ]; do
		argument=$1
		shift
		case $argument in *@*) argument=${argument%%@*}$word${argument#*@} ;; esac
		set -- "$@" "$argument"
		count=$((count - 1))
	done
	timeout 60 "$@"
}
# piped NAME FILE COMMAND...: prints the same for the file, a FIFO of its name in another folder, and a descriptor without a name.
piped() {
	what=$1 file=$2
	shift 2
	mkdir -p there fifo
	rm -f there/* fifo/*
	cp "$file" "there/$file"
	mkfifo "fifo/$file"
	run_with "there/$file" "$@" > out 2> err
	status=$?
	sed 's/there/fifo/g' out > wanted
	cat "$file" > "fifo/$file" &
	run_with "fifo/$file" "$@" > got 2> err
	got=$?
	kill $! 2>/dev/null
	if [ $status = 0 ] && [ $got = 0 ]; then
		same "73 $what through a FIFO" got wanted
	else
		echo "not ok 73 $what through a FIFO: status $got, and $status of the file: $(head -n 1 err)"
	fi
	sed "s/there\/$file/NAME/g; s/\b$file\b/pipe/g" out > wanted
	cat "$file" > "fifo/$file" &
	run_with /dev/fd/5 "$@" 5< "fifo/$file" > got.out 2> err
	got=$?
	kill $! 2>/dev/null
	sed 's/\/dev\/fd\/5/NAME/g' got.out > got
	if [ "$got" = 0 ]; then
		same "73 $what through a process substitution" got wanted
	else
		echo "not ok 73 $what through a process substitution: status $got: $(head -n 1 err)"
	fi
}

enter 73-pipes-in-place-of-files
piped 'queries' q.npy attnviz weights -q @ -k k.npy -o -
piped 'keys' k.npy attnviz weights -q q.npy -k @ -o -
piped 'weights' attn.npy attnviz stats -w @ --tsv
piped 'weights of the name' attn.npy attnviz heatmap -w @ --format text --title x
piped 'a picture' attn.npy attnviz heatmap -w @ --format text --title x -o -
piped 'weights to verify' attn.npy attnviz info q.npy k.npy --verify-weights @ --tsv
for file in q.npy k.npy attn.npy; do
	mkfifo fifo-$file
	cat $file > fifo-$file &
	timeout 60 attnviz info fifo-$file > got 2> err
	attnviz info $file > wanted
	if [ "$(awk 'NR == 2 { print $2, $4, $5, $6, $7 }' got)" = "$(awk 'NR == 2 { print $2, $4, $5, $6, $7 }' wanted)" ]; then
		echo "ok 73 info of $file through a FIFO"
	else
		echo "not ok 73 info of $file through a FIFO: $(cat got err | head -n 2)"
	fi
done
cp "$ROOT/samples/mechanisms/multihead.npz" layer.npz
piped 'an archive' layer.npz attnviz weights --attention multihead @ --param heads=2 -o -
piped 'one name of an archive for several roles' layer.npz attnviz info @:x --tsv --no-checks
printf '0-0 1-1 1p2\n0-1\n' > gold.txt
piped 'links in info' gold.txt attnviz info @ --tsv
piped 'gold links' gold.txt attnviz align attn.npy --head 0 --gold @ --gold-line 1 --tsv
floats 0 0.5 | npy sinks.npy '<f4' '(2,)'
piped 'sinks' sinks.npy attnviz weights q.npy k.npy --sinks @ -o -
floats 0.5 0.25 | npy slopes.npy '<f4' '(2,)'
piped 'slopes' slopes.npy attnviz weights q.npy k.npy --alibi-slopes @ -o -
repeat 36 bytes 1 | npy mask.npy '|b1' '(6, 6)'
piped 'a mask' mask.npy attnviz weights q.npy k.npy --mask @ -o -
bytes 5 | npy lengths.npy '|u1' '(1,)'
piped 'key lengths' lengths.npy attnviz weights q.npy k.npy --key-lengths @ -o -
bytes 5 6 7 8 9 10 | npy places.npy '|u1' '(6,)'
piped 'positions' places.npy attnviz weights q.npy k.npy --rope half --query-positions @ -o -
width=$(attnviz info q.npy --tsv --no-checks | awk -F '\t' 'NR == 2 { gsub(/[^0-9 ]/, "", $5); print $5 }' | awk '{ print $NF }')
repeat $((width / 2)) floats 0.5 | npy inv.npy '<f4' "($((width / 2)),)"
piped 'inverse frequencies' inv.npy attnviz weights q.npy k.npy --rope half --inv-freq @ -o -
printf '%s\n' a b c d e f > tokens.txt
piped 'tokens' tokens.txt attnviz stats attn.npy --per-row -t @ --tsv
printf '["a", "b", "c", "d", "e", "f"]' > tokens.json
piped 'tokens in JSON' tokens.json attnviz stats attn.npy --per-row -t @ --tsv
piped 'tokens of the keys' tokens.txt attnviz stats attn.npy --per-key --key-tokens @ --tsv
printf '0 1 2 1 0 2' > ids.txt
printf '{"a": 0, "b": 1, "c": 2}' > vocab.json
piped 'ids' ids.txt attnviz stats attn.npy --per-row --ids @ --vocab vocab.json --tsv
piped 'a vocabulary' vocab.json attnviz stats attn.npy --per-row --ids ids.txt --vocab @ --tsv
bytes 0 1 2 1 0 2 | npy ids.npy '|u1' '(6,)'
piped 'ids as an array' ids.npy attnviz stats attn.npy --per-row --ids @ --vocab vocab.json --tsv
printf 'one 0 3\ntwo 3 6\n' > spans.txt
piped 'spans' spans.txt attnviz stats attn.npy --by-span --spans @ --tsv
piped 'the other attention' attn.npy attnviz compare q.npy k.npy --other @ --tsv
piped 'any input' k.npy attnviz weights q.npy --input key=@ -o -
floats 1 1 1 1 | npy grid.npy '<f4' '(1, 1, 4)'
cp "$ROOT/tests/data/image/good-rgb.png" image.png
piped 'an image' image.png attnviz overlay grid.npy --grid 2x2 --image @ --format text --title x -o -
cp "$ROOT/tests/data/safetensors/shard-1.safetensors" "$ROOT/tests/data/safetensors/shard-2.safetensors" .
cp "$ROOT/tests/data/safetensors/good-sharded.safetensors.index.json" index.json
mkdir there fifo 2>/dev/null
timeout 60 attnviz info /dev/fd/5 --no-checks --tsv 5< index.json | cut -f 3- > got
attnviz info index.json --no-checks --tsv | cut -f 3- > wanted
same '73 an index of shards through a descriptor' got wanted
# The descriptor has a number, which is no layer, and no name, which is no title.
mkfifo one two
both() {
	cat q.npy > one &
	cat k.npy > two &
	timeout 60 "$@" -q /dev/fd/5 -k /dev/fd/6 5< one 6< two
}
both attnviz heatmap --format text > got 2> err
check '73 a title of pipes' grep -q '^pipe: 2 heads' got
both attnviz stats -m entropy --tsv | cut -f 1 | sort -u > got
check '73 the number of a descriptor is no layer' sh -c '! grep -qx "[56]" got'
# What is no tensor and never ends is not read to its end.
refuse '73 an endless stream' 1 'neither .npy' timeout 60 attnviz info /dev/zero

# --- Writes that fail: one line, status 1, nothing left, in every command and format.
enter 73-pipes-in-place-of-files
printf '%s\n' a b c d e f > tokens.txt
mkdir made
# unwritten NAME TEXT COMMAND...: $got, one line and nothing in ./made.
unwritten() {
	if [ "$got" = 1 ] && [ "$(wc -l < err)" = 1 ] && grep -qF -- "$2" err && [ -z "$(ls -A made)" ]; then
		echo "ok unwritten $1"
	else
		echo "not ok unwritten $1: status $got, wanted 1 and one line with: $2"
		head -n 3 err | sed 's/^/  stderr: /'
	fi
}
# fails_to_write COMMAND...: to a full device, a closed standard output, and a closed pipe.
fails_to_write() {
	"$@" > /dev/full 2> err
	got=$?
	unwritten "$*: full" 'attnviz: standard output: cannot write: no space left on the device'
	"$@" >&- 2> err
	got=$?
	unwritten "$*: closed" 'attnviz: standard output: cannot write: Bad file descriptor'
}
for format in text png svg pdf; do
	fails_to_write attnviz heatmap attn.npy --format $format -o -
	fails_to_write attnviz arcs attn.npy --head 0 -t tokens.txt --format $format -o -
done
fails_to_write attnviz weights q.npy k.npy -o -
for form in '' --tsv --json; do
	fails_to_write attnviz stats attn.npy $form
	fails_to_write attnviz info attn.npy $form
	fails_to_write attnviz compare attn.npy --other attn.npy $form
	fails_to_write attnviz flash q.npy k.npy $form
	fails_to_write attnviz align attn.npy --head 0 $form
done
fails_to_write attnviz align attn.npy --head 0 --pharaoh
fails_to_write attnviz rollout attn.npy --format text
fails_to_write attnviz ring q.npy k.npy --format text
fails_to_write attnviz blocks q.npy k.npy --show evict
fails_to_write attnviz explain entropy
fails_to_write attnviz help
fails_to_write attnviz help stats
fails_to_write attnviz --version
fails_to_write attnviz completion bash
for file in full.npy full.png full.svg full.pdf full.txt; do
	ln -s /dev/full $file
	command='heatmap attn.npy'
	[ $file = full.npy ] && command='weights q.npy k.npy'
	attnviz $command -o $file > out 2> err
	got=$?
	unwritten "$file" "attnviz: $file: cannot write: no space left on the device"
	[ -L $file ] || echo "not ok unwritten $file: the link is gone"
done
attnviz stats attn.npy --plot full.png > out 2> err
got=$?
unwritten 'a plot' 'attnviz: full.png: cannot write: no space left on the device'
if [ "$(id -u)" != 0 ]; then
	mkdir closed && chmod 555 closed
	refuse 'unwritten a folder that is closed' 1 'attnviz: closed/w.npy: cannot create: Permission denied' attnviz weights q.npy k.npy -o closed/w.npy
else
	refuse 'unwritten a file system that takes no files' 1 'attnviz: /proc/w.npy: cannot create:' attnviz weights q.npy k.npy -o /proc/w.npy
fi
(ulimit -f 1; attnviz heatmap attn.npy -o made/big.svg > out 2> err)
got=$?
unwritten 'beyond the size limit' 'attnviz: made/big.svg: cannot write: File too large'
