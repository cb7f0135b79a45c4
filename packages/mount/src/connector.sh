#!/bin/sh
# Gives a process that serves a lazy image connections to the fetcher: that process is confined to its store. Standard input is a
# socket to it; for each line from there the command runs, which sends a connection over the socket. A byte without one means failure.
# Ends with that process.
#   connector.sh COMMAND [ARGUMENT…]
while read -r line; do
	"$@" || printf F >&0
done
