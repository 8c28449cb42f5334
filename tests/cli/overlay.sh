# SPDX-License-Identifier: MIT
# attnviz overlay.
. "$ROOT/tests/cli/lib.sh"
digit=$ROOT/samples/digit3
last="-q $digit/L3_q.npy -k $digit/L3_k.npy"
image="--image $digit/image.png"

expect "the map of [CLS] over the picture" 0 "$ATTNVIZ" overlay $last $image -o cls.png
check "is a PNG" test "$(head -c 4 cls.png | tail -c 3)" = PNG
expect "as text" 0 "$ATTNVIZ" overlay $last $image --reduce mean
check "says which patches" grep -q "8 x 8 patches, mean of 4 heads" out
expect "a panel a head, with the mass marked" 0 "$ATTNVIZ" overlay $last $image --reduce none --mass 0.6 --interpolation bicubic -o heads.svg
check "names the heads" grep -q "head 3" heads.svg
expect "rollout over the picture" 0 "$ATTNVIZ" overlay "$digit"/L?_q.npy "$digit"/L?_k.npy $image --rollout --picture-first -o rollout.pdf
expect "patches of some queries" 0 "$ATTNVIZ" overlay $last $image --of 1,-1 -t "$digit/tokens.txt" -o patches.png
expect "patches as queries" 0 "$ATTNVIZ" overlay $last $image --over queries --patches 1:65 --of 0 -o queries.png
for threads in 1 4; do
	"$ATTNVIZ" overlay $last $image --threads $threads --interpolation bilinear --format svg | sed 's/--threads [0-9]//' > threads.$threads
done
same "pixels do not depend on the threads" threads.4 threads.1

refuse "no picture" 2 "--image FILE" "$ATTNVIZ" overlay $last -o x.png
refuse "a grid that does not fit" 1 "--grid 9x9 has 81 patches, but there are 65 keys" "$ATTNVIZ" overlay $last $image --grid 9x9 -o x.png
refuse "a grid that is none" 2 "expected HEIGHTxWIDTH" "$ATTNVIZ" overlay $last $image --grid 8 -o x.png
refuse "positions that are no square" 1 "give --grid HxW" "$ATTNVIZ" overlay $last $image --patches 1:60 -o x.png
refuse "a picture that is none" 1 "neither a PNG nor a JPEG" "$ATTNVIZ" overlay $last --image "$digit/tokens.txt" -o x.png
head -c 100 "$digit/image.png" > cut.png
refuse "a picture that was cut" 1 "cut.png" "$ATTNVIZ" overlay $last --image cut.png -o x.png
check "nothing is left behind" test ! -e x.png
