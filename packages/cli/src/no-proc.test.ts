import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { lsetxattr } from "@puzzlefs/linux";
import test from "ava";
import { withImage } from "./mount-fixture.ts";
import { TestDirectory } from "./program-fixture.ts";

/** Chroots and an initramfs may have no /proc. */
const withoutProc =
  process.geteuid?.() === 0 && spawnSync("unshare", ["--mount", "true"]).status === 0 ? test.serial : test.serial.skip;

withoutProc("without /proc a tree is built and extracted; what needs it is an error that names it", async (t) => {
  using directory = new TestDirectory();
  const hidden = (line: string): ReturnType<TestDirectory["shell"]> =>
    directory.shell(`unshare --mount bash -c "$(declare -f puzzlefs); mount -t tmpfs none /proc && ${line}"`);
  mkdirSync(directory.path("root/directory"), { recursive: true });
  writeFileSync(directory.path("root/directory/file"), "content\n");
  symlinkSync("directory", directory.path("root/link"));
  const { code, stderr } = await hidden("puzzlefs build root store:v1 && puzzlefs extract store:v1 copy");
  t.is(code, 0, stderr);
  t.is((await directory.shell("diff -r --no-dereference root copy")).stdout, "");

  lsetxattr(directory.path("root/directory/file"), "user.note", Buffer.from("x"));
  t.regex((await hidden("puzzlefs build root store:v2")).stderr, /root\/directory\/file: .*\/proc is not mounted/);
  // Of files that can be opened it is not needed.
  const restored = await directory.shell("puzzlefs build root store:v2");
  t.is(restored.code, 0, restored.stderr);
  const { code: second, stderr: message } = await hidden("puzzlefs extract store:v2 copy2");
  t.is(second, 0, message);
  lsetxattr(directory.path("root/link"), "trusted.note", Buffer.from("x"));
  await directory.shell("puzzlefs build root store:v3");
  t.regex((await hidden("puzzlefs extract store:v3 copy3")).stderr, /\/link: \/proc is not mounted/);
});

for (const options of ["", "-w", "-p up", "--supervise", "-o nosymfollow,verify=blob"]) {
  withoutProc(`without /proc an image is mounted by FUSE: ${options}`, async (t) => {
    using directory = await withImage(t);
    const line = `puzzlefs mount --driver fuse ${options} store:v1 mnt && cat mnt/file && puzzlefs umount mnt && ls mnt`;
    const { code, stdout, stderr } = await directory.shell(
      `unshare --mount bash -c "$(declare -f puzzlefs); mount -t tmpfs none /proc; ${line}"`,
    );
    t.deepEqual([code, stdout, stderr], [0, "content\n", ""]);
  });
}

withoutProc("without /proc a directory on which nothing is mounted is not unmounted", async (t) => {
  using directory = await withImage(t);
  const hidden = (line: string): ReturnType<TestDirectory["shell"]> =>
    directory.shell(`unshare --mount bash -c "$(declare -f puzzlefs); mount -t tmpfs none /proc && ${line}"`);
  t.regex((await hidden("puzzlefs umount mnt")).stderr, /mnt: no image is mounted there, or: \/proc is not mounted/);
  t.regex((await hidden("puzzlefs mount store:v1 nowhere")).stderr, /nowhere: no such directory/);
});
