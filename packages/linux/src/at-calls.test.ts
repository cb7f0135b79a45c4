import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import test from "ava";
import * as at from "./at-calls.ts";
import { close } from "./descriptors.ts";
import { makedev } from "./devices.ts";
import { directory, fresh, odd, root } from "./directory-fixture.ts";
import { SystemError } from "./library.ts";
import { AT_REMOVEDIR } from "./open-flags.ts";
import { descriptorPath } from "./paths.ts";
import { futimens, utimensat } from "./times.ts";

test("mknodat makes devices and fifos, as stat sees them", (t) => {
  const { fd, path } = fresh();
  at.mknodat(fd, odd, constants.S_IFIFO | 0o640);
  t.true(lstatSync(descriptorPath(fd, odd)).isFIFO());
  if (!root) return;
  for (const [kind, name] of [
    [constants.S_IFCHR, "c"],
    [constants.S_IFBLK, "b"],
  ] as const) {
    at.mknodat(fd, name, kind | 0o600, makedev(4095, 1048575));
    t.is(lstatSync(join(path, name)).rdev, 0xffffffff);
    t.is(execFileSync("stat", ["-c", "%Hr:%Lr", join(path, name)], { encoding: "utf8" }).trim(), "4095:1048575");
  }
});

test("calls relative to a directory make, link, rename and remove", (t) => {
  const { fd, path, child } = fresh();
  at.mkdirat(fd, odd, 0o700);
  const below = at.openat(fd, odd, constants.O_RDONLY | constants.O_DIRECTORY);
  const file = at.openat(below, "f", constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  writeSync(file, "content");
  close(file);
  at.symlinkat("../elsewhere", fd, "s");
  t.is(readlinkSync(join(path, "s")), "../elsewhere");
  at.linkat(below, "f", fd, "hard");
  at.linkat(fd, "s", fd, "s2");
  t.is(lstatSync(join(path, "hard")).nlink, 2);
  t.true(lstatSync(join(path, "s2")).isSymbolicLink(), "a symlink is linked, not followed");
  writeFileSync(join(path, "other"), "other");
  t.is(
    t.throws(() => at.renameat2(fd, "other", fd, "hard", at.RENAME_NOREPLACE), { instanceOf: SystemError })?.code,
    "EEXIST",
  );
  at.renameat2(fd, "other", fd, "hard", at.RENAME_EXCHANGE);
  t.is(readFileSync(join(path, "hard"), "utf8"), "other");
  for (const name of ["other", "hard", "s", "s2"]) at.unlinkat(fd, name);
  at.unlinkat(below, "f");
  close(below);
  at.unlinkat(fd, odd, AT_REMOVEDIR);
  t.deepEqual(readdirSync(child("")), []);
});

test("modes, owners and times: set exactly, symlinks are not followed", (t) => {
  const { fd, path, child } = fresh();
  writeFileSync(child(odd), "", { mode: 0o600 });
  symlinkSync(odd, join(path, "link"));
  at.fchmodat(fd, odd, 0o6751);
  t.is(lstatSync(child(odd)).mode & 0o7777, 0o6751);
  t.is(t.throws(() => at.fchmodat(fd, "link", 0o777), { instanceOf: SystemError })?.code, "ENOTSUP");

  const times = [
    { seconds: -5, nanoseconds: 999_999_999 },
    { seconds: 0, nanoseconds: 0 },
    { seconds: 4_000_000_000, nanoseconds: 1 },
  ];
  for (const time of times)
    for (const name of [odd, "link"]) {
      const before = lstatSync(descriptorPath(fd, Buffer.from(name)), { bigint: true });
      utimensat(fd, name, time);
      const after = lstatSync(descriptorPath(fd, Buffer.from(name)), { bigint: true });
      t.is(after.mtimeNs, BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanoseconds));
      t.is(after.atimeNs, before.atimeNs);
    }
  const file = openSync(child(odd), "r");
  futimens(file, undefined, { seconds: 7, nanoseconds: 8 });
  closeSync(file);
  t.is(lstatSync(child(odd), { bigint: true }).atimeNs, 7_000_000_008n);

  if (!root) return;
  const [uid, gid] = [4294967294, 2147483648];
  at.lchown(join(path, "link"), uid, gid);
  t.like(lstatSync(join(path, "link")), { uid, gid });
  t.is(lstatSync(child(odd)).uid, 0);
});

test("nothing leads out of a directory", (t) => {
  const { fd, path } = fresh();
  mkdirSync(join(path, "a/b"), { recursive: true });
  writeFileSync(join(path, "a/b/f"), "inside");
  writeFileSync(join(directory, "outside"), "outside");
  symlinkSync("..", join(path, "up"));
  symlinkSync("b", join(path, "a/link"));
  symlinkSync("../outside", join(path, "file"));
  for (const open of [at.openBeneath, at.walkBeneath]) {
    const inside = open(fd, "a/b/f", constants.O_RDONLY, 0);
    t.is(readFileSync(inside, "utf8"), "inside");
    close(inside);
    for (const bad of ["../outside", "/etc/passwd", "up/outside", "file", "a/link/f", "a/b/../../../outside"]) {
      const error = t.throws(() => open(fd, bad, constants.O_RDONLY, 0), { instanceOf: SystemError }, bad);
      t.true(["EXDEV", "ELOOP", "ENOTDIR"].includes(error?.code ?? ""), `${bad}: ${error?.message}`);
    }
    t.is(t.throws(() => open(fd, "a/none", constants.O_RDONLY, 0), { instanceOf: SystemError })?.code, "ENOENT");
  }
  t.is(t.throws(() => at.openat(fd, "file", constants.O_RDONLY), { instanceOf: SystemError })?.code, "ELOOP");
});
