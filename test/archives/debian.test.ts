/** A Debian root with layers of umoci and of others: `convert` makes what `umoci unpack` does. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { lsetxattr } from "@puzzlefs/linux";
import { noise } from "@puzzlefs/testing";
import test from "ava";
import { assertSameText, dumpDirectory, dumpImage } from "../support/compare.ts";
import { withMount } from "../support/images.ts";
import { debianRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { setCapability } from "../support/trees/attributes.ts";
import { archive, dir, file, hardLink, whiteout } from "./member.ts";
import { runUmoci, umociObstacle, unpack } from "./umoci.ts";

const scratch = new Scratch();
const obstacle =
  umociObstacle() ||
  missing(debianRoot, "rsync", "mtree", "tar")
    .map((name) => `needs ${name}`)
    .join();
const withUmoci = obstacle === "" ? test.serial : test.serial.skip;
const layout = scratch.fresh("archives");
const store = scratch.fresh("store");
let unpacked = "";
test.after.always(() => scratch.remove());

/** Changes a tree and adds the difference as a layer. */
function addLayer(from: string, to: string, change: (at: (name: string) => string) => void): void {
  const bundle = scratch.fresh("bundle");
  const root = unpack(layout, from, bundle);
  change((name) => join(root, name));
  runUmoci("repack", "--image", `${layout}:${to}`, bundle);
  run("rm", ["-rf", bundle]);
}

/** Adds a layer that is an archive. */
function addArchive(tag: string, bytes: Uint8Array): void {
  const path = scratch.fresh("layer");
  writeFileSync(path, bytes);
  runUmoci("raw", "add-layer", "--image", `${layout}:${tag}`, path);
}

function secondLayer(at: (name: string) => string): void {
  rmSync(at("usr/share/doc"), { recursive: true, force: true });
  rmSync(at("etc/debian_version"));
  // A directory becomes a file, and a file a directory.
  rmSync(at("etc/apt"), { recursive: true });
  writeFileSync(at("etc/apt"), "a file now");
  rmSync(at("etc/issue.net"));
  mkdirSync(at("etc/issue.net"));
  writeFileSync(at("etc/issue.net/inside"), "1");
  renameSync(at("usr/bin/env"), at("usr/bin/renamed"));
  symlinkSync("renamed", at("usr/bin/env"));
  appendFileSync(at("etc/group"), "added:x:1000:\n");
  writeFileSync(at("opt/linked"), noise("linked", 100_000));
  linkSync(at("opt/linked"), at("usr/linked-too"));
  linkSync(at("usr/bin/bash"), at("opt/bash"));
  setCapability(Buffer.from(at("usr/bin/renamed")));
  lsetxattr(at("opt/linked"), "user.binary", Buffer.from([0, 255, 10]));
  lsetxattr(at("opt"), "trusted.directory", Buffer.from("d"));
  chmodSync(at("srv"), 0o2750);
  lutimesSync(at("opt/linked"), 1, 1234567890.25);
  const long = "long-name-".repeat(20);
  mkdirSync(at(`opt/${long}`));
  writeFileSync(at(`opt/${long}/${long}`), "long below long");
  writeFileSync(Buffer.concat([Buffer.from(at("opt/")), Buffer.from([0xff, 0xfe])]), "not UTF-8");
}

function thirdLayer(at: (name: string) => string): void {
  linkSync(at("opt/linked"), at("srv/third name"));
  rmSync(at("usr/linked-too"));
  writeFileSync(at("usr/linked-too"), "a file of its own");
  rmSync(at("etc/issue.net"), { recursive: true });
  execFileSync("mkfifo", [at("srv/fifo")]);
  execFileSync("mknod", [at("srv/device"), "b", "7", "300"]);
  chmodSync(at("opt"), 0o700);
}

withUmoci(`layers of umoci, GNU tar and by hand are stored${obstacle && ` (${obstacle})`}`, (t) => {
  runUmoci("init", "--layout", layout);
  runUmoci("new", "--image", `${layout}:v0`);
  runUmoci("insert", "--image", `${layout}:v0`, debianRoot, "/");
  addLayer("v0", "v1", secondLayer);
  addLayer("v1", "image", thirdLayer);
  const sparse = scratch.directory("sparse");
  mkdirSync(join(sparse, "srv"));
  writeFileSync(join(sparse, "srv/sparse"), "begin");
  truncateSync(join(sparse, "srv/sparse"), 5_000_000);
  appendFileSync(join(sparse, "srv/sparse"), "end");
  const path = scratch.fresh("sparse");
  run("tar", ["--format=posix", "-S", "--numeric-owner", "-C", sparse, "-cf", path, "srv/sparse"]);
  addArchive("image", readFileSync(path));
  const opaque = [
    dir("usr/share/man", { mode: 0o750, mtime: 3 }),
    whiteout("usr/share/man/.wh..wh..opq"),
    file("usr/share/man/only", "1"),
    hardLink("usr/share/man/release", "usr/lib/os-release"),
    // Through a symbolic link of the first layer.
    file("lib/through-a-link", "2"),
    whiteout("var/lib/.wh.dpkg"),
  ];
  addArchive("image", archive(...opaque));
  const settings = {
    "config.entrypoint": "/bin/cat",
    "config.cmd": "/etc/issue",
    "config.env": "A=b",
    "config.user": "1000:1000",
    "config.label": "org.example.title=Debian",
    "config.workingdir": "/srv",
    created: "2024-01-02T03:04:05Z",
    author: "someone",
    "manifest.annotation": "org.example.note=kept",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  runUmoci("config", "--image", `${layout}:image`, ...options);
  unpacked = unpack(layout, "image", scratch.fresh("bundle"));
  t.pass();
});

withUmoci("the image shows the tree that umoci unpacks, mounted and extracted, and is the same each time", (t) => {
  const printed = JSON.parse(run(puzzlefs, ["convert", "--json", "-c", `${layout}:image`, `${store}:v1`])) as {
    manifest: string;
    layers: unknown[];
    omissions: unknown[];
  };
  t.is(printed.layers.length, 5);
  t.deepEqual(printed.omissions, []);
  const expected = dumpDirectory(unpacked);
  assertSameText(t, dumpImage(`${store}:v1`), expected, "the image");
  const mountpoint = scratch.directory("mnt");
  const seen = withMount(`${store}:v1`, mountpoint, () => dumpDirectory(mountpoint));
  assertSameText(t, seen, expected, "the mount");
  t.regex(run(puzzlefs, ["verify", store]), /: good\n$/);

  const again = scratch.fresh("again");
  const second = JSON.parse(
    run(puzzlefs, ["convert", "--json", "-c", `${layout}:image`, `${again}:x`]),
  ) as typeof printed;
  t.is(second.manifest, printed.manifest);

  const extracted = scratch.fresh("extracted");
  run(puzzlefs, ["extract", `${store}:v1`, extracted]);
  const rsync = run("rsync", ["-aHAXnci", "--delete", "--numeric-ids", `${unpacked}/`, `${extracted}/`]);
  t.is(rsync, "");
  const keys = "type,mode,uid,gid,size,link,sha256,nlink,time";
  const mtree = (path: string): string => run("mtree", ["-c", "-k", keys, "-p", path]).replace(/^#.*\n/gm, "");
  assertSameText(t, mtree(extracted), mtree(unpacked), "mtree");
});

withUmoci("configuration and annotations are kept", (t) => {
  const { config, manifest } = JSON.parse(run(puzzlefs, ["inspect", "--json", `${store}:v1`]));
  const { content } = config;
  t.like(content.config, {
    Entrypoint: ["/bin/cat"],
    Cmd: ["/etc/issue"],
    Env: ["A=b"],
    User: "1000:1000",
    WorkingDir: "/srv",
    Labels: { "org.example.title": "Debian" },
  });
  t.is(content.created, "2024-01-02T03:04:05Z");
  t.is(content.author, "someone");
  t.deepEqual(content.rootfs, { type: "layers", diff_ids: [] });
  t.is(content.history, undefined);
  const digest = String(manifest.digest ?? manifest).replace("sha256:", "");
  const stored = JSON.parse(readFileSync(join(store, "blobs/sha256", digest), "utf8"));
  t.is(stored.annotations["org.example.note"], "kept");
});
