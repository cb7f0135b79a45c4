import { escapeBytes, pathOf, listPath, resolvePath, walkTree, type Listed, type Tree } from "@puzzlefs/reader";
import { defineCommand } from "../command-line.ts";
import { openNamed } from "../image-name.ts";
import { listedJson, longLine, shortLine } from "../listing.ts";
import { LineBuffer } from "../terminal/output.ts";

interface Options {
  long?: boolean;
  recursive?: boolean;
  json?: boolean;
}

const example = `
  puzzlefs ls -l ./store:v1 /etc
  puzzlefs ls -R ./store:v1                    every path of the image

Bytes that do not print are shown as \\xHH.`;

export async function run(argv: readonly string[]): Promise<number> {
  const command = defineCommand("ls", "List a directory of an image, or one file.", example)
    .usage("[OPTION]… OCI_DIR:TAG [PATH]")
    .argument("<oci_dir:tag>", "the image")
    .argument("[path]", "inside the image", "/")
    .option("-l, --long", "with type, mode, links, owner, size and time")
    .option("-R, --recursive", "everything below, as paths")
    .option("--json", "one JSON object a line")
    .parse(argv, { from: "user" });
  const [image, path] = command.args as [string, string | undefined];
  const options = command.opts<Options>();
  const tree = openNamed(image);
  const lines = new LineBuffer();
  try {
    const format = options.json === true ? listedJson : options.long === true ? longLine : shortLine;
    for (const listed of list(tree, Buffer.from(path ?? "/"), options.recursive ?? false)) lines.push(format(listed));
    lines.flush();
  } finally {
    tree.close();
  }
  return 0;
}

function list(tree: Tree, path: Uint8Array, recursive: boolean): Listed[] {
  if (!recursive) return listPath(tree, path);
  const ino = resolvePath(tree, path, true);
  const found: Listed[] = [];
  walkTree(tree, {
    enter: (visit) => {
      const { attributes } = visit;
      const target = attributes.kind === "lnk" ? { target: tree.readlink(attributes.ino) } : {};
      found.push({ ...attributes, name: pathOf(visit), ...target });
    },
  });
  const start = found.find((listed) => listed.ino === ino);
  const prefix = start === undefined || ino === 1 ? "/" : `${escapeBytes(start.name)}/`;
  return found.filter((listed) => listed.ino === ino || escapeBytes(listed.name).startsWith(prefix));
}
