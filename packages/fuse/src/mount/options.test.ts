import test from "ava";
import { MountOptionError } from "./errors.ts";
import { parseMountOptions } from "./options.ts";

test("read-only, nosuid and nodev unless asked for; the last of two opposites counts", (t) => {
  t.is(parseMountOptions([]).flags, 1 | 2 | 4);
  t.is(parseMountOptions(["rw,suid,dev"]).flags, 1);
  t.is(parseMountOptions(["suid"]).flags, 1 | 4);
  t.is(parseMountOptions(["allow_suid,allow_dev"]).flags, 1);
  // mount(8) puts its own flags first.
  t.is(parseMountOptions(["nodev,allow_dev,allow_suid"]).flags, 1 | 4);
  t.is(parseMountOptions(["suid,dev,nosuid"]).flags, 1 | 2);
  t.is(parseMountOptions(["nosuid", "suid,noexec"]).flags, 1 | 4 | 8);
  t.deepEqual(parseMountOptions(["suid,noexec"]).flagWords, ["nodev", "noexec"]);
});

test("what fstab may contain is passed over, and asks for nothing", (t) => {
  const options = parseMountOptions(["defaults,noauto,_netdev,nofail,user,x-systemd.automount,relatime,,comment=x"]);
  t.is(options.flags, 1 | 2 | 4);
});

test("values", (t) => {
  const options = parseMountOptions(["fsname=a:b,uid=1000,gid=4294967294", "allow_other,max_read=4096"], "default");
  t.is(options.fsname, "a:b");
  t.deepEqual([options.uid, options.gid, options.maxRead], [1000, 4_294_967_294, 4096]);
  t.true(options.allowOther);
  t.is(parseMountOptions([], "default").fsname, "default");
  for (const [text, bytes] of [
    ["0", 0],
    ["4096", 4096],
    ["64k", 65_536],
    ["8M", 8_388_608],
    ["2G", 2 ** 31],
  ] as const) {
    t.is(parseMountOptions([`cache=${text}`]).cache, bytes);
  }
});

test("unknown options and bad numbers are refused by name", (t) => {
  t.throws(() => parseMountOptions(["rootcontex=x"]), { instanceOf: MountOptionError, message: /"rootcontex=x"/ });
  t.throws(() => parseMountOptions(["uid=root"]), { message: /uid= needs a number, not "root"/ });
  for (const bad of ["", "-1", "1.5M", "M", "8MB", "1e6"]) {
    t.throws(() => parseMountOptions([`cache=${bad}`]), { message: /cache= needs a number of bytes, as 8M/ }, bad);
  }
  t.throws(() => parseMountOptions(["gid"]), { message: /gid= needs a number/ });
});
