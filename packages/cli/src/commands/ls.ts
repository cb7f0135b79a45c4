import { listPath, pathOf, resolveName, Selection, walkTree, type Listed, type Tree } from "@puzzlefs/reader";
import { platformChoice, defineCommand, type ManualCommand, platformOption } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { escapedOption, imagePath } from "../image-path.ts";
import { openNamed } from "../image-name.ts";
import { entryJson, longLine, shortLine } from "../entry-text.ts";
import { LineBuffer, write } from "../terminal/output.ts";

interface Options {
  escaped?: boolean;
  null?: boolean;
  long?: boolean;
  recursive?: boolean;
  json?: boolean;
}

const example = `
  puzzlefs ls -l ./store:v1 /etc
  puzzlefs ls -R ./store:v1                    every path of the image

  puzzlefs ls -R0 ./store:v1 | xargs -0 -n 1 echo`;

const notes = `
Names are shown in UTF-8, with \\xHH for a byte that is not UTF-8 or could mislead a terminal, and \\\\ for a backslash;
--escaped accepts this form. --json has \\xHH for every byte but printable ASCII, and --null the bytes themselves.`;

export function define(): ManualCommand {
  return platformOption(
    escapedOption(
      defineCommand({ name: "ls", description: "List a directory of an image, or one file.", example, notes }),
    ),
  )
    .usage("[OPTION]… OCI_DIR:TAG [PATH]")
    .argument("<oci_dir:tag>", "the image")
    .argument("[path]", "inside the image", "/")
    .option("-l, --long", "show type, mode, links, owner, size and time")
    .option("-R, --recursive", "list all paths below")
    .option("-0, --null", "names only, unescaped, each followed by a NUL")
    .option("--json", "one JSON object a line");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [image, path] = command.args as [string, string | undefined];
  const options = command.opts<Options>();
  if (options.null === true && (options.long === true || options.json === true)) {
    throw new UsageError("--null lists names alone, without --long or --json");
  }
  const wanted = imagePath(path ?? "/", options.escaped);
  const tree = openNamed(image, { ...platformChoice(command), check: "used" });
  const lines = new LineBuffer();
  try {
    const found = list(tree, wanted, options.recursive ?? false);
    if (options.null === true) {
      write(Buffer.concat(found.flatMap(({ name }) => [name, Buffer.of(0)])));
      return 0;
    }
    const format = options.json === true ? entryJson : options.long === true ? longLine : shortLine;
    for (const listed of found) lines.push(format(listed));
    lines.flush();
  } finally {
    tree.close();
  }
  return 0;
}

function list(tree: Tree, path: Uint8Array, recursive: boolean): Listed[] {
  if (!recursive) return listPath(tree, path);
  const selection = new Selection([resolveName(tree, path, true)]);
  const found: Listed[] = [];
  walkTree(tree, {
    enter: (visit) => {
      if (!selection.enter(visit)) return;
      const { attributes } = visit;
      const target = attributes.kind === "lnk" ? { target: tree.readlink(attributes.ino) } : {};
      found.push({ ...attributes, name: pathOf(visit), ...target });
    },
    leave: (visit) => selection.leave(visit),
  });
  return found;
}
