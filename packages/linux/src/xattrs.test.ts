import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { fresh, odd, root } from "./directory-fixture.ts";
import { SystemError } from "./library.ts";
import { descriptorPath } from "./paths.ts";
import { lgetxattr, llistxattr, lremovexattr, lsetxattr } from "./xattrs.ts";

test("xattrs: names and values are bytes, on files, directories and through descriptorPath", (t) => {
  const { fd, child } = fresh();
  writeFileSync(child(odd), "");
  const path = child(odd);
  t.deepEqual(llistxattr(path), []);
  const name = Buffer.concat([Buffer.from("user."), odd]);
  const value = Buffer.from([0, 1, 0xff, 0]);
  lsetxattr(path, name, value);
  lsetxattr(descriptorPath(fd, odd), "user.empty", Buffer.alloc(0));
  t.deepEqual(
    llistxattr(path).toSorted((a, b) => Buffer.compare(a, b)),
    [name, Buffer.from("user.empty")].toSorted((a, b) => Buffer.compare(a, b)),
  );
  t.deepEqual(lgetxattr(path, name), value);
  t.deepEqual(lgetxattr(path, "user.empty"), Buffer.alloc(0));
  t.is(lgetxattr(path, "user.none"), undefined);
  lremovexattr(path, name);
  t.is(lgetxattr(path, name), undefined);
  t.is(t.throws(() => lremovexattr(path, name), { instanceOf: SystemError })?.code, "ENODATA");
});

test("xattrs of a symlink are its own", (t) => {
  const { path, fd, child } = fresh();
  writeFileSync(join(path, "target"), "");
  symlinkSync("target", child(odd));
  lsetxattr(join(path, "target"), "user.x", Buffer.from("1"));
  t.deepEqual(llistxattr(child(odd)), []);
  if (!root) return;
  lsetxattr(descriptorPath(fd, odd), "trusted.x", Buffer.from("2"));
  t.deepEqual(lgetxattr(child(odd), "trusted.x"), Buffer.from("2"));
  t.is(lgetxattr(join(path, "target"), "trusted.x"), undefined);
});
