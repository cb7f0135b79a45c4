import {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createCipheriv } from "node:crypto";

/** A line of text for the user about one change. */
type Change = string;

/**
 * Changes a Debian root as an upgrade would, the same way every time and without a network: some configuration, two
 * rebuilt programs, an application, and a package removed.
 */
export function upgrade(root: string): Change[] {
  return [
    configure(root),
    ...["usr/bin/bash", "usr/bin/perl"].map((file) => rebuild(root, file)),
    install(root),
    remove(root, "tzdata"),
  ];
}

function configure(root: string): Change {
  writeFileSync(join(root, "etc/hostname"), "puzzle\n");
  appendFileSync(join(root, "etc/profile"), "export PUZZLE=solved\n");
  return "configuration: etc/hostname replaced, etc/profile longer by a line";
}

/** As if compiled again from a slightly larger source: everything after the first third moves. */
function rebuild(root: string, file: string): Change {
  const path = join(root, file);
  const old = readFileSync(path);
  const middle = Math.floor(old.length / 3);
  const inserted = 1000;
  writeFileSync(path, Buffer.concat([old.subarray(0, middle), noise(file, inserted), old.subarray(middle)]));
  return `${file}: ${inserted} bytes inserted in the middle of ${old.length}`;
}

function install(root: string): Change {
  const directory = join(root, "opt/application");
  const files = 300;
  mkdirSync(join(directory, "pages"), { recursive: true });
  for (let i = 0; i < files; i++) writeFileSync(join(directory, "pages", `${i}.html`), `<h1>Page ${i}</h1>\n`);
  writeFileSync(join(directory, "application"), noise("application", 2 << 20), { mode: 0o755 });
  linkSync(join(directory, "application"), join(directory, "application-1.0"));
  symlinkSync("../../opt/application/application", join(root, "usr/bin/application"));
  return `opt/application: a program of 2 MiB, ${files} pages, a hard link and a symbolic link`;
}

/** Removes what dpkg lists, and the package's paragraph in dpkg's status. */
function remove(root: string, name: string): Change {
  const info = join(root, "var/lib/dpkg/info");
  const list = join(info, `${name}.list`);
  let files = 0;
  if (existsSync(list)) {
    for (const line of readFileSync(list, "utf8").split("\n")) {
      const status = line === "" ? undefined : lstatSync(join(root, line), { throwIfNoEntry: false });
      if (status === undefined || status.isDirectory()) continue;
      rmSync(join(root, line));
      files += 1;
    }
    for (const file of readdirSync(info)) if (file.startsWith(`${name}.`)) rmSync(join(info, file));
  }
  const status = join(root, "var/lib/dpkg/status");
  const paragraphs = readFileSync(status, "utf8").split("\n\n");
  writeFileSync(status, paragraphs.filter((text) => !text.startsWith(`Package: ${name}\n`)).join("\n\n"));
  return `package ${name} removed: ${files} files, and its paragraph in dpkg's status`;
}

/** Bytes that do not compress, equal for equal seeds. */
function noise(seed: string, length: number): Buffer {
  const key = Buffer.alloc(16);
  key.write(seed);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}
