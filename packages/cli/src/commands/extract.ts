import { jsonText } from "@puzzlefs/linux";
import { extract } from "@puzzlefs/reader";
import { defineCommand, verifyOptions } from "../command-line.ts";
import { openNamed } from "../image-name.ts";
import { warning } from "../terminal/messages.ts";
import { writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCountOf } from "../terminal/quantities.ts";

interface Options {
  force?: boolean;
  overlayAttributes?: boolean;
  verify: boolean;
  json?: boolean;
}

const example = `
  puzzlefs extract ./store:v1 ./tree

As root, owners, modes, times, extended attributes, links and devices come back as they were. An ordinary user gets
what he may have, and a line about each kind of thing that he may not. Nothing is ever written outside the target.`;

export async function run(argv: readonly string[]): Promise<number> {
  const command = verifyOptions(defineCommand("extract", "Write an image's files into a directory.", example))
    .usage("[OPTION]… OCI_DIR:TAG DIR")
    .argument("<oci_dir:tag>", "the image")
    .argument("<dir>", "the target, made when it is not there")
    .option("--force", "extract into a directory that is not empty: directories are merged, other names replaced")
    .option(
      "--overlay-attributes",
      "restore trusted.overlay.* and user.overlay.*, which overlayfs takes for its own marks",
    )
    .option("--json", "print the result as JSON")
    .parse(argv, { from: "user" });
  const [image, target] = command.args as [string, string];
  const { force = false, overlayAttributes = false, verify, json = false } = command.opts<Options>();
  const tree = openNamed(image, { verify: verify ? "blob" : "none" });
  const bar = new ProgressBar("extracting");
  try {
    const total = tree.contentBytes;
    const progress = (inodes: number, bytes: number): void =>
      bar.update(bytes, total, [formatCountOf(inodes, "inode")]);
    const { inodes, bytes, warnings } = extract(tree, target, { force, overlayAttributes, progress });
    bar.finish();
    for (const { what, count, first } of warnings) {
      warning(`${what}: not restored for ${formatCountOf(count, "inode")}, first ${first}`);
    }
    if (json) writeLine(jsonText({ inodes, bytes, warnings }));
    else writeLine(`${formatCountOf(inodes, "inode")}, ${formatBytes(bytes)} of content`);
  } finally {
    bar.finish();
    tree.close();
  }
  return 0;
}
