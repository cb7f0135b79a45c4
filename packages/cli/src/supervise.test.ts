/** `mount --supervise`: what the command adds to test/fuse-memory/supervision.test.ts. */
import { readFileSync, writeFileSync } from "node:fs";
import { eventually, running } from "@puzzlefs/testing";
import { mountTest, unmountLeftover, withImage } from "./mount-fixture.ts";
import type { TestDirectory } from "./program-fixture.ts";

/** Pids of what serves, or with "mount" supervises, the mounts of a test directory. */
function processes(directory: TestDirectory, what: "mount" | "serve"): number[] {
  return running(`puzzlefs ${what} ${directory.root}/`).map(({ pid }) => pid);
}

const ended = (directory: TestDirectory): Promise<boolean> =>
  eventually(() => processes(directory, "mount").length + processes(directory, "serve").length === 0);

mountTest("--supervise: a successor serves the same image, although its tag has moved", async (t) => {
  using directory = await withImage(t);
  try {
    t.deepEqual(await directory.run("mount", "--driver=fuse", "--supervise", "--log-file", "log", "store:v1", "mnt"), {
      code: 0,
      stdout: "",
      stderr: "",
    });
    const [server] = processes(directory, "serve");
    writeFileSync(directory.path("root/another"), "other\n");
    t.is((await directory.run("build", "root", "store:v1")).code, 0);
    process.kill(server, "SIGKILL");
    t.is((await directory.shell("ls mnt; cat mnt/file")).stdout, "file\ncontent\n");
    t.notDeepEqual(processes(directory, "serve"), [server]);
    t.regex(readFileSync(directory.path("log"), "utf8"), /died: SIGKILL; another takes over/);
    t.is((await directory.run("umount", "mnt")).code, 0);
    t.true(await ended(directory));
    t.is((await directory.run("mount", "--driver=fuse", "--supervise", "store:v9", "mnt")).code, 1);
  } finally {
    unmountLeftover(directory);
  }
});

mountTest("--supervise under a writable overlay, by mount options", async (t) => {
  using directory = await withImage(t);
  try {
    const mounted = await directory.run("mount", "-o", "driver=fuse,supervise,writable", "store:v1", "mnt");
    t.deepEqual(mounted, { code: 0, stdout: "", stderr: "" });
    process.kill(processes(directory, "serve")[0], "SIGKILL");
    t.is((await directory.shell("echo more >> mnt/file; cat mnt/file; rm mnt/file; ls mnt")).stdout, "content\nmore\n");
    process.kill(processes(directory, "mount")[0], "SIGTERM");
    t.true(await ended(directory));
    t.is((await directory.shell("ls mnt")).stdout, "");
  } finally {
    unmountLeftover(directory);
  }
});

for (const [where, mount] of [
  ["the directory of its store", "puzzlefs mount --driver=fuse --supervise around/store:v1 around"],
  ["its store itself", "puzzlefs mount --driver=fuse --supervise around/store:v1 around/store"],
  [
    "a bind mount of its store",
    "mkdir bound && mount --bind around bound && puzzlefs mount --driver=fuse --supervise bound/store:v1 bound",
  ],
  ["its store, writable", "puzzlefs mount --driver=fuse --supervise -w around/store:v1 around"],
  ["its store, persistent", "puzzlefs mount --driver=fuse --supervise -p up around/store:v1 around"],
] as const) {
  mountTest(`--supervise over ${where}: a successor reads by its supervisor's descriptors`, async (t) => {
    using directory = await withImage(t);
    try {
      t.is((await directory.shell(`mkdir around && mv store around && ${mount}`)).code, 0);
      const at = /(around\/store|bound|around)$/.exec(mount)?.[0] ?? "";
      for (let round = 0; round < 2; round++) {
        const [server] = processes(directory, "serve");
        process.kill(server, "SIGKILL");
        const evict = "echo 3 >/proc/sys/vm/drop_caches";
        t.deepEqual((await directory.shell(`${evict}; timeout 60 cat ${at}/file`)).stdout, "content\n");
        t.false(processes(directory, "serve").includes(server));
      }
      t.is((await directory.run("umount", at)).code, 0);
      t.true(await ended(directory));
    } finally {
      await directory.shell("umount -l around/store bound around; umount -l bound");
      unmountLeftover(directory);
    }
  });
}
