# SPDX-License-Identifier: MIT
# What the objects below commands/ call: nothing there prints, exits or reads the environment, and the files of one
# instruction set neither allocate nor start threads. (base/message.c and base/output*.c are where writing happens.)
case $BUILD in
*san) echo "skip symbols: instrumented objects call more than the source does"; exit 0 ;;
esac

prints='printf|fprintf|vprintf|vfprintf|dprintf|vdprintf|puts|fputs|fputc|putc|putchar|putchar_unlocked|fwrite|perror|stdout|stderr'
writes='write|pwrite|writev|pwrite64'
exits='exit|_exit|_Exit|quick_exit|abort|__assert_fail'
environment='getenv|secure_getenv|environ|setlocale'
allocates='malloc|calloc|realloc|free|posix_memalign|aligned_alloc|mem_[a-z_]*|pthread_[a-z_]*'

# calls PATTERN OBJECT...: the undefined symbols that match, as "object: symbol"; fortified names count as their own.
calls() {
	pattern=$1
	shift
	[ $# = 0 ] && return
	nm -A -u "$@" | sed -E 's/:? +U /: /; s/@.*//; s/: __(.*)_chk$/: \1/' | grep -E ": ($pattern)\$"
}

verdict() {
	if [ -z "$2" ]; then
		echo "ok symbols $1"
	else
		echo "not ok symbols $1"
		printf '%s\n' "$2" | sed 's/^/  /'
	fi
}

# objects_of FOLDER: those that the program is linked from.
objects_of() {
	tr ' ' '\n' < "$BUILD/objects" | grep "/src/$1/" | grep -vE '/base/(message|output.*)\.o$'
}

cd "$ROOT" || exit 1
for room in base tensor kernel mechanism analysis render; do
	objects=$(objects_of $room)
	[ -n "$objects" ] && verdict "$room neither prints nor exits" "$(calls "$prints|$writes|$exits|$environment" $objects)"
done
objects=$(objects_of 'kernel/\(x86\|arm\)')
[ -n "$objects" ] && verdict "instruction sets only compute" "$(calls "$allocates" $objects)"
cd "$OLDPWD" || exit 1

# The check itself.
cat > bad.c <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(void) { puts(getenv("HOME")); fprintf(stderr, "%d", 1); free(malloc(3)); exit(2); }
END
${CC:-cc} -O0 -c -o bad.o bad.c
found=$(calls "$prints|$exits|$environment|$allocates" bad.o | sed 's/.*: //' | sort | tr '\n' ' ')
if [ "$found" = "exit fprintf free getenv malloc puts stderr " ]; then
	echo "ok symbols finds calls"
else
	echo "not ok symbols finds calls: $found"
fi
