import { DirectoryTree, dump, resolveName, type DumpOptions, type ResolvedPath, type Tree } from "@puzzlefs/reader";
import { choiceOption, defineCommand, type ManualCommand, platformChoice, platformOption } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { eachPath, escapedOption, imagePath } from "../image-path.ts";
import { openComplete } from "../image-name.ts";
import { LineBuffer } from "../terminal/output.ts";

interface Options {
  escaped?: boolean;
  directory?: boolean;
  format: "text" | "mtree";
  times: boolean;
}

const example = `
  puzzlefs dump --no-times ./store:v1 > image.txt
  puzzlefs dump --no-times --directory ./rootfs > source.txt
  diff image.txt source.txt                    no difference: the trees are equal

  puzzlefs dump --no-times --format mtree ./store:v1 | mtree -p ./rootfs`;

const notes = `
One line for each name, in path order, with every attribute and the content's sha256:
  PATH KIND MODE UID GID SIZE LINKS DEVICE MTIME FIRST-PATH TARGET SHA256 [XATTR=VALUE]…`;

export function define(): ManualCommand {
  return platformOption(
    escapedOption(
      defineCommand({
        name: "dump",
        description: "Print a whole tree as text: equal text means equal trees.",
        example,
        notes,
      }),
    ),
  )
    .usage("[OPTION]… OCI_DIR:TAG [PATH]…\n       puzzlefs dump [OPTION]… --directory DIR [PATH]…")
    .argument("<image>", "the image, OCI_DIR:TAG")
    .argument("[path...]", "only these paths and what is below; a symbolic link itself")
    .option("--directory", "dump a real directory instead of an image, to compare with one")
    .addOption(choiceOption("--format <form>", "mtree is for mtree(8)", ["text", "mtree"]).default("text"))
    .option("--no-times", "leave out modification times");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [source, ...paths] = command.args as [string, ...string[]];
  const { directory = false, escaped, format, times } = command.opts<Options>();
  if (paths.length > 0 && format === "mtree") throw new UsageError("--format mtree dumps whole trees, not a PATH");
  const wanted = paths.map((path) => imagePath(path, escaped));
  const tree: Tree = directory ? new DirectoryTree(source) : openComplete(source, platformChoice(command));
  try {
    if (wanted.length === 0) {
      print(tree, { format, times });
      return 0;
    }
    const found: ResolvedPath[] = [];
    const code = eachPath(wanted, (path) => found.push(resolveName(tree, path, false)));
    if (found.length > 0) print(tree, { format, times, paths: found });
    return code;
  } finally {
    tree.close();
  }
}

function print(tree: Tree, options: DumpOptions): void {
  const lines = new LineBuffer();
  dump(tree, lines.push, options);
  lines.flush();
}
