#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Mounts the image in golden/, which has a file, a hard link of it, a symbolic
# link, an empty file and a directory. Prints KTAP. In a kernel tree this is
# tools/testing/selftests/filesystems/puzzlefs.

KSFT_SKIP=4
GOLDEN=$(cd "$(dirname "$0")" && pwd)/golden
MANIFEST=79cbb484d3f6e878c92b20fb2a9ecbdf1b4b568d5dcb04e7717c4007678a880f
CHUNK=853ff93762a06ddbf722c4ebe9ddd66d8f63ddaea97f521c3ecc20da7c976020
TESTS=9

number=0
failed=0

# result TITLE COMMAND...: one test, which passes if the command succeeds
result()
{
	title=$1
	shift
	number=$((number + 1))
	if "$@" >/dev/null 2>&1; then
		echo "ok $number $title"
	else
		echo "not ok $number $title"
		failed=$((failed + 1))
	fi
}

skip_all()
{
	echo "1..0 # SKIP $1"
	exit $KSFT_SKIP
}

# mount_image [OPTION...]
mount_image()
{
	options=oci_root_dir=$STORE,image_manifest=$MANIFEST
	for option in "$@"; do
		options=$options,$option
	done
	mount -t puzzlefs -o "$options" none "$AT"
}

is_read_only()
{
	! touch "$AT/new"
}

lists_all()
{
	[ "$(cd "$AT" && find . | sort | tr '\n' ' ')" = \
		". ./empty ./hello ./sub ./sub/hard ./sub/link " ]
}

has_content()
{
	[ "$(cat "$AT/hello")" = "hello, world" ] && [ ! -s "$AT/empty" ]
}

has_links()
{
	[ "$(readlink "$AT/sub/link")" = ../hello ] &&
		[ "$AT/sub/hard" -ef "$AT/hello" ] &&
		[ "$(stat -c %h "$AT/hello")" = 2 ]
}

counts()
{
	device=$(awk -v at="$AT" '$5 == at { print $3 }' /proc/self/mountinfo)
	[ "$(cat "/sys/fs/puzzlefs/$device/verification_failures")" = 0 ] &&
		[ "$(cat "/sys/fs/puzzlefs/$device/blobs")" -ge 1 ]
}

refuses_another_manifest()
{
	! mount -t puzzlefs -o "oci_root_dir=$STORE,image_manifest=$CHUNK" \
		none "$AT"
}

detects_damage()
{
	umount "$AT" || return
	printf 'jello, world\n' >"$STORE/blobs/sha256/$CHUNK"
	mount_image verify=blob && ! cat "$AT/hello"
}

reads_what_was_replaced()
{
	printf 'hello, world\n' >"$STORE/new" &&
		mv "$STORE/new" "$STORE/blobs/sha256/$CHUNK" && has_content
}

echo "TAP version 13"
[ "$(id -u)" = 0 ] || skip_all "needs root"
grep -qw puzzlefs /proc/filesystems || modprobe -q puzzlefs ||
	skip_all "no puzzlefs"
DIRECTORY=$(mktemp -d) || exit 1
STORE=$DIRECTORY/store
AT=$DIRECTORY/mnt
trap 'umount "$AT" 2>/dev/null; rm -r "$DIRECTORY"' EXIT
mkdir "$AT" && cp -r "$GOLDEN" "$STORE" || exit 1

echo "1..$TESTS"
result "another manifest is refused" refuses_another_manifest
result "the image is mounted" mount_image
result "the mount is read-only" is_read_only
result "all names are listed" lists_all
result "files have their content" has_content
result "links" has_links
result "counters in sysfs" counts
result "verify=blob detects a damaged blob" detects_damage
result "a blob that was replaced is read" reads_what_was_replaced
echo "# Totals: pass:$((number - failed)) fail:$failed"
[ "$failed" = 0 ]
