#!/bin/sh
# Waits until a line comes from standard input, a socket to the process that serves a mount: that one is confined to its
# store and has no privileges. Then runs the command that unmounts, which answers with a message if it does not. Ends with
# that process; with `always` it unmounts then, too. With `devices` the line has the numbers of the mounts' devices.
#   unmounter.sh always|asked|devices COMMAND [ARGUMENT…]
set -f
when=$1
shift
read -r line || [ "$when" = always ] || exit 0
case $when in
devices) case $line in *[!0-9:\ ]*) exit 1 ;; *) exec "$@" $line ;; esac ;;
*) exec "$@" ;;
esac
