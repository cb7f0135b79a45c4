import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { lstatSync, statfsSync, statSync } from "node:fs";
import { type Case, childrenOf, notable, original, pathOf } from "../case.ts";
import { deviceNumber, modeOf } from "../modes.ts";

/** Runs a shell command as user and group `nobody`; returns its exit code. */
function asNobody(command: string, ...words: string[]): number | null {
  const drop = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
  return spawnSync("setpriv", [...drop, "sh", "-c", command, "sh", ...words], { stdio: "ignore" }).status;
}

export const attributeCases: Case[] = [
  {
    name: "types and permission bits, set-uid and sticky included",
    check(subject) {
      for (const entry of notable(subject)) {
        const { kind, permissions } = original(subject, entry);
        assert.equal(lstatSync(pathOf(subject, entry.path)).mode, modeOf(kind, permissions), entry.path);
      }
    },
  },
  {
    name: "sizes of files",
    check(subject) {
      for (const entry of notable(subject)) {
        const { content } = original(subject, entry);
        if (content !== undefined)
          assert.equal(lstatSync(pathOf(subject, entry.path)).size, content.length, entry.path);
      }
    },
  },
  {
    name: "modification times to the nanosecond, before 1970 and after 2106",
    check(subject) {
      for (const entry of notable(subject)) {
        const { mtimeSeconds, mtimeNanoseconds } = original(subject, entry);
        const expected = BigInt(mtimeSeconds) * 1_000_000_000n + BigInt(mtimeNanoseconds);
        assert.equal(lstatSync(pathOf(subject, entry.path), { bigint: true }).mtimeNs, expected, entry.path);
      }
    },
  },
  {
    name: "access and change times equal the modification time; blocks cover the content",
    needs: ["synthetic-times"],
    check(subject) {
      for (const entry of notable(subject)) {
        const stat = lstatSync(pathOf(subject, entry.path), { bigint: true });
        assert.equal(stat.ctimeNs, stat.mtimeNs, entry.path);
        assert.equal(stat.atimeNs, stat.mtimeNs, entry.path);
        if (stat.isFile()) assert.equal(stat.blocks, (stat.size + 511n) / 512n, entry.path);
      }
    },
  },
  {
    name: "owners, up to 2^32 - 2",
    needs: ["owners"],
    check(subject) {
      for (const entry of notable(subject)) {
        const { uid, gid } = original(subject, entry);
        const stat = lstatSync(pathOf(subject, entry.path));
        assert.deepEqual([stat.uid, stat.gid], [uid, gid], entry.path);
      }
    },
  },
  {
    name: "device numbers, large ones included",
    needs: ["devices"],
    check(subject) {
      for (const entry of notable(subject)) {
        if (entry.device === undefined) continue;
        const { rdev } = lstatSync(pathOf(subject, entry.path), { bigint: true });
        assert.equal(rdev, deviceNumber(entry.device), entry.path);
      }
    },
  },
  {
    name: "link counts of directories",
    needs: ["directory-links"],
    check(subject) {
      for (const entry of subject.entries) {
        if (entry.kind !== "dir") continue;
        const subdirectories = childrenOf(subject, entry.path).filter(({ kind }) => kind === "dir").length;
        assert.equal(statSync(pathOf(subject, entry.path)).nlink, 2 + subdirectories, entry.path);
      }
    },
  },
  {
    name: "statfs: read-only and full, with the number of inodes and the names' length",
    needs: ["statfs"],
    check(subject) {
      const { bfree, bavail, files, ffree, blocks, bsize } = statfsSync(subject.root);
      assert.deepEqual([bfree, bavail, ffree], [0, 0, 0]);
      const inodes = subject.entries.filter(({ linkTo }) => linkTo === undefined);
      assert.ok(files >= inodes.length);
      const content = inodes.reduce((sum, entry) => sum + (entry.content?.length ?? 0), 0);
      assert.ok(blocks * bsize >= content);
    },
  },
  {
    name: "permissions are enforced for other users",
    needs: ["owners", "other-users"],
    check(subject) {
      const path = (name: string): string => `${subject.root}/${name}`;
      assert.equal(asNobody('cat "$1"', path("hello")), 0);
      assert.notEqual(asNobody('cat "$1"', path("modes/0")), 0);
      assert.notEqual(asNobody('cat "$1"', path("modes/400")), 0);
      assert.notEqual(asNobody('ls "$1"', path("modes/private")), 0);
      assert.notEqual(asNobody('cat "$1"', path("modes/private/inside")), 0);
      assert.notEqual(asNobody('test -x "$1"', path("hello")), 0);
    },
  },
  {
    name: "an access control list lets another user in",
    needs: ["owners", "other-users", "acls"],
    check(subject) {
      assert.equal(asNobody('cat "$1"', `${subject.root}/acl/nobody-reads`), 0);
    },
  },
];
