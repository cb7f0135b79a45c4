import { type Case, notable, pathOf } from "../case.ts";
import { expectEqual, expectFailure, expectSameSet, expectTrue } from "../expect.ts";
import type { FixtureEntry } from "../fixture.ts";

/** Names that every user can set and see. */
function isPlain(name: string): boolean {
  return name.startsWith("user.");
}

function isPrivileged(name: string): boolean {
  return name.startsWith("trusted.") || name === "security.capability";
}

function expected(entry: FixtureEntry, wanted: (name: string) => boolean): [string, string][] {
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
        const names = subject.system.xattrNames(path).filter((name) => isPlain(name));
        const attributes = expected(entry, isPlain);
        expectSameSet(
          names,
          attributes.map(([name]) => name),
          entry.path,
        );
        for (const [name, value] of attributes) {
          expectEqual(subject.system.xattr(path, name), value, `${entry.path} ${name}`);
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
          expectTrue(subject.system.xattrNames(path).includes(name), `${entry.path}: ${name} is not listed`);
          expectEqual(subject.system.xattr(path, name), value, `${entry.path} ${name}`);
        }
      }
    },
  },
  {
    name: "names of trusted attributes are hidden from ordinary users",
    needs: ["xattrs", "privileged-xattrs", "other-users"],
    check(subject) {
      const { system } = subject;
      const names = system.asNobody(() => system.xattrNames(pathOf(subject, "xattrs/trusted")));
      expectEqual(names.join(" "), "user.open", "what the user nobody sees");
    },
  },
  {
    name: "access control lists are read as they were stored",
    needs: ["xattrs", "acls"],
    check(subject) {
      for (const entry of notable(subject)) {
        for (const [name, value] of expected(entry, (word) => word.startsWith("system.posix_acl"))) {
          expectEqual(subject.system.xattr(pathOf(subject, entry.path), name), value, entry.path);
        }
      }
    },
  },
  {
    name: "a size of 0 asks for the size; too little room is ERANGE",
    needs: ["xattrs"],
    check(subject) {
      const { system } = subject;
      const path = pathOf(subject, "xattrs/user");
      expectEqual(system.xattrSize(path, "user.large"), 3000, "a large one");
      expectEqual(system.xattrSize(path, "user.empty"), 0, "an empty one");
      expectFailure("ERANGE", () => void system.xattr(path, "user.large", 2999), "a byte too little");
      expectEqual(system.xattr(path, "user.large", 3000).length, 3000, "just enough");
    },
  },
  {
    name: "an attribute that is not there is ENODATA",
    needs: ["xattrs"],
    check(subject) {
      for (const name of ["xattrs/user", "xattrs/none"]) {
        expectFailure("ENODATA", () => void subject.system.xattrSize(pathOf(subject, name), "user.absent"), name);
      }
    },
  },
];
