/** An image of three layers that buildah made of a Debian root: `convert` makes the tree that umoci unpacks, and `export` gives it back. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { assertSameText, dumpDirectory, dumpImage } from "../support/compare.ts";
import { withMount } from "../support/images.ts";
import { cache, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { installedLayer, obstacle, runOnMachine } from "../recipes/machine.ts";
import { unpack } from "./umoci.ts";

const scratch = new Scratch();
const lacks =
  obstacle() ||
  missing(join(cache, "trees/recipes/root/usr/bin/buildah"), "bsdtar", "mtree")
    .map((name) => `needs ${name}`)
    .join();
const withBuildah = lacks === "" ? test.serial : test.serial.skip;
test.after.always(() => scratch.remove());

/** Each layer is what changed in a mount of the one before. */
const script = `
set -eu
# buildah looks for the program of networks, which is not called.
mkdir -p /usr/libexec/podman
ln -s /bin/true /usr/libexec/podman/netavark
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=overlay
begin() { base=$(buildah from "$1"); root=$(buildah mount "$base"); }
finish() { buildah umount "$base" > /dev/null; buildah commit --quiet "$base" "$1" > /dev/null; }
begin scratch
cp -a rootfs/. "$root"
buildah config --entrypoint '["/bin/cat"]' --cmd /etc/issue --env A=b --user 1000:1000 --workingdir /srv "$base"
buildah config --label org.example.title=Debian "$base"
finish one
begin one
rm -r "$root/usr/share/doc" "$root/etc/apt" "$root/etc/debian_version" "$root/etc/issue.net"
echo a file now > "$root/etc/apt"
mkdir "$root/etc/issue.net"
mv "$root/usr/bin/env" "$root/usr/bin/renamed"
ln -s renamed "$root/usr/bin/env"
ln "$root/usr/bin/bash" "$root/opt/bash"
head -c 100000 /dev/zero | tr '\\0' x > "$root/opt/linked"
ln "$root/opt/linked" "$root/usr/linked-too"
setfattr -n user.binary -v 0x00ff0a "$root/opt/linked"
setcap cap_net_raw+ep "$root/usr/bin/renamed"
touch -d '2009-02-13 23:31:30.25' "$root/opt/linked"
chmod 2750 "$root/srv"
finish two
begin two
ln "$root/opt/linked" "$root/srv/third name"
rm "$root/usr/linked-too"
rm -r "$root/usr/share/man"
mkdir "$root/usr/share/man"
echo 1 > "$root/usr/share/man/only"
mkfifo "$root/srv/fifo"
mknod "$root/srv/device" b 7 300
truncate -s 5000000 "$root/srv/sparse"
echo end >> "$root/srv/sparse"
chmod 700 "$root/opt"
finish three
buildah push --quiet three oci:archives:image`;

withBuildah(`an image of buildah${lacks && ` (${lacks})`}`, async (t) => {
  const machine = scratch.fresh("machine");
  const made = await runOnMachine(machine, installedLayer(scratch), script);
  t.is(made.status, 0, made.stdout + made.stderr);
  const layout = join(machine, "srv/archives");
  const unpacked = unpack(layout, "image", scratch.fresh("bundle"));
  const expected = dumpDirectory(unpacked);
  const store = scratch.fresh("store");
  for (const [tag, ...options] of [["loose"], ["packed", "--packed"]]) {
    const image = `${store}:${tag}`;
    const printed = JSON.parse(run(puzzlefs, ["convert", "--json", "-c", ...options, `${layout}:image`, image]));
    t.is(printed.layers.length, 3);
    assertSameText(t, dumpImage(image), expected, `${tag} image`);
    const mountpoint = scratch.directory("mnt");
    const seen = withMount(image, mountpoint, () => dumpDirectory(mountpoint));
    assertSameText(t, seen, expected, `${tag} mount`);
  }
  t.regex(run(puzzlefs, ["verify", store]), /: good\n$/);
  const { config } = JSON.parse(run(puzzlefs, ["inspect", "--json", `${store}:packed`]));
  t.like(config.content.config, {
    Entrypoint: ["/bin/cat"],
    Cmd: ["/etc/issue"],
    User: "1000:1000",
    WorkingDir: "/srv",
    Labels: { "org.example.title": "Debian" },
  });
  t.true(config.content.config.Env.includes("A=b"));

  const keys = "type,mode,uid,gid,size,link,sha256,nlink,time";
  const mtree = (path: string): string => run("mtree", ["-c", "-k", keys, "-p", path]).replace(/^#.*\n/gm, "");
  const extracted = scratch.fresh("extracted");
  run(puzzlefs, ["extract", `${store}:packed`, extracted]);
  assertSameText(t, mtree(extracted), mtree(unpacked), "mtree of the extracted tree");
  const [first, second] = ["loose", "packed"].map((tag) => {
    const path = scratch.fresh("archive");
    run(puzzlefs, ["export", `${store}:${tag}`, path]);
    return path;
  }) as [string, string];
  t.true(readFileSync(first).equals(readFileSync(second)), "two exports are equal");
  const back = scratch.directory("back");
  run("bsdtar", ["-xpf", first, "--numeric-owner", "--xattrs", "-C", back]);
  // Of the directory that it extracts into, bsdtar never sets the time.
  run("touch", ["-r", unpacked, back]);
  assertSameText(t, dumpDirectory(back), expected, "export, bsdtar");
});
