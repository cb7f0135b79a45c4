import { type Case, notable, original, pathOf } from "../case.ts";
import { expectEqual } from "../expect.ts";

export const handleCases: Case[] = [
  {
    name: "handles are the same each time, and open the inode again: files, directories, links of one inode",
    needs: ["handles"],
    check(subject) {
      const { system } = subject;
      const mount = system.open(subject.root);
      for (const entry of notable(subject)) {
        const { kind } = original(subject, entry);
        if (kind !== "file" && kind !== "dir") continue;
        const path = pathOf(subject, entry.path);
        const handle = system.handle(path);
        expectEqual(system.handleBytes(handle), system.handleBytes(system.handle(path)), entry.path);
        const again = system.openByHandle(mount, handle);
        expectEqual(system.statusOf(again).ino, system.status(path).ino, entry.path);
        system.close(again);
      }
      system.close(mount);
    },
  },
];
