import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { type Case, notable, pathOf } from "../case.ts";
import type { FixtureEntry } from "../fixture.ts";
import { systemCalls } from "../system-calls.ts";

/** Names that every user can set and see. */
function isPlain(name: string): boolean {
  return name.startsWith("user.");
}

function isPrivileged(name: string): boolean {
  return name.startsWith("trusted.") || name === "security.capability";
}

function expected(entry: FixtureEntry, wanted: (name: string) => boolean): [string, Uint8Array][] {
  return Object.entries(entry.xattrs ?? {}).filter(([name]) => wanted(name));
}

export const xattrCases: Case[] = [
  {
    name: "extended attributes are listed and read",
    needs: ["xattrs"],
    check(subject) {
      for (const entry of notable(subject)) {
        if (entry.linkTo !== undefined || entry.kind === "lnk") continue;
        const path = pathOf(subject, entry.path);
        const names = systemCalls().llistxattr(path).filter(isPlain);
        assert.deepEqual(
          names.toSorted(),
          expected(entry, isPlain)
            .map(([name]) => name)
            .toSorted(),
          entry.path,
        );
        for (const [name, value] of expected(entry, isPlain)) {
          assert.ok(systemCalls().lgetxattr(path, name, 65536).equals(value), `${entry.path} ${name}`);
        }
      }
    },
  },
  {
    name: "capabilities and trusted attributes are listed and read by root",
    needs: ["xattrs", "privileged-xattrs"],
    check(subject) {
      for (const entry of notable(subject)) {
        for (const [name, value] of expected(entry, isPrivileged)) {
          const path = pathOf(subject, entry.path);
          assert.ok(systemCalls().llistxattr(path).includes(name), `${entry.path} ${name}`);
          assert.ok(systemCalls().lgetxattr(path, name, 65536).equals(value), `${entry.path} ${name}`);
        }
      }
    },
  },
  {
    name: "names of trusted attributes are hidden from ordinary users",
    needs: ["xattrs", "privileged-xattrs", "other-users"],
    check(subject) {
      const drop = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
      const dump = ["getfattr", "-m", "-", "--absolute-names", `${subject.root}/xattrs/trusted`];
      const { stdout } = spawnSync("setpriv", [...drop, ...dump], { encoding: "latin1" });
      assert.match(stdout, /^user\.open$/m);
      assert.doesNotMatch(stdout, /^trusted\./m);
    },
  },
  {
    name: "access control lists are read as they were stored",
    needs: ["xattrs", "acls"],
    check(subject) {
      for (const entry of notable(subject)) {
        for (const [name, value] of expected(entry, (word) => word.startsWith("system.posix_acl"))) {
          assert.ok(systemCalls().lgetxattr(pathOf(subject, entry.path), name, 65536).equals(value), entry.path);
        }
      }
    },
  },
  {
    name: "a size of 0 asks for the size; too little room is ERANGE",
    needs: ["xattrs"],
    check(subject) {
      const path = pathOf(subject, "xattrs/user");
      const calls = systemCalls();
      assert.equal(calls.xattrSize(path, "user.large"), 3000);
      assert.equal(calls.xattrSize(path, "user.empty"), 0);
      assert.throws(() => calls.lgetxattr(path, "user.large", 2999), /ERANGE/);
      assert.equal(calls.lgetxattr(path, "user.large", 3000).length, 3000);
    },
  },
  {
    name: "an attribute that is not there is ENODATA",
    needs: ["xattrs"],
    check(subject) {
      const calls = systemCalls();
      assert.throws(() => calls.xattrSize(pathOf(subject, "xattrs/user"), "user.absent"), /ENODATA/);
      assert.throws(() => calls.xattrSize(pathOf(subject, "xattrs/none"), "user.absent"), /ENODATA/);
    },
  },
];
