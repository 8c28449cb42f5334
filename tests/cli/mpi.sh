# SPDX-License-Identifier: MIT
# Runs over several ranks: the results of one process, memory, messages, and how a job ends. They need a program built with MPI=1.
. "$ROOT/tests/cli/lib.sh"
export LC_ALL=C OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
if ! grep -q 'DATTNVIZ_MPI' "$BUILD/flags" 2> /dev/null; then
	echo "skip mpi: the program was built without MPI (make MPI=1 test runs these)"
	exit 0
fi
if ! command -v mpirun > /dev/null; then
	echo "skip mpi: no mpirun"
	exit 0
fi
for helper in normal peak; do
	"${CC:-cc}" -O1 -o $helper "$ROOT/tests/cli/$helper.c" -lm || exit 1
done

# ranks P COMMAND...
if mpirun --version 2> /dev/null | grep -q 'Open MPI'; then
	oversubscribe=--oversubscribe
else
	oversubscribe=
fi
ranks() {
	number=$1
	shift
	timeout 120 mpirun $oversubscribe -n "$number" "$@"
}

./normal q.npy 1 5 701 24
./normal k.npy 2 1 701 24
./normal v.npy 3 1 701 24
./normal q1.npy 4 1153 16
./normal k1.npy 5 1153 16

# The same command in folders of their own: pictures hold the command line.
# both NAME P FILE COMMAND...
both() {
	name=$1 number=$2 file=$3
	shift 3
	mkdir -p alone together
	rm -f "alone/$file" "together/$file"
	(cd alone && "$ATTNVIZ" "$@") || echo "not ok $name: one process fails"
	(cd together && ranks "$number" "$ATTNVIZ" "$@") || echo "not ok $name: $number ranks fail"
	same "$name, $number ranks" "together/$file" "alone/$file"
}
for number in 1 2 3 4; do
	for mask in '' --causal; do
		both "statistics of heads over one key head ${mask:-full}" $number s.json \
			stats -q ../q.npy -k ../k.npy -v ../v.npy $mask -m all --json -o s.json
		both "weights of one head ${mask:-full}" $number w.npy weights -q ../q1.npy -k ../k1.npy $mask --precision single -o w.npy
		both "a picture of heads ${mask:-full}" $number p.png heatmap -q ../q.npy -k ../k.npy $mask -o p.png
	done
done
for layout in contiguous zigzag; do
	both "rotated positions, $layout" 3 w.npy weights -q ../q1.npy -k ../k1.npy --causal --rope half --precision single --ring-layout $layout -o w.npy
	both "linear biases, $layout" 3 s.tsv stats -q ../q.npy -k ../k.npy --alibi --window 100,0 --ring-layout $layout --ring-chunk 8 --tsv -o s.tsv
done
for kind in linear performer sinusoidal additive; do
	"$ATTNVIZ" weights -q q1.npy -k k1.npy --attention $kind --causal --precision single --rows :2 -o probe.npy 2> probe.err || continue
	both "$kind attention" 3 w.npy weights -q ../q1.npy -k ../k1.npy --attention $kind --causal --precision single -o w.npy
done
both "outputs" 3 o.npy weights -q ../q.npy -k ../k.npy -v ../v.npy --head 1 --causal --write output --precision single -o o.npy
both "weights times the norms of values" 3 n.npy weights -q ../q.npy -k ../k.npy -v ../v.npy --head 1 --value-norms --precision single -o n.npy
both "keys that cannot be sent in parts" 2 a.png heatmap -w ../alone/w.npy --head 0 -o a.png
both "a sample of rows" 3 r.tsv stats -q ../q1.npy -k ../k1.npy --sample-rows 100 --per-row --tsv -o r.tsv
"$ATTNVIZ" info q.npy k.npy > want
ranks 3 "$ATTNVIZ" info q.npy k.npy > out
same "a command that is not shared out is run once" out want

# Two turns in which each of 3 ranks passes on the keys of the other two: 768 keys of 32 floats.
./normal q2.npy 6 768 32
./normal k2.npy 7 768 32
ranks 3 "$ATTNVIZ" ring -q q2.npy -k k2.npy > out
tr '\n' ' ' < out | grep -q "measured: 12 messages, $((2 * 2 * 768 * 32 * 4)) bytes" && echo "ok messages and bytes are those of the model" ||
	{ echo "not ok messages and bytes are those of the model"; sed 's/^/  /' out; }
ranks 3 "$ATTNVIZ" ring -q q2.npy -k k2.npy --causal --tsv > out
check "times of every rank and step" test "$(awk 'NR > 1 && $6 > 0 && $7 >= 0' out | wc -l)" = 9

# Memory: that of a run over few tokens taken off, a rank's share of 65536 keys.
./normal few.npy 8 128 128
./normal many.npy 9 65536 128
peak_of() {
	rm -f peaks
	ranks "$1" ./peak peaks "$ATTNVIZ" stats -q "$2" -k "$2" -m entropy --last-queries 256 -j 1 --json > out && sort -n peaks | tail -n 1 | cut -d ' ' -f 1
}
for number in 1 2 4; do
	base=$(peak_of $number few.npy) whole=$(peak_of $number many.npy)
	eval "memory_$number=$((whole - base))"
done
echo "  KiB a rank for 65536 keys of 128 floats: $memory_1 alone, $memory_2 of 2, $memory_4 of 4"
check "memory of two ranks is half" test $((memory_2 * 100)) -lt $((memory_1 * 65))
check "memory of four ranks is a quarter" test $((memory_4 * 100)) -lt $((memory_1 * 40))

# ends NAME STATUS TEXT: what `ranks` said in err: one line of ours with the text, and no output.
ends() {
	if [ "$got" = "$2" ] && [ "$(grep -c '^attnviz: ' err)" = 1 ] && grep '^attnviz: ' err | grep -qF -- "$3" && [ ! -s out ]; then
		echo "ok $1"
	else
		echo "not ok $1: status $got, wanted $2 and one line with: $3"
		sed 's/^/  stderr: /' err | head -n 8
	fi
}
mkdir bad
cp k1.npy bad/k1.npy
printf '\000\000\300\177' | dd of=bad/k1.npy bs=1 seek=60000 conv=notrunc 2> /dev/null
ranks 3 "$ATTNVIZ" heatmap -q q1.npy -k bad/k1.npy -o bad.png > out 2> err
got=$?
ends "one rank meets a NaN" 1 "rank 2: bad/k1.npy: "
ranks 3 "$ATTNVIZ" stats -q q1.npy -k missing.npy > out 2> err
got=$?
ends "all ranks meet a missing file" 1 "missing.npy: cannot open"
ranks 3 "$ATTNVIZ" stats -q q1.npy -k k1.npy --metrics nonsense > out 2> err
got=$?
ends "all ranks meet a wrong option" 2 "nonsense"
check "nothing is left half written" test -z "$(ls -A | grep 'bad\.png')"

# A rank that is killed in the middle.
cat > ranked <<'END'
#!/bin/sh
echo $$ > "pid.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"
exec "$@"
END
chmod +x ranked
begin=$(date +%s)
ranks 2 ./ranked "$ATTNVIZ" heatmap -q many.npy -k many.npy -j 1 -o killed.png > out 2> err &
job=$!
for wait in 1 2 3 4 5 6 7 8 9 10; do
	sleep 0.3
	[ -s pid.1 ] && [ -s pid.0 ] && break
done
sleep 0.7
kill -9 "$(cat pid.1)"
wait $job
got=$?
spent=$(($(date +%s) - begin))
check "a killed rank ends the job" test "$got" != 0 -a "$spent" -lt 15
check "and the launcher says which" grep -qi 'kill' err
check "and nothing is left half written" test -z "$(ls -A | grep 'killed\.png')"

# Two ranks that share nothing but the file system: in network namespaces with addresses of their own.
spaces=attnviz-$$
if ! mpirun --version 2> /dev/null | grep -q 'Open MPI'; then
	echo "skip mpi over a network: the launch is Open MPI's"
elif ! command -v ip > /dev/null || ! ip netns add $spaces-a 2> /dev/null; then
	echo "skip mpi over a network: network namespaces are not allowed here"
else
	trap 'ip netns del $spaces-a 2> /dev/null; ip netns del $spaces-b 2> /dev/null' EXIT
	cat > agent <<END
#!/bin/sh
host=\$1
shift
exec ip netns exec $spaces-b unshare --uts sh -c "hostname attnviz-b; \$*"
END
	chmod +x agent
	if ip netns add $spaces-b && ip link add va netns $spaces-a type veth peer name vb netns $spaces-b &&
		ip -n $spaces-a addr add 10.77.0.1/24 dev va && ip -n $spaces-b addr add 10.77.0.2/24 dev vb &&
		ip -n $spaces-a link set va up && ip -n $spaces-b link set vb up && ip -n $spaces-a link set lo up && ip -n $spaces-b link set lo up; then
		rm -f together/w.npy
		(cd alone && "$ATTNVIZ" weights -q ../q1.npy -k ../k1.npy --causal --precision single -o w.npy)
		timeout 60 ip netns exec $spaces-a unshare --uts sh -c 'hostname attnviz-a; exec "$@"' sh \
			mpirun --mca plm_rsh_agent "$PWD/agent" --mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 \
			--host 10.77.0.1:1,10.77.0.2:1 -n 2 --wdir "$PWD/together" \
			sh -c 'ip -o addr show | sed -n "s/.*inet \(10[0-9.]*\).*/\1/p" > "address.$OMPI_COMM_WORLD_RANK"; exec "$@"' sh \
			"$ATTNVIZ" weights -q ../q1.npy -k ../k1.npy --causal --precision single -o w.npy > out 2> err || sed 's/^/  stderr: /' err | head -n 12
		same "two ranks over a network" together/w.npy alone/w.npy
		cat together/address.* > out
		printf '10.77.0.1\n10.77.0.2\n' > want
		same "each with an address of its own" out want
	else
		echo "skip mpi over a network: no virtual Ethernet here"
	fi
fi
