/** fs-verity is a promise of the kernel: the answer of a FUSE server proves nothing. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { noise } from "@puzzlefs/testing";
import { mountTest, unmountLeftover } from "./mount-fixture.ts";
import { TestDirectory } from "./program-fixture.ts";

const server = fileURLToPath(new URL("forged-verity-fixture.ts", import.meta.url));

mountTest("a store on FUSE is not trusted, even if it returns the expected fs-verity digests", async (t) => {
  using directory = new TestDirectory();
  for (const name of ["root", "mnt", "store-mnt"]) mkdirSync(directory.path(name));
  const content = noise("content", 40_000);
  writeFileSync(directory.path("root/file"), content);
  const { manifest, manifestVerity } = JSON.parse((await directory.run("build", "--json", "root", "store:v1")).stdout);
  cpSync(directory.path("store"), directory.path("served"), { recursive: true });
  for (const name of readdirSync(directory.path("served/blobs/sha256"))) {
    const path = directory.path("served/blobs/sha256", name);
    if (statSync(path).size === content.length) writeFileSync(path, Buffer.alloc(content.length, "EVIL"));
  }
  const directories = [directory.path("store/blobs/sha256"), directory.path("served"), directory.path("store-mnt")];
  const child = spawn(process.execPath, [server, ...directories], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(child.stdout, "data");
    for (const argv of [
      ["mount", "--driver", "fuse", "--digest", manifestVerity],
      ["mount", "--driver", "fuse", "-o", `verity=${manifestVerity}`],
    ]) {
      const { code, stderr } = await directory.run(...argv, "store-mnt:v1", "mnt");
      t.is(code, 3, stderr);
      t.regex(stderr, new RegExp(`^puzzlefs: manifest sha256:${manifest} .*no fs-verity; .*--verify blob`));
    }
    const enabled = await directory.run("enable-fs-verity", "store-mnt:v1", manifestVerity);
    t.not(enabled.code, 0);
    t.regex(enabled.stderr, /no fs-verity there/);
    // The options that the message advises.
    const mounted = await directory.run(
      "mount",
      "--driver",
      "fuse",
      "--verify",
      "blob",
      `store-mnt:${manifest}`,
      "mnt",
    );
    t.is(mounted.code, 0, mounted.stderr);
    t.throws(() => readFileSync(directory.path("mnt/file")), { code: "EIO" });
    await directory.run("umount", "mnt");
  } finally {
    unmountLeftover(directory);
    await directory.shell("umount --quiet --lazy store-mnt");
    // Copies of the mount in other namespaces would keep it alive.
    if (child.kill()) await once(child, "exit");
  }
});
