import { escapeName, jsonText } from "@puzzlefs/linux";
import { escapeBytes, statPath } from "@puzzlefs/reader";
import { platformChoice, defineCommand, type ManualCommand, platformOption } from "../command-line.ts";
import { eachPath, escapedOption, imagePath } from "../image-path.ts";
import { openNamed } from "../image-name.ts";
import { kindNames, entryObject, modeText, timeText } from "../entry-text.ts";
import { writeLine } from "../terminal/output.ts";
import { formatCount } from "../terminal/quantities.ts";
import { formatFields } from "../terminal/table.ts";

const example = `
  puzzlefs stat ./store:v1 /usr/bin/passwd`;

const notes = `
Symbolic links are not followed.`;

export function define(): ManualCommand {
  return platformOption(
    escapedOption(
      defineCommand({ name: "stat", description: "Show the attributes of files of an image.", example, notes }),
    ),
  )
    .usage("[OPTION]… OCI_DIR:TAG [PATH]…")
    .argument("<oci_dir:tag>", "the image")
    .argument("[path...]", "inside the image (default: /)")
    .option("--json", "one JSON object a line");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [image, ...paths] = command.args as [string, ...string[]];
  const { escaped, json: asJson } = command.opts<{ escaped?: boolean; json?: boolean }>();
  const wanted = (paths.length > 0 ? paths : ["/"]).map((path) => imagePath(path, escaped));
  const tree = openNamed(image, { ...platformChoice(command), check: "used" });
  try {
    let before = "";
    return eachPath(wanted, (path) => {
      const found = statPath(tree, path);
      writeLine(asJson === true ? json(found) : before + text(found));
      before = "\n";
    });
  } finally {
    tree.close();
  }
}

type Found = ReturnType<typeof statPath>;

function json(found: Found): string {
  const xattrs = found.xattrs.map(({ name, value }) => ({
    name: escapeBytes(name),
    value: Buffer.from(value).toString("hex"),
  }));
  return jsonText({ ...entryObject(found), xattrs });
}

function text(found: Found): string {
  const { kind, mode, nlink, uid, gid, size, major, minor, target, xattrs } = found;
  const octal = (mode & 0o7777).toString(8).padStart(4, "0");
  const fields: [string, string][] = [
    ["path", escapeName(found.name)],
    ["type", kindNames[kind]],
    ["inode", String(found.ino)],
    ["mode", `${octal} ${modeText(kind, mode)}`],
    ["owner", `${uid}:${gid}`],
    ["links", String(nlink)],
  ];
  if (kind === "file") fields.push(["size", `${formatCount(size)} B`]);
  if (kind === "chr" || kind === "blk") fields.push(["device", `${major}:${minor}`]);
  if (target !== undefined) fields.push(["target", escapeName(target)]);
  fields.push(["modified", timeText(found.mtimeSeconds, found.mtimeNanoseconds)]);
  for (const { name, value } of xattrs) fields.push(["attribute", `${escapeBytes(name)}=${escapeBytes(value)}`]);
  return formatFields(fields);
}
