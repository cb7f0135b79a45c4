import { commands } from "./commands.ts";

/** The text of `puzzlefs --help`. */
export function programHelp(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const list = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `puzzlefs: root filesystems as OCI images that are mounted without being unpacked.

Usage: puzzlefs COMMAND [OPTION]… ARGUMENT…

Commands:
${list.join("\n")}

'puzzlefs COMMAND --help' explains a command with an example. Images are named OCI_DIR:TAG; the manifest's sha256 may
replace the tag.

First steps:
  puzzlefs build ./rootfs ./store:v1       a directory tree becomes an image
  puzzlefs mount ./store:v1 /mnt           which is mounted without being unpacked
  puzzlefs umount /mnt

Exit codes: 0 success, 1 failure, 2 wrong usage, 3 the image is corrupt or failed verification,
4 not all of it could be extracted, 5 a fault of the program: please report it, with 'puzzlefs --debug COMMAND …'.`;
}
