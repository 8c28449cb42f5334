# SPDX-License-Identifier: MIT
# Sourced by scripts that make arrays: everything by printf, so that the tests need no numpy.

# npy FILE DESCR SHAPE < BYTES: an array in C order; SHAPE as Python writes it, "(2, 3)".
npy() {
	header="{'descr': '$2', 'fortran_order': False, 'shape': $3, }"
	pad=$(((64 - (10 + ${#header} + 1) % 64) % 64))
	length=$((${#header} + pad + 1))
	{
		printf '\223NUMPY\001\000'
		printf "\\$(printf '%03o' $((length % 256)))\\$(printf '%03o' $((length / 256)))"
		printf "%s%${pad}s\n" "$header" ''
		cat
	} > "$1"
}

# bytes NUMBER...: unsigned bytes.
bytes() {
	for number; do
		printf "\\$(printf '%03o' "$number")"
	done
}

# floats WORD...: float32, little-endian, of the few values that tests need.
floats() {
	for word; do
		case $word in
		0) printf '\000\000\000\000' ;;
		0.25) printf '\000\000\200\076' ;;
		0.5) printf '\000\000\000\077' ;;
		0.75) printf '\000\000\100\077' ;;
		1) printf '\000\000\200\077' ;;
		2) printf '\000\000\000\100' ;;
		-1) printf '\000\000\200\277' ;;
		nan) printf '\000\000\300\177' ;;
		inf) printf '\000\000\200\177' ;;
		*) echo "floats: $word" >&2; return 1 ;;
		esac
	done
}

# repeat COUNT COMMAND...: its output COUNT times.
repeat() {
	count=$1
	shift
	while [ "$count" -gt 0 ]; do
		"$@"
		count=$((count - 1))
	done
}
