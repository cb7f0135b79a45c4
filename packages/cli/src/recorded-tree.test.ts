/** FUSE mounts of images that record their tree: what is wrong is found when it is used. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { encodeRootfs, ROOTFS_TYPE, type InodeValue } from "@puzzlefs/format";
import { EMPTY_CONFIG, MANIFEST_TYPE } from "@puzzlefs/oci";
import { mountTest, unmountLeftover } from "./mount-fixture.ts";
import { TestDirectory } from "./program-fixture.ts";

const inode = (ino: number, mode: InodeValue["mode"], permissions = 0o755): InodeValue => ({
  ino,
  mode,
  uid: 0,
  gid: 0,
  permissions,
});

function directory(ino: number, parent: number, links: number, entries: Record<string, number>): InodeValue {
  const named = Object.entries(entries).map(([name, target]) => ({ ino: target, name: Buffer.from(name) }));
  return inode(ino, { kind: "dir", dir: { entries: named, links, parent } });
}

/** A layout `store` with an image of these inodes under the tag v1, whose digests are right. */
function layoutOf(test: TestDirectory, inodes: InodeValue[]): void {
  mkdirSync(test.path("store/blobs/sha256"), { recursive: true });
  const put = (bytes: Uint8Array): { digest: string; size: number } => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(test.path("store/blobs/sha256", hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const totals = { inodes: inodes.length, contentBytes: 0, traits: 0 };
  const metadata = put(encodeRootfs({ metadatas: [{ inodes }], manifestVersion: 3, ...totals }));
  put(Buffer.from("{}"));
  const layers = [{ mediaType: ROOTFS_TYPE, ...metadata }];
  const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config: EMPTY_CONFIG, layers };
  const stored = put(Buffer.from(JSON.stringify(manifest)));
  const annotations = { "org.opencontainers.image.ref.name": "v1" };
  const entry = { mediaType: MANIFEST_TYPE, ...stored, annotations };
  writeFileSync(test.path("store/index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(test.path("store/oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

mountTest("an inode that breaks a rule is an I/O error, logged by name; all others can be used", async (t) => {
  using test = new TestDirectory();
  layoutOf(test, [
    directory(1, 1, 4, { bad: 3, good: 2, loop: 4, strange: 5 }),
    inode(2, { kind: "fifo" }),
    inode(3, { kind: "fifo" }, 0o10000),
    directory(4, 1, 2, { loop: 4 }),
    inode(5, { kind: "unknown" }),
  ]);
  mkdirSync(test.path("mnt"));
  t.teardown(() => unmountLeftover(test));
  const { code, stderr } = await test.run("mount", "--driver", "fuse", "--log-file", "log", "store:v1", "mnt");
  t.is(code, 0, stderr);
  t.deepEqual(readdirSync(test.path("mnt")), ["bad", "good", "loop", "strange"]);
  t.is(statSync(test.path("mnt/good")).mode & 0o7777, 0o755);
  t.true(statSync(test.path("mnt/loop")).isDirectory());
  for (const path of ["bad", "strange", "loop/loop"]) {
    t.throws(() => statSync(test.path("mnt", path)), { code: "EIO" }, path);
  }
  const log = readFileSync(test.path("log"), "utf8");
  t.regex(log, /corrupt image: permissions-range \(metadata blob sha256:[0-9a-f]{64}, inode 3, offset \d+\)/);
  t.regex(log, /unsupported image: inode-kind \(.*inode 5/);
  t.regex(log, /corrupt image: recorded-parent \(.*inode 4/);
  t.is((await test.run("umount", "mnt")).code, 0);
  const verified = await test.run("verify", "store:v1");
  t.is(verified.code, 3);
});
