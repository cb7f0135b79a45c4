/**
 * The promises of writable mounts, as shell scripts for any backend: FUSE on this machine, FUSE and the driver in machines.
 *
 * They run with `set -e` in a directory with only mnt/ and other/, on a filesystem that can be an upper layer.
 * $IMAGE and $CHANGED are two images of makeTrees(), $LAYOUT is the layout of the first; `mounted` mounts by the driver
 * under test; `refused TEXT COMMAND` expects an exit code and a message.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lsetxattr } from "@puzzlefs/linux";
import { setAcl } from "../support/trees/attributes.ts";

export interface WritableCase {
  title: string;
  /** What is tried depends on the program alone, not on what serves the mount below: with the driver it runs in `make test-kernels` only. */
  ofProgram?: true;
  script: string;
  output: string;
}

/** Definitions for the scripts. */
export const preamble = `
set -e
mounted() { puzzlefs mount --driver "$DRIVER" "$@"; }
refused() {
  text=$1; shift
  if "$@" 2>messages; then echo "accepted: $*"; exit 1; fi
  grep -q -- "$text" messages || { echo "$*:"; cat messages; exit 1; }
}
# After an inode was evicted and looked up again, FUSE counts the index as a link too.
links() { [ "$DRIVER" = fuse ] || [ "$(stat -c %h mnt/file)" = "$1" ] || { stat mnt/file; exit 1; }; }
evict() { sync; echo 2 >/proc/sys/vm/drop_caches; }
mkdir mnt other
`;

export function makeTrees(base: string, changed: string): void {
  for (const tree of [base, changed]) {
    mkdirSync(join(tree, "directory"), { recursive: true });
    writeFileSync(join(tree, "file"), "hello\n");
    linkSync(join(tree, "file"), join(tree, "second"));
    linkSync(join(tree, "file"), join(tree, "directory/third"));
    writeFileSync(join(tree, "single"), "single\n");
    if (tree === changed) writeFileSync(join(tree, "more"), "more\n");
    chmodSync(tree, 0o711);
    setAcl(Buffer.from(tree), "default");
    lsetxattr(tree, "user.note", Buffer.from("value"));
    lsetxattr(tree, "trusted.note", Buffer.from("value"));
    execFileSync("chown", ["7:8", tree]);
    utimesSync(tree, 1_500_000_000, 1_500_000_000);
  }
}

const inUse = "the mount .*on .*/mnt uses it";

export const writableCases: readonly WritableCase[] = [
  {
    title: "the upper directory of a mount is refused to a second one, under whatever name, and nothing is left",
    ofProgram: true,
    script: `
      mounted -p up "$IMAGE" mnt
      ln -s up link; mkdir bound; mount --bind . bound
      ls -A . up.work >before
      for name in up up/ link link/. ./other/../up bound/up; do
        refused '${inUse}' mounted -p "$name" "$IMAGE" other
      done
      # Before 6.13 the mount cannot be identified.
      for name in up.work up/below up.work/work; do
        refused 'mount .*uses it' mounted -p "$name" "$IMAGE" other
      done
      refused '${inUse}' mounted -p up "$CHANGED" other
      refused '${inUse}' puzzlefs mount --driver fuse -p up "$IMAGE" other
      refused 'uses it' unshare --mount sh -c 'umount mnt && puzzlefs mount --driver "$DRIVER" -p up "$IMAGE" other'
      ls -A . up.work >after; sed -i '/^messages$/d;/^before$/d;/^after$/d' before after; diff before after
      umount bound
      echo more >>mnt/file; cat mnt/second; umount mnt
      mounted -p link "$IMAGE" other; cat other/second; umount other`,
    output: "hello\nmore\nhello\nmore\n",
  },
  {
    title: "an upper directory that would be above, in or the same as another part of the mount is refused",
    ofProgram: true,
    script: `
      cp -a "$LAYOUT" layout; mkdir -p above/mnt above.work
      ls -AR >before
      for name in layout layout/up layout/blobs layout/blobs/sha256/up mnt mnt/up mnt/../mnt/up . ..; do
        refused 'cannot be an upper directory' mounted -p "$name" layout:v1 mnt
      done
      refused 'has the mount point inside' mounted -p above "$IMAGE" above/mnt
      refused 'cannot be an upper directory' mounted -p nowhere/up "$IMAGE" mnt
      rm messages; ls -AR >after; sed -i '/^before$/d;/^after$/d' before after; diff before after
      findmnt -rno TARGET mnt || true`,
    output: "",
  },
  {
    title: "a mount that fails leaves nothing that it made",
    ofProgram: true,
    script: `
      ls -A >before
      refused 'v9' mounted -p up "\${IMAGE%:*}:v9" mnt
      refused 'fs-verity\\|digest' mounted -d ${"0".repeat(64)} -p up "$IMAGE" mnt
      mkdir made; refused 'digest\\|fs-verity' mounted -d ${"0".repeat(64)} -p made "$IMAGE" mnt
      stat -c '%a %n' made; rmdir made
      rm messages; ls -A >after; sed -i '/^before$/d;/^after$/d' before after; diff before after`,
    output: "755 made\n",
  },
  {
    title: "the root directory has all attributes of the image's, and later those that users gave it",
    script: `
      puzzlefs dump "$IMAGE" | head -1 >image
      show() { puzzlefs dump --directory mnt | head -1; }
      same() { show >listing; diff image listing; }
      mounted -p up "$IMAGE" mnt; same; umount mnt
      mkdir empty; mounted -p empty "$IMAGE" mnt; same
      chmod 700 mnt; chown 9:9 mnt; touch -d @1400000000 mnt; show >changed; umount mnt
      mounted -p empty "$IMAGE" mnt; show >listing; diff changed listing; touch mnt/new; umount mnt
      mounted -p empty "$IMAGE" mnt; stat -c '%a %u:%g' mnt; umount mnt
      mounted -w "$IMAGE" mnt 2>messages; stat -c '%a %u:%g %Y' mnt; umount mnt`,
    output: "700 9:9\n711 7:8 1500000000\n",
  },
  {
    title: "hard links stay together: written, forgotten by the kernel, removed, mounted again",
    script: `
      for how in "-w" "-p up"; do
        mounted $how "$IMAGE" mnt 2>messages
        echo 1 >>mnt/second; evict; echo 2 >>mnt/directory/third; evict
        cat mnt/file mnt/single; echo 3 >>mnt/file; echo 3 >>mnt/single
        evict; cat mnt/single; echo 4 >>mnt/single; evict; links 3; echo 4 >>mnt/second; cat mnt/file
        [ "$how" = -w ] || break
        umount mnt
      done
      rm mnt/second mnt/directory/third; umount mnt
      for round in 1 2 3; do
        mounted -p up "$IMAGE" mnt; cat mnt/file >/dev/null; evict
        echo "round $round" >>mnt/file; echo "round $round" >>mnt/single; evict; ls mnt/file >/dev/null; umount mnt
      done
      mounted -p up "$IMAGE" mnt; tail -n 1 mnt/file mnt/single; links 1; umount mnt`,
    output:
      "hello\n1\n2\nsingle\nsingle\n3\nhello\n1\n2\n3\n4\n".repeat(2) +
      "==> mnt/file <==\nround 3\n\n==> mnt/single <==\nround 3\n",
  },
  {
    title: "a file that was changed by a name that is gone keeps its change under the others, mounted again too",
    script: `
      mounted -p up "$IMAGE" mnt; echo 1 >>mnt/second; rm mnt/second; cat mnt/file; umount mnt
      mounted -p up "$IMAGE" mnt; cat mnt/directory/third; links 2; umount mnt
      mounted -p up "$IMAGE" mnt; cat mnt/file; umount mnt`,
    output: "hello\n1\n".repeat(3),
  },
  {
    title: "another image under the same changes: with a warning, and not if hard links were changed",
    ofProgram: true,
    script: `
      mounted -p up "$IMAGE" mnt; echo 1 >>mnt/single; umount mnt
      mounted -p up "$CHANGED" mnt 2>messages; grep -c 'changes of another image' messages; cat mnt/single mnt/more; umount mnt
      mounted -p up "$IMAGE" mnt 2>messages; cat mnt/single; umount mnt
      mounted -p linked "$IMAGE" mnt; echo 1 >>mnt/second; umount mnt
      refused 'whose index .*/linked.work/index belongs to image [0-9a-f]*, mounted by --driver' mounted -p linked "$CHANGED" mnt
      cp -a linked copy; cp -a linked.work copy.work
      refused 'whose index .*/copy.work/index belongs to another directory' mounted -p copy "$IMAGE" mnt
      mounted -p linked "$IMAGE" mnt; cat mnt/file; umount mnt
      rm -r linked.work/index; mounted -p linked "$CHANGED" mnt 2>messages; cat mnt/second mnt/file; umount mnt`,
    output: "1\nsingle\n1\nmore\nsingle\n1\nhello\n1\nhello\n1\nhello\n",
  },
  {
    title: "another image after a file was removed: with a warning, for no hard link was changed",
    ofProgram: true,
    script: `
      mounted -p up "$IMAGE" mnt; rm mnt/single; umount mnt
      mounted -p up "$CHANGED" mnt 2>messages; grep -c 'changes of another image' messages; [ -e mnt/single ] || cat mnt/more; umount mnt`,
    output: "1\nmore\n",
  },
  {
    title: "flags that the kernel has are honoured, also over a writable mount; ro makes that read-only",
    script: `
      flags() { findmnt -rno VFS-OPTIONS mnt; umount mnt; }
      mounted -o nosymfollow,noexec,strictatime,nodiratime "$IMAGE" mnt; flags
      mounted -o 'suid,dev,silent,iversion,mand,lazytime,sync,_netdev,X-a,x-b=c,context="a:b,c",user,comment=d' "$IMAGE" mnt; flags
      mounted -w -o nosymfollow,noatime "$IMAGE" mnt 2>messages; ln -s file mnt/link; cat mnt/link 2>/dev/null || flags
      mounted -o ro -p up "$IMAGE" mnt; touch mnt/new 2>/dev/null || flags
      mounted -o ro,rw -p up "$IMAGE" mnt; touch mnt/new; umount mnt`,
    output:
      "ro,nosuid,nodev,noexec,nodiratime,nosymfollow\nro,relatime\nrw,nosuid,nodev,noatime,nosymfollow\nro,nosuid,nodev,relatime\n",
  },
  {
    title: "an upper directory is free as soon as its mount is gone",
    ofProgram: true,
    script: `
      for i in 1 2 3; do
        mounted -p up "$IMAGE" mnt; echo $i >>mnt/second; umount mnt
        mounted -p up "$IMAGE" other; echo $i >>other/file; puzzlefs umount other
      done
      mounted -p up "$IMAGE" mnt; wc -l <mnt/directory/third; umount mnt`,
    output: "7\n",
  },
];
