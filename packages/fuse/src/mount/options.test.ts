import test from "ava";
import { MountOptionError } from "./errors.ts";
import { splitOptions } from "./option-list.ts";
import { parseMountOptions } from "./options.ts";

test("nosuid and nodev unless asked for; the last of two opposites counts", (t) => {
  t.is(parseMountOptions([]).attributes, 2 | 4);
  t.is(parseMountOptions(["rw,suid,dev"]).attributes, 0);
  t.is(parseMountOptions(["suid"]).attributes, 4);
  t.is(parseMountOptions(["allow_suid,allow_dev"]).attributes, 0);
  // mount(8) puts its own flags first.
  t.is(parseMountOptions(["nodev,allow_dev,allow_suid"]).attributes, 4);
  t.is(parseMountOptions(["suid,dev,nosuid"]).attributes, 2);
  t.is(parseMountOptions(["nosuid", "suid,noexec"]).attributes, 4 | 8);
  t.deepEqual(parseMountOptions(["suid,noexec"]).flagNames, ["nodev", "noexec"]);
});

test("options of mount(8) and fstab are accepted; those without effect do not require FUSE", (t) => {
  // The options of mount(8) that are for any file system, but those with which it does the work itself (bind, loop, …).
  const all =
    "async,atime,noatime,auto,noauto,defaults,dev,nodev,diratime,nodiratime,dirsync,exec,noexec,group,nogroup,iversion," +
    "noiversion,mand,nomand,_netdev,nofail,relatime,norelatime,strictatime,nostrictatime,lazytime,nolazytime,suid,nosuid," +
    "silent,loud,owner,noowner,ro,rw,sync,user,nouser,user=name,users,nousers,nosymfollow,symfollow,comment=a=b," +
    'helper=x,uhelper=x,x-systemd.automount,X-mount.mkdir=0755,x-a="b,c",context=a,fscontext=b,defcontext=c,rootcontext=d';
  for (const option of splitOptions(all)) t.deepEqual(parseMountOptions([option]).fuseOnly, [], option);
  t.notThrows(() => parseMountOptions([all]));
  const options = parseMountOptions([
    "defaults,noauto,_netdev,nofail,user,x-systemd.automount,relatime,,comment=x,mand",
  ]);
  t.is(options.attributes, 2 | 4);
});

test("flags that the kernel has: the last of opposites counts", (t) => {
  const more = (list: string): number => parseMountOptions(["suid,dev", list]).attributes;
  t.is(more("nosymfollow"), 0x200000);
  t.is(more("nosymfollow,symfollow"), 0);
  t.is(more("ro"), 1);
  t.is(more("ro,rw"), 0);
  t.is(more("noatime"), 0x10);
  t.is(more("noatime,strictatime,nodiratime"), 0x20 | 0x80);
  t.is(more("strictatime,relatime"), 0);
  t.deepEqual(parseMountOptions(["nosymfollow,noatime"]).flagNames, ["nosuid", "nodev", "nosymfollow"]);
});

test("commas in quoted values separate nothing", (t) => {
  const { labels, fsname } = parseMountOptions(['context="system_u:object_r:file_t:s0:c1,c2",fsname="a,b",nosuid']);
  t.deepEqual(labels, [["context", "system_u:object_r:file_t:s0:c1,c2"]]);
  t.is(fsname, "a,b");
  t.throws(() => parseMountOptions(['context="a,b']), { message: /quote that is not closed/ });
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
  for (const bad of ["loop", "bind", "noatime=1", "nosuid=", "xattr", "Nosuid", "user_id=0"]) {
    t.throws(() => parseMountOptions([bad]), {
      instanceOf: MountOptionError,
      message: `unknown mount option "${bad}"`,
    });
  }
  t.throws(() => parseMountOptions(["gid"]), { message: /gid= needs a number/ });
});
