#!/bin/sh
# Waits until a line comes from standard input, a socket to the process that serves a mount: that one is confined to its
# store and has no privileges. Then runs the command that unmounts, which answers with a message if it does not. Ends with
# that process; with `always` it unmounts then, too.
#   unmounter.sh always|asked COMMAND [ARGUMENT…]
when=$1
shift
read -r line || [ "$when" = always ] || exit 0
exec "$@"
