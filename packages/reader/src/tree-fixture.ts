import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lchown, lsetxattr, makedev, mknodat, AT_FDCWD, descriptorPath } from "@puzzlefs/linux";

export const isRoot = process.geteuid?.() === 0;

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), "puzzlefs-tree-"));
}

export function removeTree(path: string): void {
  // Not rmSync: it recurses by path, and paths here are longer than PATH_MAX.
  execFileSync("rm", ["-rf", path]);
  rmSync(path, { recursive: true, force: true });
}

/** A directory with what makes tools stumble: odd names, sizes around pages, links, times, attributes, depth. */
export function awkwardTree(): string {
  const root = temporaryDirectory();
  const at = (name: string | Buffer): Buffer => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]);
  mkdirSync(at("d"));
  const names = ["new\nline", "back\\slash", " space ", "#hash", "[x]", "-", "é", "x".repeat(255), "=", "\x01\x7f"];
  for (const name of names) writeFileSync(at(name), `content of ${name}`);
  writeFileSync(at(Buffer.from([0xff, 0xfe, 0x80])), "not UTF-8");
  for (const size of [0, 1, 4095, 4096, 4097, 65536, 262145, 1 << 20, (1 << 20) + 1]) {
    writeFileSync(at(`d/size-${size}`), Buffer.alloc(size, `${size} bytes `));
  }
  const sparse = openSync(at("sparse"), "w");
  writeSync(sparse, "end", 20 << 20);
  writeSync(sparse, "middle", 1_000_003);
  closeSync(sparse);
  writeFileSync(at("ends in a hole"), "start");
  truncateSync(at("ends in a hole"), 24 * 4096);
  linkSync(at("d/size-4097"), at("d/hard"));
  linkSync(at("d/size-4097"), at("another hard link"));
  execFileSync("mkfifo", [join(root, "fifo")]);
  linkSync(at("fifo"), at("d/fifo"));
  symlinkSync("t".repeat(4000), at("long link"));
  symlinkSync("/etc/passwd", at("absolute"));
  symlinkSync("../..", at("d/up"));
  linkSync(at("absolute"), at("d/hard symlink"));
  writeFileSync(at("mode"), "x");
  chmodSync(at("mode"), 0o6755);
  mkdirSync(at("sticky"));
  chmodSync(at("sticky"), 0o1777);
  mkdirSync(at("shut"));
  writeFileSync(at("shut/inside"), "x");
  lsetxattr(at("mode"), "user.note", Buffer.from("\x00value=\xff", "latin1"));
  lsetxattr(at("mode"), "user.empty", Buffer.alloc(0));
  lsetxattr(at("d"), "user.on directory", Buffer.from("yes"));
  lutimesSync(at("absolute"), 1, 987654321.123456);
  utimesSync(at("d"), 1, -1.5);
  deepen(root, 60);
  if (isRoot) addPrivileged(at);
  chmodSync(at("shut"), isRoot ? 0 : 0o500);
  return root;
}

/** Directories in one another with names that together exceed PATH_MAX. */
function deepen(root: string, levels: number): void {
  let directory = openSync(root, "r");
  const name = Buffer.from("deep".repeat(25));
  for (let i = 0; i < levels; i++) {
    const path = descriptorPath(directory, name);
    mkdirSync(path);
    const next = openSync(path, "r");
    closeSync(directory);
    directory = next;
  }
  writeFileSync(descriptorPath(directory, Buffer.from("bottom")), "found");
  closeSync(directory);
}

function addPrivileged(at: (name: string) => Buffer): void {
  mknodat(AT_FDCWD, at("chr"), 0o020640, makedev(4095, 1048575));
  mknodat(AT_FDCWD, at("blk"), 0o060600, makedev(259, 70000));
  mknodat(AT_FDCWD, at("socket"), 0o140755);
  chownSync(at("mode"), 4294967294, 4294967293);
  chmodSync(at("mode"), 0o6755);
  lchown(at("long link"), 12345, 54321);
  lsetxattr(at("mode"), "security.capability", Buffer.from("0100000200040000000000000000000000000000", "hex"));
  lsetxattr(at("d"), "trusted.t", Buffer.from("t"));
  lsetxattr(at("chr"), "trusted.device", Buffer.from("d"));
  execFileSync("setfacl", ["-m", "u:1234:rwx", "-m", "g:77:r", at("new\nline").toString()]);
  execFileSync("setfacl", ["-d", "-m", "u:99:r", at("d").toString()]);
}
