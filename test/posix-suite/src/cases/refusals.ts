import { type Case, pathOf } from "../case.ts";
import { expectEqual, expectFailure } from "../expect.ts";
import { AT_FDCWD, O_CREAT, O_WRONLY } from "../system.ts";

const AT_REMOVEDIR = 0x200;

export const refusalCases: Case[] = [
  {
    name: "whatever would change the tree is EROFS",
    needs: ["read-only"],
    check(subject) {
      const { system } = subject;
      const [old, fresh, empty] = ["hello", "new", "empty-dir"].map((path) => pathOf(subject, path));
      const here = AT_FDCWD;
      const refused = (what: string, attempt: () => void): void => expectFailure("EROFS", attempt, what);
      refused("open for writing", () => void system.open(old, O_WRONLY));
      refused("create", () => void system.open(fresh, O_WRONLY | O_CREAT));
      refused("mkdir", () => void system.call("mkdirat", fresh, here, fresh, 0o755));
      refused("rmdir", () => void system.call("unlinkat", empty, here, empty, AT_REMOVEDIR));
      refused("unlink", () => void system.call("unlinkat", old, here, old, 0));
      refused("rename", () => void system.call("renameat2", old, here, old, here, fresh, 0));
      refused("link", () => void system.call("linkat", old, here, old, here, fresh, 0));
      refused("symlink", () => void system.call("symlinkat", fresh, "x", here, fresh));
      refused("truncate", () => void system.call("truncate", old, old, 0));
      refused("chmod", () => void system.call("fchmodat", old, here, old, 0o600));
      refused("chown", () => void system.call("fchownat", old, here, old, 1, 1, 0));
      refused("utimes", () => void system.call("utimensat", old, here, old, undefined, 0));
      refused("setxattr", () => void system.call("lsetxattr", old, old, "user.new", "x", 1, 0));
      expectEqual(system.readFile(old), "hello, world\n", "the file afterwards");
    },
  },
];
