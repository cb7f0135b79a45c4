/** If the system refuses something, a build reports it and leaves no files. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { noise } from "@puzzlefs/testing";
import test from "ava";
import { program, TestDirectory } from "./program-fixture.ts";

const isRoot = process.geteuid?.() === 0;
const rootTest = isRoot ? test.serial : test.serial.skip;

function directoryWithTree(): TestDirectory {
  const directory = new TestDirectory();
  mkdirSync(directory.path("root"));
  for (let i = 0; i < 4; i++) writeFileSync(directory.path("root", `file${i}`), noise(`${i}`, 100_000));
  return directory;
}

/** Shell lines that make a build fail, with what it reports. `$small` is a mount point. */
const refusals: [name: string, line: string, message: RegExp][] = [
  [
    "a full file system",
    "mount -t tmpfs -o size=200k none small; $build small/new/store:v",
    /small\/new\/store: cannot write the image: no space/,
  ],
  [
    "a file system without room for a layout",
    "mount -t tmpfs -o nr_inodes=6 none small; $build small/new/store:v",
    /small.*: cannot make the image layout: no space/,
  ],
  [
    "a read-only file system",
    "mount -t tmpfs -o ro none small; $build small/new/store:v",
    /small.*: cannot make the image layout: read-only/,
  ],
  ["a limit of file sizes", "(ulimit -f 20; $build new/store:v)", /new\/store: cannot write the image: file too large/],
  ["a limit of open files", "(ulimit -n 38; $build new/store:v)", /: cannot .*too many open files/],
];

for (const [name, line, message] of refusals) {
  rootTest(`${name}: path, action and cause, and nothing stays`, async (t) => {
    using directory = directoryWithTree();
    mkdirSync(directory.path("small"));
    for (const options of ["", "-c --jobs 1"]) {
      const { stdout, stderr } = await directory.shell(
        `build="puzzlefs build ${options} root"; ${line}; echo status $?; ls -A small; umount small 2>/dev/null; ls`,
      );
      t.is(stdout, "status 1\nroot\nsmall\n", stderr);
      t.regex(stderr, new RegExp(`^puzzlefs: [^\n]*${message.source}[^\n]*\n$`));
      t.notRegex(stderr, /E[A-Z]{3,}:|puzzlefs-tmp/);
    }
  });
}

rootTest("with any limit of open files a build makes a whole image or none", async (t) => {
  using directory = directoryWithTree();
  const { stdout } = await directory.shell(`
    for n in $(seq 30 48); do
      (ulimit -n $n; puzzlefs build root new/store:v >/dev/null 2>&1)
      code=$?
      # Node itself does not start with too few.
      [ $code -lt 128 ] || continue
      [ $code != 0 ] || puzzlefs verify new/store:v >/dev/null || echo "corrupt with $n"
      [ $code = 0 ] || [ ! -e new ] || { echo "left with $n:"; find new -maxdepth 2; }
      rm -rf new
    done; echo end`);
  t.is(stdout, "end\n");
});

rootTest("permission denied is not reported as a missing file", async (t) => {
  using directory = directoryWithTree();
  mkdirSync(directory.path("closed/store"), { recursive: true });
  chmodSync(directory.path("closed"), 0o700);
  chmodSync(directory.root, 0o755);
  const cases: [line: string, message: RegExp][] = [
    ["closed/tree store:v", /closed\/tree: cannot read the tree: permission denied/],
    ["missing store:v", /missing: cannot read the tree: no such file/],
    ["root closed/store:v", /closed\/store: cannot make the image layout: permission denied/],
    ["root new/store:v", /new: cannot make the image layout: permission denied/],
  ];
  for (const [line, message] of cases) {
    const { stderr, stdout } = await directory.shell(
      `setpriv --reuid 65534 --regid 65534 --clear-groups '${process.execPath}' '${program}' build ${line}; echo $?`,
    );
    t.regex(stderr, message);
    t.is(stdout, "1\n");
  }
});

rootTest("files of 2^53 bytes and more are refused by name before they are read", async (t) => {
  using directory = new TestDirectory();
  mkdirSync(directory.path("small"));
  for (const size of ["9007199254740992", "9223372036854775807"]) {
    const { stdout, stderr } = await directory.shell(
      `mount -t tmpfs none small; truncate -s ${size} small/huge; puzzlefs build small store:v; echo $?; umount small; ls`,
    );
    t.is(stdout, "1\nsmall\n");
    t.regex(stderr, /^puzzlefs: small\/huge: .*2\^53 - 1\n$/);
  }
});

rootTest("umask and set-gid directories decide which users may use a layout", async (t) => {
  using directory = directoryWithTree();
  for (const [mask, fileMode, directoryMode] of [
    ["002", 0o664, 0o775],
    ["022", 0o644, 0o755],
    ["027", 0o640, 0o750],
    ["077", 0o600, 0o700],
  ] as const) {
    const parent = directory.path(`shared${mask}`);
    mkdirSync(parent);
    spawnSync("chgrp", ["2999", parent]);
    chmodSync(parent, 0o2775);
    for (const options of ["", "-c"]) {
      const { code, stderr } = await directory.shell(
        `umask ${mask}; puzzlefs build ${options} root ${parent}/store:v >/dev/null`,
      );
      t.is(code, 0, stderr);
    }
    for (const name of readdirSync(parent, { recursive: true, encoding: "utf8" })) {
      const { mode, gid } = statSync(`${parent}/${name}`);
      t.is(mode & 0o7777, (mode & 0o040000) === 0 ? fileMode : directoryMode | 0o2000, `${mask} ${name}`);
      t.is(gid, 2999);
    }
  }
});

rootTest("what is left out is on stderr, in the summary and in JSON", async (t) => {
  using directory = directoryWithTree();
  mkdirSync(directory.path("root/sub"));
  const { stdout, stderr } = await directory.shell(`
    mount -t tmpfs none root/sub
    setfattr -n security.selinux -v label root/file1 && setfattr -n security.selinux -v label root/file2
    puzzlefs build root store:v; puzzlefs build --json root store:v 2>/dev/null
    puzzlefs build --cross-mounts --one-file-system root store:w; echo $?; umount root/sub`);
  t.regex(stderr, /^puzzlefs: warning: root\/sub: mount point, left out .*--cross-mounts/m);
  t.regex(stdout, /^left out +(?=.*1 mount point)/m);
  const { omissions } = JSON.parse(/^\{.*$/m.exec(stdout)?.[0] ?? "") as {
    omissions: { what: string; count: number }[];
  };
  t.like(
    omissions.find(({ what }) => what === "mount point"),
    { count: 1, paths: ["root/sub"] },
  );
  if (stderr.includes("setfattr")) t.log("security.selinux cannot be set here");
  else {
    t.regex(stderr, /^puzzlefs: warning: security\.selinux: left out of 2 inodes, first root\/file1: .*--selinux/m);
    t.like(
      omissions.find(({ what }) => what === "security.selinux"),
      { count: 2 },
    );
  }
  t.regex(stderr, /exclude each other/);
  t.regex(stdout, /\n2\n$/);
});
