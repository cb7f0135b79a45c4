import { type Case, childrenOf, notable, original, pathOf } from "../case.ts";
import { expectEqual, expectFailure, expectTrue } from "../expect.ts";
import { modeOf } from "../modes.ts";
import type { Time } from "../status.ts";

const READ = 4;
const EXECUTE = 1;

function timeText({ seconds, nanoseconds }: Time): string {
  return `${seconds} s ${nanoseconds} ns`;
}

export const attributeCases: Case[] = [
  {
    name: "types and permission bits, set-uid and sticky included",
    check(subject) {
      for (const entry of notable(subject)) {
        const { kind, permissions } = original(subject, entry);
        expectEqual(subject.system.status(pathOf(subject, entry.path)).mode, modeOf(kind, permissions), entry.path);
      }
    },
  },
  {
    name: "sizes of files",
    check(subject) {
      for (const entry of notable(subject)) {
        const { content } = original(subject, entry);
        if (content === undefined) continue;
        expectEqual(subject.system.status(pathOf(subject, entry.path)).size, content.length, entry.path);
      }
    },
  },
  {
    name: "modification times to the nanosecond, before 1970 and after 2106",
    check(subject) {
      for (const entry of notable(subject)) {
        const { mtimeSeconds: seconds, mtimeNanoseconds: nanoseconds } = original(subject, entry);
        const { mtime } = subject.system.status(pathOf(subject, entry.path));
        expectEqual(timeText(mtime), timeText({ seconds, nanoseconds }), entry.path);
      }
    },
  },
  {
    name: "access and change times equal the modification time; blocks cover content without holes",
    needs: ["synthetic-times"],
    check(subject) {
      for (const entry of notable(subject)) {
        const { kind, size, blocks, mtime, atime, ctime } = subject.system.status(pathOf(subject, entry.path));
        expectEqual(timeText(ctime), timeText(mtime), `ctime of ${entry.path}`);
        expectEqual(timeText(atime), timeText(mtime), `atime of ${entry.path}`);
        if (kind === "file" && entry.sparse === undefined)
          expectEqual(blocks, Math.floor((size + 511) / 512), `blocks of ${entry.path}`);
      }
    },
  },
  {
    name: "owners, up to 2^32 - 2",
    needs: ["owners"],
    check(subject) {
      for (const entry of notable(subject)) {
        const { uid, gid } = original(subject, entry);
        const status = subject.system.status(pathOf(subject, entry.path));
        expectEqual(`${status.uid}:${status.gid}`, `${uid}:${gid}`, entry.path);
      }
    },
  },
  {
    name: "device numbers, large ones included",
    needs: ["devices"],
    check(subject) {
      for (const { path, device } of notable(subject)) {
        if (device === undefined) continue;
        const { major, minor } = subject.system.status(pathOf(subject, path));
        expectEqual(`${major}:${minor}`, `${device.major}:${device.minor}`, path);
      }
    },
  },
  {
    name: "link counts of directories",
    needs: ["directory-links"],
    check(subject) {
      for (const entry of subject.entries) {
        if (entry.kind !== "dir" || entry.path.startsWith("deep/")) continue;
        const subdirectories = childrenOf(subject, entry.path).filter(({ kind }) => kind === "dir").length;
        expectEqual(subject.system.status(pathOf(subject, entry.path)).nlink, 2 + subdirectories, entry.path);
      }
    },
  },
  {
    name: "statfs: read-only and full, with the number of inodes and the names' length",
    needs: ["statfs"],
    check(subject) {
      const { free, available, files, freeFiles, blocks, blockSize, nameLength } = subject.system.statfs(subject.root);
      expectEqual(free + available + freeFiles, 0, "what is free");
      expectEqual(nameLength, 255, "longest name");
      let [inodes, content] = [0, 0];
      for (const entry of subject.entries) {
        if (entry.linkTo !== undefined) continue;
        inodes++;
        content += entry.content?.length ?? 0;
      }
      expectTrue(files >= inodes, `${files} inodes are fewer than ${inodes}`);
      expectTrue(blocks * blockSize >= content, `${blocks} blocks of ${blockSize} are less than ${content}`);
    },
  },
  {
    name: "permissions are enforced for other users",
    needs: ["owners", "other-users"],
    check(subject) {
      const { system } = subject;
      const path = (name: string): string => pathOf(subject, name);
      system.asNobody(() => {
        system.close(system.open(path("hello")));
        for (const name of ["modes/0", "modes/400", "modes/private", "modes/private/inside"]) {
          expectFailure("EACCES", () => system.open(path(name)), name);
        }
        system.access(path("hello"), READ);
        expectFailure("EACCES", () => system.access(path("hello"), EXECUTE), "running what is no program");
      });
    },
  },
  {
    name: "an access control list lets another user in",
    needs: ["owners", "other-users", "acls"],
    check(subject) {
      const { system } = subject;
      system.asNobody(() =>
        expectEqual(system.readFile(pathOf(subject, "acl/nobody-reads")), "granted", "its content"),
      );
    },
  },
];
