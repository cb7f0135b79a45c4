import { jsonText } from "@puzzlefs/linux";
import { extract } from "@puzzlefs/reader";
import type { ExtractWarning, Loss } from "@puzzlefs/reader";
import { platformChoice, defineCommand, type ManualCommand, platformOption, verifyOptions } from "../command-line.ts";
import { EXIT_CORRUPT, EXIT_INCOMPLETE } from "../errors.ts";
import { openComplete } from "../image-name.ts";
import { failure, warning } from "../terminal/messages.ts";
import { writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCount, formatCountOf } from "../terminal/quantities.ts";

interface Options {
  force?: boolean;
  overlayAttributes?: boolean;
  bestEffort?: boolean;
  keepGoing?: boolean;
  verify: boolean;
  json?: boolean;
}

const example = `
  puzzlefs extract ./store:v1 ./tree`;

const notes = `
Run by root, it restores owners, modes, times, extended attributes, links and devices. Files and attributes that the
caller's rights or the target's file system do not allow are left out, with a line on stderr for each kind. The exit
code is then 4, but stays 0 for attributes that an ordinary user can never restore: owners, set-id bits, trusted.* and
security.*. Nothing is ever written outside the target.`;

export function define(): ManualCommand {
  return platformOption(
    verifyOptions(
      defineCommand({ name: "extract", description: "Write an image's files into a directory.", example, notes }),
    ),
  )
    .usage("[OPTION]… OCI_DIR:TAG DIR")
    .argument("<oci_dir:tag>", "the image")
    .argument("<dir>", "the target, created if it does not exist")
    .option("--force", "extract into a directory that is not empty: directories are merged, other names replaced")
    .option("--best-effort", "exit code 0 even if the target or the caller's rights do not allow everything")
    .option("--keep-going", "leave out files whose content is damaged, and go on; the exit code is still 3")
    .option("--overlay-attributes", "restore trusted.overlay.* and user.overlay.*, which overlayfs interprets")
    .option("--json", "print the result as JSON");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [image, target] = command.args as [string, string];
  const { bestEffort = false, verify, json = false, ...options } = command.opts<Options>();
  const tree = openComplete(image, { ...platformChoice(command), verify: verify ? "blob" : "none" });
  const bar = new ProgressBar("extracting");
  try {
    const total = tree.contentBytes;
    const progress = (inodes: number, bytes: number): void =>
      bar.update(bytes, total, [formatCountOf(inodes, "inode")]);
    const { inodes, bytes, warnings } = extract(tree, target, { ...options, progress });
    bar.finish();
    for (const loss of warnings) warning(describe(loss));
    if (json) writeLine(jsonText({ inodes, bytes, warnings }));
    else writeLine(`${formatCountOf(inodes, "inode")}, ${formatBytes(bytes)} of content`);
    return conclude(target, warnings, bestEffort);
  } finally {
    bar.finish();
    tree.close();
  }
}

const consequences: Readonly<Record<Loss, string>> = {
  missing: "not created",
  damaged: "left out as damaged",
  copied: "stored as a copy",
  changed: "not restored",
  "left out": "left out",
};

const kinds: Readonly<Record<string, string>> = {
  file: "regular file",
  dir: "directory",
  lnk: "symbolic link",
  chr: "character device",
  blk: "block device",
  sock: "socket",
};

/** `character device: not created for 8 names (operation not permitted): /dev/full, /dev/null, /dev/ptmx, …`. */
function describe({ what, loss, cause, count, examples }: ExtractWarning): string {
  const noun = loss === "changed" || loss === "left out" ? "inode" : "name";
  const reason = cause === undefined ? "" : ` (${cause})`;
  const more = count > examples.length ? ", …" : "";
  return `${kinds[what] ?? what}: ${consequences[loss]} for ${formatCountOf(count, noun)}${reason}: ${examples.join(", ")}${more}`;
}

/** Returns the exit code. If it is not 0, the last line on stderr has the reason. */
function conclude(target: string, warnings: readonly ExtractWarning[], bestEffort: boolean): number {
  const unexpected = warnings.filter(({ expected }) => !expected);
  const sum = (...losses: Loss[]): number =>
    unexpected.reduce((total, { loss, count }) => total + (losses.includes(loss) ? count : 0), 0);
  const [damaged, missing, different] = [sum("damaged"), sum("missing"), sum("copied", "changed")];
  if (damaged === 0 && (unexpected.length === 0 || bestEffort)) return 0;
  const parts = [
    [damaged, "damaged"],
    [missing, "not created"],
    [different, "not restored"],
  ] as const;
  const counts = parts.filter(([count]) => count > 0).map(([count, text]) => `${formatCount(count)} ${text}`);
  failure(`${target}: extracted, except for what is listed above: ${counts.join(", ")}`);
  return damaged > 0 ? EXIT_CORRUPT : EXIT_INCOMPLETE;
}
