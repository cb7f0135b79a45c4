import test from "ava";
import { hostXattrReason, isKnownXattr } from "./xattr-names.ts";

test("attributes that readers would hide are not silently built into an image", (t) => {
  const kept = ["user.a", "trusted.a", "security.capability", "system.posix_acl_access", "system.posix_acl_default"];
  const left = [
    "security.selinux",
    "btrfs.compression",
    "system.nfs4_acl",
    "system.cifs_acl",
    "ceph.dir.layout",
    "user.",
  ];
  for (const name of kept) t.is(hostXattrReason(Buffer.from(name)), undefined, name);
  for (const name of left) t.is(typeof hostXattrReason(Buffer.from(name)), "string", name);
  for (const name of [...kept, ...left])
    t.true(isKnownXattr(Buffer.from(name)) || hostXattrReason(Buffer.from(name)) !== undefined, name);
});
