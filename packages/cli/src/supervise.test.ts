/** `mount --supervise`: what the command adds to test/fuse-memory/supervision.test.ts. */
import { readFileSync, writeFileSync } from "node:fs";
import { eventually, running } from "@puzzlefs/testing";
import { mountTest, tidy, withImage } from "./mount-fixture.ts";
import type { Workplace } from "./program-fixture.ts";

/** Pids of what serves, or with "mount" supervises, the mounts of a workplace. */
function processes(place: Workplace, what: "mount" | "serve"): number[] {
  return running(`puzzlefs ${what} ${place.directory}/`).map(({ pid }) => pid);
}

const ended = (place: Workplace): Promise<boolean> =>
  eventually(() => processes(place, "mount").length + processes(place, "serve").length === 0);

mountTest("--supervise: after a death the same image goes on, though its tag has moved", async (t) => {
  using place = await withImage(t);
  try {
    t.deepEqual(await place.run("mount", "--driver=fuse", "--supervise", "--log-file", "log", "store:v1", "mnt"), {
      code: 0,
      stdout: "",
      stderr: "",
    });
    const [server] = processes(place, "serve");
    writeFileSync(place.path("root/another"), "other\n");
    t.is((await place.run("build", "root", "store:v1")).code, 0);
    process.kill(server, "SIGKILL");
    t.is((await place.shell("ls mnt; cat mnt/file")).stdout, "file\ncontent\n");
    t.notDeepEqual(processes(place, "serve"), [server]);
    t.regex(readFileSync(place.path("log"), "utf8"), /died: SIGKILL; another takes over/);
    t.is((await place.run("umount", "mnt")).code, 0);
    t.true(await ended(place));
    t.is((await place.run("mount", "--driver=fuse", "--supervise", "store:v9", "mnt")).code, 1);
  } finally {
    tidy(place);
  }
});

mountTest("--supervise under a writable overlay, by mount options", async (t) => {
  using place = await withImage(t);
  try {
    const mounted = await place.run("mount", "-o", "driver=fuse,supervise,writable", "store:v1", "mnt");
    t.deepEqual(mounted, { code: 0, stdout: "", stderr: "" });
    process.kill(processes(place, "serve")[0], "SIGKILL");
    t.is((await place.shell("echo more >> mnt/file; cat mnt/file; rm mnt/file; ls mnt")).stdout, "content\nmore\n");
    process.kill(processes(place, "mount")[0], "SIGTERM");
    t.true(await ended(place));
    t.is((await place.shell("ls mnt")).stdout, "");
  } finally {
    tidy(place);
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
    using place = await withImage(t);
    try {
      t.is((await place.shell(`mkdir around && mv store around && ${mount}`)).code, 0);
      const at = /(around\/store|bound|around)$/.exec(mount)?.[0] ?? "";
      for (let round = 0; round < 2; round++) {
        const [server] = processes(place, "serve");
        process.kill(server, "SIGKILL");
        const evict = "echo 3 >/proc/sys/vm/drop_caches";
        t.deepEqual((await place.shell(`${evict}; timeout 60 cat ${at}/file`)).stdout, "content\n");
        t.false(processes(place, "serve").includes(server));
      }
      t.is((await place.run("umount", at)).code, 0);
      t.true(await ended(place));
    } finally {
      await place.shell("umount -l around/store bound around; umount -l bound");
      tidy(place);
    }
  });
}
