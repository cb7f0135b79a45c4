#!/bin/sh
# Unmounts when a line comes from standard input, which is a socket to the process that serves the mount: that one is
# confined to its store and has no privileges. Ends with that process. Answers with a message if it does not unmount.
#   unmounter.sh root|user MAJOR:MINOR MOUNTPOINT ESCAPED
# The mount is ours if the topmost one there has this device number; ESCAPED is the mount point as mountinfo has it.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
read -r line || exit 0
top=
while read -r id parent device root point rest; do
	[ "$point" != "$4" ] || top=$device
done </proc/self/mountinfo
[ "$top" = "$2" ] || { echo "$3: not unmounted: something else is mounted there"; exit 1; }
case $1 in
root) exec umount -l "$3" ;;
*) exec fusermount3 -u -z -- "$3" ;;
esac
