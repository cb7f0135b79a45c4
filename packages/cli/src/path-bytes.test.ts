/** Paths on the command line, in images and of the working directory are bytes, of which UTF-8 is a special case. */
import test, { type ExecutionContext } from "ava";
import { mountTest } from "./mount-fixture.ts";
import { launcher, isBuilt, runProgram, TestDirectory } from "./program-fixture.ts";

/** Latin1: one character a byte. */
const NAMES: readonly (readonly [title: string, bytes: string])[] = [
  ["a bad byte", "\xff"],
  ["the character that replaces bad bytes", "\xef\xbf\xbd"],
  ["both", "a\xef\xbf\xbd\xff"],
  ["an overlong slash", "\xc0\xaf"],
  ["an encoded surrogate", "\xed\xa0\x80"],
  ["a truncated sequence and lines", "\xe2\x82\nforged: \xfe\n"],
  ["a leading dash", "-\xff"],
  ["text, a backslash and spaces", " F\xc3\xbc\xc3\x9fe \\xff $(x) "],
];

/** A word for bash. */
function word(bytes: string): string {
  return `$'${bytes.replace(/[^\w/.]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`)}'`;
}

/** Runs a script that must succeed and print nothing on stderr; returns what it prints, latin1. */
async function shell(t: ExecutionContext, directory: TestDirectory, script: string): Promise<string> {
  const { code, stdout, stderr } = await directory.shell(`set -eu -o pipefail; export LC_ALL=C\n${script}`);
  t.deepEqual([code, stderr], [0, ""], script);
  return stdout;
}

function entries(nul: string): string[] {
  return nul.split("\0").slice(0, -1).sort();
}

const LISTING = "find . -mindepth 1 -maxdepth 1 -printf '%f\\0'";

test("every path argument of every command is bytes, also relative ones in a directory of such a name", async (t) => {
  using directory = new TestDirectory();
  await Promise.all(
    NAMES.map(async ([title, name]) => {
      const [root, store, out, config] = ["", "s", "o", "c"].map((more) => word(name + more));
      const script = `
        here=${word(`cwd${name}`)}; mkdir "$here"; cd "$here"
        mkdir -- ${root}; printf %s ${root} > ./${root}/f
        echo '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}' > ./${config}
        {
          puzzlefs build --config=${config} -- ${root} ${store}:v
          puzzlefs build -b v -- "$PWD"/${root} "$PWD"/${store}:w
          puzzlefs extract -- ${store}:v ${out}
          cmp ./${root}/f ./${out}/f
          for command in tags verify; do puzzlefs $command -- ${store}; done
          for command in ls inspect stat dump verify; do puzzlefs $command -- ${store}:w; done
          puzzlefs dump --directory -- ${root}
        } > ../log${word(name)}
        puzzlefs cat -- ${store}:v f; printf '\\0'; ${LISTING}`;
      const [content, ...listing] = (await shell(t, directory, script)).split("\0");
      t.is(content, name, title);
      t.deepEqual(listing.slice(0, -1).sort(), [name, `${name}c`, `${name}o`, `${name}s`].sort(), title);
    }),
  );
});

test("every name in an image can be a PATH argument, as bytes and in its escaped form", async (t) => {
  using directory = new TestDirectory();
  const made = NAMES.map(([, name]) => `printf %s ${word(name)} > root/${word(name)}`).join("\n");
  await shell(t, directory, `mkdir root\n${made}\npuzzlefs build root store:v > log`);
  const found = entries(await shell(t, directory, `cd root; ${LISTING}`));
  t.deepEqual(found, NAMES.map(([, name]) => name).sort());
  t.deepEqual(entries(await shell(t, directory, "puzzlefs ls -0 store:v")), found);
  t.deepEqual(
    entries(await shell(t, directory, "puzzlefs ls -R0 store:v")),
    ["/", ...found.map((name) => `/${name}`)].sort(),
  );

  const paths = found.map((name) => word(`/${name}`)).join(" ");
  t.is(await shell(t, directory, `puzzlefs cat store:v ${paths}`), found.join(""));
  t.is((await shell(t, directory, `puzzlefs stat --json store:v ${paths}`)).trimEnd().split("\n").length, found.length);
  t.is((await shell(t, directory, `puzzlefs dump store:v ${paths}`)).trimEnd().split("\n").length, found.length);

  // A line for each, whatever is in it, in all forms. An `-e` undoes it.
  const shown = (await shell(t, directory, "puzzlefs ls store:v")).trimEnd().split("\n");
  t.true(shown.includes(" F\xc3\xbc\xc3\x9fe \\\\xff $(x) ") && shown.includes("a\xef\xbf\xbd\\xff"), shown.join("\n"));
  const json = (await shell(t, directory, "puzzlefs ls --json store:v")).trimEnd().split("\n");
  const dumped = (await shell(t, directory, "puzzlefs dump store:v")).trimEnd().split("\n").slice(1);
  const forms = {
    shown,
    json: json.map((line) => JSON.parse(line).name),
    dumped: dumped.map((line) => line.split(" ")[0] ?? ""),
  };
  for (const [form, texts] of Object.entries(forms)) {
    t.is(texts.length, found.length, form);
    const words = texts.map((text) => word(`/${text}`)).join(" ");
    t.deepEqual((await shell(t, directory, `puzzlefs cat -e store:v ${words}`)).length, found.join("").length, form);
    for (const command of ["dump", "stat"]) await shell(t, directory, `puzzlefs ${command} -e store:v ${words} > log`);
  }
  for (const command of ["ls", "inspect"]) await shell(t, directory, `puzzlefs ${command} -e store:v '\\xff' > log`);
  const { code, stderr } = await directory.run("cat", "-e", "store:v", "\\n");
  t.deepEqual(
    [code, stderr],
    [2, "puzzlefs: '\\n' is not an escaped path: a backslash begins \\xHH, or is written \\\\\n"],
  );
});

test("arguments that are not paths are refused if they are not UTF-8, and messages are UTF-8", async (t) => {
  using directory = new TestDirectory();
  await shell(t, directory, "mkdir root; puzzlefs build root store:v > log");
  for (const [argv, code, message] of [
    ["build root store:\\xff", 2, /'\\xff' is not a tag: it is not UTF-8/],
    ["ls store:\\xff", 2, /'\\xff' is not a tag/],
    ["build -b \\xff root store:w", 1, /no tag/],
    ["build --jobs \\xff root store:w", 2, /'\\xff' is not a whole number/],
    ["mount -o \\xff store:v root", 2, /unknown mount option "\\xff"/],
    ["\\xff", 2, /'\\xff' is not a command/],
    ["ls --\\xff", 2, /unknown option '--\\xff'/],
    ["ls no\\xff:v", 1, /\/no\\xff: not an OCI layout/],
    ["build no\\xff store:w", 1, /no\\xff: cannot read the tree: no such file or directory/],
    ["extract store:v store/oci-layout/\\xff", 1, /: not a directory\n$/],
    ["umount no\\xff", 1, /no\\xff: no such directory/],
    ["cat store:v no\\xff\\xef\\xbf\\xbd", 1, /no\\xff\ufffd: no such file or directory in the image/],
  ] as const) {
    const words = argv.split(" ").map((text) => `$'${text}'`);
    const outcome = await directory.shell(`puzzlefs ${words.join(" ")}`);
    t.deepEqual([outcome.code, outcome.stdout], [code, ""], argv);
    t.regex(outcome.stderr, message);
  }
});

mountTest("without /proc a path is never replaced by another", async (t) => {
  using directory = new TestDirectory();
  await shell(t, directory, "mkdir root; puzzlefs build root store:v > log");
  const hidden = (line: string): ReturnType<TestDirectory["shell"]> =>
    directory.shell(`unshare --mount bash -c "$(declare -f puzzlefs); mount -t tmpfs none /proc && ${line}"`);
  for (const name of ["\\xff", "\\xef\\xbf\\xbd"]) {
    const { code, stderr } = await hidden(`puzzlefs extract store:v out$'${name}'`);
    t.is(code, 1, stderr);
    t.regex(stderr, /^puzzlefs: an argument is not UTF-8, or has U\+FFFD, and \/proc\/self\/cmdline/);
  }
  t.deepEqual(entries(await shell(t, directory, LISTING)), ["log", "root", "store"]);
  const { code, stderr } = await hidden("puzzlefs extract store:v $'F\\xc3\\xbc\\xc3\\x9fe'");
  t.is(code, 0, stderr);
});

/** Unmounts whatever is left below the working directory. */
const TIDY = `trap 'umount -q -l mnt* 2> /dev/null || true' EXIT`;

for (const [title, name] of NAMES.slice(0, 6).filter(([, bytes]) => bytes !== "\xc0\xaf")) {
  mountTest(`a mount of which every path is bytes: ${title}`, async (t) => {
    using directory = new TestDirectory();
    const [cwd, root, store, mnt, log, fifo, up] = ["cwd", "", "s", "mnt", "l", "f", "u"].map((more) =>
      word(more.length > 1 ? more + name : name + more),
    );
    const output = await shell(
      t,
      directory,
      `mkdir ${cwd} ${cwd}/${mnt} ${cwd}/mnt; cd ${cwd}; ${TIDY}
      mkdir ${root}; echo content > ${root}/f; puzzlefs build ${root} ${store}:v > log
      ln -s ${mnt} link; mkfifo ${fifo}
      head -c 1 ${fifo} & puzzlefs mount -i ${fifo} --log-file ${log} --driver fuse ${store}:v ${mnt}; wait $!
      cat ${mnt}/f; puzzlefs umount ${mnt}; ! test -e ${mnt}/f
      puzzlefs mount --driver fuse "$PWD"/${store}:v link; cat ${mnt}/f
      findmnt --noheadings --raw --output TARGET | grep -cF '${directory.root}/'; puzzlefs umount link; ! test -e ${mnt}/f
      puzzlefs mount --driver fuse -o persist=${up} ${store}:v ${mnt}; echo x > ${mnt}/x; cat ${up}/x; umount ${mnt}
      puzzlefs mount --driver fuse --supervise ${store}:v ${mnt}
      kill $(pgrep -f "^puzzlefs mount ${directory.root}")
      timeout 240 sh -c 'while test -e "$0"; do sleep 0.05; done' ${mnt}/f; echo unmounted
      rm -r ${up} ${up}.work ${fifo} link log mnt; printf '\\0'; ${LISTING}`,
    );
    const [text, ...listing] = output.split("\0");
    t.is(text, "scontent\ncontent\n1\nx\nunmounted\n");
    t.deepEqual(listing.slice(0, -1).sort(), [name, `${name}s`, `mnt${name}`, `${name}l`].sort());
  });
}

const AS_ORDINARY_USER = "setpriv --reuid=65534 --regid=65534 --clear-groups";

(isBuilt ? mountTest : test.skip)("an ordinary user mounts on such a path by fusermount3", async (t) => {
  const probe = await runProgram("bash", [
    "-c",
    `${AS_ORDINARY_USER} '${launcher}' --version && ${AS_ORDINARY_USER} test -w /dev/fuse && command -v fusermount3`,
  ]);
  if (probe.code !== 0) {
    t.pass("not possible here");
    return;
  }
  using directory = new TestDirectory();
  const output = await shell(
    t,
    directory,
    `chmod 755 .; ${TIDY}; mkdir root u; chown 65534 u; echo content > root/f; puzzlefs build root u/$'s\\xff':v > log; chown -R 65534 u
    cd u; mkdir mnt$'\\xff\\n'; chown 65534 mnt*; ln -s mnt* link
    ${AS_ORDINARY_USER} '${launcher}' mount --driver fuse $'s\\xff':v link 2>&1
    ${AS_ORDINARY_USER} cat link/f
    ${AS_ORDINARY_USER} '${launcher}' umount mnt*; ! test -e link/f
    ${AS_ORDINARY_USER} '${launcher}' mount --driver fuse -o auto_unmount $'s\\xff':v mnt* 2>&1
    ${AS_ORDINARY_USER} cat link/f; ${AS_ORDINARY_USER} '${launcher}' umount link`,
  );
  t.is(output, "content\ncontent\n");
});
