import assert from "node:assert/strict";
import * as fs from "node:fs";
import { type Case, pathOf } from "../case.ts";
import { systemCalls } from "../system-calls.ts";

export const refusalCases: Case[] = [
  {
    name: "whatever would change the tree is EROFS",
    needs: ["read-only"],
    check(subject) {
      const at = (path: string): Buffer => pathOf(subject, path);
      const attempts: Record<string, () => void> = {
        "open for writing": () => fs.openSync(at("hello"), "r+"),
        create: () => fs.openSync(at("new"), "w"),
        mkdir: () => fs.mkdirSync(at("new")),
        rmdir: () => fs.rmdirSync(at("empty-dir")),
        unlink: () => fs.unlinkSync(at("hello")),
        rename: () => fs.renameSync(at("hello"), at("new")),
        link: () => fs.linkSync(at("hello"), at("new")),
        symlink: () => fs.symlinkSync("x", at("new")),
        truncate: () => fs.truncateSync(at("hello"), 0),
        chmod: () => fs.chmodSync(at("hello"), 0o600),
        chown: () => fs.lchownSync(at("hello"), 1, 1),
        utimes: () => fs.utimesSync(at("hello"), 1, 1),
      };
      for (const [name, attempt] of Object.entries(attempts)) assert.throws(attempt, { code: "EROFS" }, name);
      assert.throws(() => systemCalls().lsetxattr(at("hello"), "user.new", Buffer.from("x")), /EROFS/);
      assert.equal(fs.readFileSync(at("hello"), "latin1"), "hello, world\n");
    },
  },
];
