/** fs-verity is a promise of the kernel's: what the server of a FUSE file system answers proves nothing. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { noise } from "@puzzlefs/testing";
import { mountTest, tidy } from "./mount-fixture.ts";
import { Workplace } from "./program-fixture.ts";

const server = fileURLToPath(new URL("forged-verity-fixture.ts", import.meta.url));

mountTest("a store on FUSE that answers with the right fs-verity digests is not believed", async (t) => {
  using place = new Workplace();
  for (const name of ["root", "mnt", "store-mnt"]) mkdirSync(place.path(name));
  const content = noise("content", 40_000);
  writeFileSync(place.path("root/file"), content);
  const { manifest, manifestVerity } = JSON.parse((await place.run("build", "--json", "root", "store:v1")).stdout);
  cpSync(place.path("store"), place.path("served"), { recursive: true });
  for (const name of readdirSync(place.path("served/blobs/sha256"))) {
    const path = place.path("served/blobs/sha256", name);
    if (statSync(path).size === content.length) writeFileSync(path, Buffer.alloc(content.length, "EVIL"));
  }
  const directories = [place.path("store/blobs/sha256"), place.path("served"), place.path("store-mnt")];
  const child = spawn(process.execPath, [server, ...directories], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(child.stdout, "data");
    for (const argv of [
      ["mount", "--driver", "fuse", "--digest", manifestVerity],
      ["mount", "--driver", "fuse", "-o", `verity=${manifestVerity}`],
    ]) {
      const { code, stderr } = await place.run(...argv, "store-mnt:v1", "mnt");
      t.is(code, 3, stderr);
      t.regex(stderr, new RegExp(`^puzzlefs: manifest sha256:${manifest} .*no fs-verity; .*--verify blob`));
    }
    const enabled = await place.run("enable-fs-verity", "store-mnt:v1", manifestVerity);
    t.not(enabled.code, 0);
    t.regex(enabled.stderr, /no fs-verity there/);
    // What the message advises.
    const mounted = await place.run("mount", "--driver", "fuse", "--verify", "blob", `store-mnt:${manifest}`, "mnt");
    t.is(mounted.code, 0, mounted.stderr);
    t.throws(() => readFileSync(place.path("mnt/file")), { code: "EIO" });
    await place.run("umount", "mnt");
  } finally {
    tidy(place);
    await place.shell("umount --quiet --lazy store-mnt");
    // Copies of the mount in other namespaces would keep it alive.
    if (child.kill()) await once(child, "exit");
  }
});
