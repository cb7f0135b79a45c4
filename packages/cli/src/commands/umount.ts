import { unmount } from "@puzzlefs/fuse";
import { defineCommand, type ManualCommand } from "../command-line.ts";

const example = `
  puzzlefs umount /mnt`;

const notes = `
umount(8) and fusermount3 -u work too. The FUSE server of the mount ends by itself.`;

export function define(): ManualCommand {
  return defineCommand({
    name: "umount",
    description: "Unmount an image, even if its FUSE server has died.",
    example,
    notes,
  })
    .usage("[OPTION]… MNT")
    .argument("<mnt>", "the mount point")
    .option("-l, --lazy", "detach it now, even if it is in use; it ends when it is no longer used");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const { lazy = false } = command.opts<{ lazy?: boolean }>();
  await unmount(command.args[0] as string, { lazy });
  return 0;
}
