import test from "ava";
import { ENODATA, EOPNOTSUPP, ERANGE } from "@puzzlefs/linux";
import { MemoryTree } from "../../../../test/fuse-memory/memory-tree.ts";
import { Opcode } from "../wire/abi.ts";
import { Reply } from "../wire/reply.ts";
import { Request } from "../wire/request.ts";
import { bodyOf, putRequest } from "../wire/request-fixture.ts";
import { xattrHandlers } from "./xattr.ts";

const entry = { uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, permissions: 0o755 };
const xattrs = { "trusted.t": "t", "user.a": "value", "user.b": "" };

function ask(what: "get" | "list", size: number, name?: string, uid = 0, pid = 1): string | number {
  const tree = new MemoryTree([{ path: "", kind: "dir", ...entry, xattrs }]);
  const request = new Request();
  const reply = new Reply();
  const opcode = what === "get" ? Opcode.GETXATTR : Opcode.LISTXATTR;
  request.length = putRequest(request.buffer, { opcode, uid, pid, body: bodyOf([size, 0], name) });
  const result = xattrHandlers(tree, true)[what](request, reply);
  return result < 0 || size === 0 ? result : reply.buffer.bytes.toString("latin1", 16, 16 + result);
}

test("values: size first, then the bytes, ERANGE if there is no room", (t) => {
  t.is(ask("get", 0, "user.a"), 8);
  t.is(ask("get", 5, "user.a"), "value");
  t.is(ask("get", 4, "user.a"), -ERANGE);
  t.is(ask("get", 9, "user.b"), "");
  t.is(ask("get", 9, "user.c"), -ENODATA);
  t.is(ask("get", 9, "user"), -ENODATA);
});

test("kinds that no inode has are not supported, so that programs stop asking", (t) => {
  t.is(ask("get", 9, "security.selinux"), -EOPNOTSUPP);
  t.is(ask("get", 9, "system.posix_acl_access"), -EOPNOTSUPP);
  t.is(ask("get", 9, "security.capability"), -ENODATA);
});

test("names, NUL after each", (t) => {
  t.is(ask("list", 100), "trusted.t\0user.a\0user.b\0");
  t.is(ask("list", 24), "trusted.t\0user.a\0user.b\0");
  t.is(ask("list", 23), -ERANGE);
});

test("trusted names are for root; if the kernel sends no uid, for processes with the capability", (t) => {
  t.is(ask("list", 100, undefined, 1000), "user.a\0user.b\0");
  t.is(ask("list", 100, undefined, 0xffffffff, 0), "user.a\0user.b\0");
  const own = ask("list", 100, undefined, 0xffffffff, process.pid);
  t.is(own, process.geteuid?.() === 0 ? "trusted.t\0user.a\0user.b\0" : "user.a\0user.b\0");
});
