import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { llistxattr } from "@puzzlefs/linux";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import type { ExtractResult } from "./extract.ts";
import { dir, file, ImageFixture, inode, run, symlink } from "./image-fixture.ts";

const isRoot = process.geteuid?.() === 0;
const nobody = 65534;
const xattr = (key: string, val: string): { key: Uint8Array; val: Uint8Array } => ({
  key: Buffer.from(key),
  val: Buffer.from(val, "latin1"),
});

function makeImage(): ImageFixture {
  const image = new ImageFixture();
  const digest = image.chunk(Buffer.from("content"));
  const capability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
  const additional = {
    xattrs: [xattr("security.capability", capability), xattr("trusted.t", "t"), xattr("user.u", "u")],
  };
  const inodes = [
    dir(1, { chr: 2, "set-id": 3, readonly: 4, link: 5, fifo: 6, sub: 7, sock: 9 }, { uid: 5 }),
    inode(2, { kind: "chr", chr: { major: 1, minor: 3 } }),
    file(3, [run(digest, 0, 7)], { permissions: 0o4755, additional }),
    file(4, [run(digest, 0, 7)], {
      permissions: 0o444,
      uid: nobody,
      gid: nobody,
      additional: { xattrs: [xattr("user.u", "u")] },
    }),
    symlink(5, "set-id"),
    inode(6, { kind: "fifo" }),
    dir(
      7,
      { again: 3, inside: 8 },
      {
        permissions: 0o500,
        mtimeSeconds: 1234567890,
        mtimeNanoseconds: 5,
        additional: { xattrs: [xattr("trusted.overlay.opaque", "y"), xattr("user.overlay.origin", "o")] },
      },
    ),
    file(8, []),
    inode(9, { kind: "sock" }),
  ];
  image.image("v1", { metadatas: [{ inodes }] });
  return image;
}

/** Node and the sources may be in root's home, which other users cannot read. */
function canBeNobody(): boolean {
  const probe = ["--input-type=module", "-e", `await import(${JSON.stringify(import.meta.resolve("@puzzlefs/oci"))})`];
  return isRoot && spawnSync(process.execPath, probe, { uid: nobody, gid: nobody, cwd: "/" }).status === 0;
}

(canBeNobody() ? test : test.skip)("an ordinary user gets what he may have, and a summary of the rest", (t) => {
  const image = makeImage();
  const parent = temporaryDirectory();
  chmodSync(image.directory, 0o755);
  chmodSync(parent, 0o777);
  const target = join(parent, "target");
  const script = `
    const { Layout } = await import(${JSON.stringify(import.meta.resolve("@puzzlefs/oci"))});
    const { extract, openImage } = await import(${JSON.stringify(new URL("index.ts", import.meta.url))});
    const tree = openImage(Layout.open(${JSON.stringify(image.directory)}), "v1");
    console.log(JSON.stringify(extract(tree, ${JSON.stringify(target)})));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    uid: nobody,
    gid: nobody,
    cwd: "/",
  });
  const { warnings, inodes } = JSON.parse(output) as ExtractResult;
  t.deepEqual(Object.fromEntries(warnings.map(({ what, count }) => [what, count])), {
    chr: 1,
    "overlay attribute": 1,
    owner: 7,
    "security attribute": 1,
    "set-id bits": 1,
    "trusted attribute": 1,
  });
  t.deepEqual(warnings.find(({ what }) => what === "chr")?.examples, ["/chr"]);
  t.is(inodes, 8);
  t.deepEqual(warnings.find(({ what }) => what === "overlay attribute")?.examples, ["/sub"]);
  t.deepEqual(llistxattr(join(target, "sub")), []);
  t.is(statSync(join(target, "set-id")).mode & 0o7777, 0o755);
  t.is(statSync(join(target, "set-id")).nlink, 2);
  t.is(statSync(join(target, "readonly")).mode & 0o7777, 0o444);
  t.is(statSync(join(target, "sub"), { bigint: true }).mtimeNs, 1234567890000000005n);
  image.remove();
});
