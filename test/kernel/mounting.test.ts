/** Mounting by the driver: refusals and their messages, shared superblocks, loading, unloading, unmounting. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readManifest } from "@puzzlefs/format";
import { type KernelName, type Machine, manifestOf, mountCommand, storeDisk } from "@puzzlefs/qemu";
import test, { type ExecutionContext } from "ava";
import { corpusCases } from "../corpus/corpus.ts";
import { build } from "../support/images.ts";
import { Scratch } from "../support/scratch.ts";
import { noise } from "@puzzlefs/testing";
import { bootDriver, kernels, kernelTest, missingFor, mountImage } from "./driver.ts";
import { type HostileImage, HostileStore } from "./hostile-images.ts";

const scratch = new Scratch();
const absent = "f".repeat(64);
const errors = { enoent: -2, enotdir: -20, einval: -22 };

/**
 * `lua /fsopen.lua COMMAND VALUE FD-PATH FLAGS MANIFEST AT BETWEEN`: mounts an image of the layout that fsconfig(2) gets by the
 * command with VALUE (a path, or -) and a descriptor of FD-PATH. BETWEEN is run in a shell before the image is mounted. Prints the
 * results of the option and of the creation.
 */
const fsopen = `
  local command, value, path, flags, manifest, at, between = table.unpack(arg)
  local directory = sys.call(2, path, tonumber(flags), 0)
  local context = sys.call(430, "puzzlefs", 0)
  local set = sys.call(431, context, tonumber(command), "oci_root_dir", value ~= "-" and value or 0, directory)
  sys.call(3, directory)
  sys.shell(between)
  sys.call(431, context, 1, "image_manifest", manifest, 0)
  local created = sys.call(431, context, 6, 0, 0, 0)
  print(set, created)
  if created == 0 then sys.call(429, sys.call(432, context, 0, 0), "", -100, at, 4) end`;
const setPath = 3;
const setPathEmpty = 4;
const setFd = 5;
const oPath = 0o10000000;

/** A layout with two good images and damaged ones. */
interface Prepared {
  directory: string;
  good: string;
  /** sha256 of its metadata. */
  metadata: string;
  other: string;
  /** Its name is not the digest of its content. */
  misnamed: string;
  /** Records a size of one byte for its metadata. */
  missized: string;
  damaged: HostileImage[];
}

function prepare(): Prepared {
  const directory = scratch.directory("store");
  const layout = join(directory, "oci");
  const tree = scratch.directory("tree");
  mkdirSync(join(tree, "directory"));
  // Makes the tree look like a layout.
  mkdirSync(join(tree, "blobs/sha256"), { recursive: true });
  for (let i = 0; i < 60; i++) writeFileSync(join(tree, `directory/file-${i}`), noise(i + 1, 100_000 + i));
  symlinkSync("directory", join(tree, "link"));
  build(tree, `${layout}:good`, "-c");
  writeFileSync(join(tree, "more"), "more");
  build(tree, `${layout}:other`);
  const misnamed = "0123456789abcdef".repeat(4);
  writeFileSync(join(layout, "blobs/sha256", misnamed), "{}");
  const hostile = new HostileStore(layout);
  hostile.manifest("a manifest without layers", Buffer.from("{}"));
  hostile.manifest("a manifest that is not JSON", Buffer.from("\x7fELF"));
  for (const rule of ["message-truncated", "inode-kind", "dir-entry-name-slash"]) {
    const found = corpusCases().find((each) => each.rule === rule);
    if (found !== undefined) hostile.metadata(`metadata: ${found.rule}`, found.bytes);
  }
  const good = manifestOf(layout, "good");
  const written = readFileSync(join(layout, "blobs/sha256", good), "utf8");
  const other = written.replace(/(image.rootfs.v1","size":)\d+/, "$11");
  const missized = hostile.blob(Buffer.from(other));
  const metadata = readManifest(Buffer.from(written)).digest;
  return { directory, good, metadata, other: manifestOf(layout, "other"), misnamed, missized, damaged: hostile.images };
}

test.after.always(() => scratch.remove());

for (const kernel of kernels) if (missingFor(kernel) === "") declare(kernel, prepare());
  else kernelTest(kernel, "mounting", () => undefined);

function declare(kernel: KernelName, { directory, good, metadata, other, misnamed, missized, damaged }: Prepared): void {
  const store = "/store/oci";
  const disk = storeDisk(directory);
  let booted: Promise<Machine> | undefined;
  const machine = (): Promise<Machine> =>
    (booted ??= bootDriver(kernel, { disks: [disk], files: { "/fsopen.lua": fsopen } }));
  test.after.always(async () => {
    (await booted?.catch(() => undefined))?.kill();
    disk.remove();
  });

  const mistakes: [what: string, options: string, errno: string, message: string][] = [
    ["no option at all", "", "Invalid argument", "puzzlefs: missing option: oci_root_dir"],
    ["no manifest", `oci_root_dir=${store}`, "Invalid argument", "puzzlefs: missing option: image_manifest"],
    ["no store", `image_manifest=${good}`, "Invalid argument", "puzzlefs: missing option: oci_root_dir"],
    ["an unknown option", `oci_root_dir=${store},colour=red`, "Invalid argument", "puzzlefs: Unknown parameter 'colour'"],
    ["no such directory", `oci_root_dir=/none,image_manifest=${good}`, "No such file", "oci_root_dir=/none: "],
    ["a file for a directory", `oci_root_dir=/init,image_manifest=${good}`, "Not a directory", "oci_root_dir=/init: "],
    ["too few digits", `oci_root_dir=${store},image_manifest=abc`, "Invalid argument", "image_manifest=abc: "],
    ["capitals", `oci_root_dir=${store},image_manifest=${"A".repeat(64)}`, "Invalid argument", "hexadecimal"],
    ["an unknown value of verify=", `oci_root_dir=${store},image_manifest=${good},verify=all`, "Invalid argument", "Bad value for 'verify'"],
    ["an unknown value of share=", `oci_root_dir=${store},image_manifest=${good},share=some`, "Invalid argument", "Bad value for 'share'"],
    ["two names of the image", `oci_root_dir=${store},image_manifest=${good},metadata=${metadata}`, "Invalid argument", "not both"],
    ["metadata that are missing", `oci_root_dir=${store},metadata=${absent}`, "No such file", `metadata ${absent}: cannot be opened`],
    ["metadata that are a manifest", `oci_root_dir=${store},metadata=${good}`, "", ` metadata ${good}: message-`],
    ["metadata of another digest", `oci_root_dir=${store},metadata=${misnamed}`, "", `metadata ${misnamed} has the sha256`],
    ["a blob that is missing", `oci_root_dir=${store},image_manifest=${absent}`, "No such file", absent],
    ["a digest that is wrong", `oci_root_dir=${store},image_manifest=${misnamed}`, "", `manifest ${misnamed} has the sha256`],
    ["another size than listed", `oci_root_dir=${store},image_manifest=${missized}`, "", " bytes instead of 1"],
    ...damaged.map(({ name, manifest, refusal }): [string, string, string, string] => [
      name,
      `oci_root_dir=${store},image_manifest=${manifest}`,
      "",
      refusal?.text ?? "cannot be refused",
    ]),
  ];
  kernelTest(kernel, `${mistakes.length} mistakes are refused, each with its message`, async (t) => {
    const running = await machine();
    for (const [what, options, errno, message] of mistakes) {
      const { status, stderr, log } = await running.run(`mount -t puzzlefs ${options && `-o ${options}`} none /mnt`);
      t.not(status, 0, what);
      t.true(stderr.includes(errno), `${what}: ${stderr}`);
      t.true(log.includes(message), `${what}: '${message}' is not in: ${log}`);
    }
    t.is(await running.succeed("grep -c puzzlefs /proc/mounts || true"), "0\n");
  });

  kernelTest(kernel, "mounts of one image share a superblock, others do not", async (t) => {
    const running = await machine();
    await mountImage(running, "oci", good, "/a");
    await mountImage(running, "oci", good, "/b");
    await mountImage(running, "oci", other, "/c");
    await mountImage(running, "oci", good, "/d", "verify=blob");
    await mountImage(running, "oci", good, "/e", "share=none");
    await mountImage(running, "oci", good, "/f", "share=pages");
    const [a, b, ...others] = (await running.succeed("stat -c %d /a /b /c /d /e /f")).trim().split("\n");
    t.is(a, b);
    t.is(new Set([a, ...others]).size, 5);
    t.regex(await running.succeed("grep ' /e ' /proc/mounts"), /,share=none /);
    // Pages of /a are in memory: with them, nothing is read for /f, and the pages of /e are its own.
    await running.succeed("echo 3 >/proc/sys/vm/drop_caches; cat /a/directory/* >/dev/null");
    const cached = "awk '/^Cached:/ { print $2 }' /proc/meminfo";
    const grown: number[] = [];
    for (const at of ["/f", "/e"]) {
      const before = Number(await running.succeed(cached));
      await running.succeed(`cat ${at}/directory/* >/dev/null`);
      grown.push(Number(await running.succeed(cached)) - before);
    }
    t.true((grown[0] ?? 0) < 1000 && (grown[1] ?? 0) > 4000, `${grown.join(" and ")} KiB more`);
    await running.succeed("umount /a && sha256sum /b/directory/* >/dev/null && umount /b /c /d /e /f");
  });

  kernelTest(kernel, "metadata= names an image without its manifest", async (t) => {
    const running = await machine();
    await mountImage(running, "oci", good, "/a");
    const mount = `mount -t puzzlefs -o oci_root_dir=${store},metadata=${metadata} none`;
    await running.succeed(`mv ${store}/blobs/sha256/${good} /tmp; mkdir -p /b; ${mount} /mnt && ${mount} /b`);
    t.regex(await running.succeed("grep ' /mnt ' /proc/mounts"), new RegExp(`,oci_root_dir=${store},metadata=${metadata} 0 0`));
    const devices = (await running.succeed("stat -c %d /mnt /b /a")).trim().split("\n");
    t.is(devices[0], devices[1]);
    t.not(devices[0], devices[2]);
    await running.succeed("cd /a && find . | xargs stat -c '%n %s %h %i %Z' >/tmp/a && cd /mnt && find . | xargs stat -c '%n %s %h %i %Z' | cmp - /tmp/a");
    await running.succeed("cd /a && sha256sum directory/* >/tmp/a && cd /mnt && sha256sum directory/* | cmp - /tmp/a");
    t.not((await running.run(`mount -o remount,image_manifest=${metadata} /mnt`)).status, 0);
    await running.succeed(`mount -o remount,metadata=${metadata} /mnt && umount /mnt /a /b && mv /tmp/${good} ${store}/blobs/sha256`);
  });

  kernelTest(kernel, "blobs/sha256 may be a symbolic link: two layouts that link to one directory share a superblock", async (t) => {
    const running = await machine();
    await running.succeed(`for d in /x /y; do mkdir -p $d/blobs && ln -s ${store}/blobs/sha256 $d/blobs/sha256; done`);
    for (const [from, at] of [
      ["/x", "/a"],
      ["/y", "/b"],
    ] as const) {
      await running.succeed(mountCommand({ store: from, manifest: good, at }));
    }
    const [a, b] = (await running.succeed("stat -c %d /a /b")).trim().split("\n");
    t.is(a, b);
    await running.succeed("sha256sum /a/directory/* >/dev/null && umount /a /b");
  });

  kernelTest(kernel, "the layout may be a descriptor, which is not looked up again", async (t) => {
    const running = await machine();
    const deep = `/store/${"d".repeat(200)}/${"e".repeat(200)}`;
    await running.succeed(`mkdir -p /x /a ${deep}; mkdir -p /store/links/blobs; ln -s ${store}/blobs/sha256 /store/links/blobs/sha256`);
    const by = async (command: number, value: string, path: string, flags = 0, between = "true"): Promise<number[]> =>
      (await running.succeed(`lua /fsopen.lua ${command} ${value} ${path} ${flags} ${good} /a '${between}'`)).trim().split("\t").map(Number);
    const check = async (): Promise<void> => {
      await running.succeed("sha256sum /a/directory/* >/dev/null && grep -q ' /a puzzlefs .*oci_root_dir=/' /proc/mounts && umount /a");
    };
    const moved = `mv ${store} ${deep}/oci`;
    const back = `mv ${deep}/oci ${store}`;
    for (const [command, value, path, flags] of [
      [setFd, "-", store, 0],
      [setPathEmpty, "''", store, oPath],
      [setPath, "oci", "/store", oPath],
      [setPath, store, "/", 0],
    ] as const) {
      t.deepEqual(await by(command, value, path, flags, moved), [0, 0], `${command} ${value}`);
      await check();
      await running.succeed(back);
    }
    // Longer than a string may be.
    await running.succeed(moved);
    t.deepEqual(await by(setPath, `${deep}/oci`, "/"), [0, 0]);
    t.regex(await running.succeed("grep ' /a ' /proc/mounts"), new RegExp(`oci_root_dir=${deep}/oci,`));
    await running.succeed(`umount /a; ${back}`);

    // Of links, only those inside the layout are followed.
    t.deepEqual(await by(setFd, "-", "/store/links"), [0, errors.enoent]);
    await running.succeed(`mkdir /store/oci/there; ln -s ../../there /store/links/blobs/below; cp -r ${store}/blobs/sha256 /store/links/real
      rm /store/links/blobs/sha256; ln -s ../real /store/links/blobs/sha256`);
    t.deepEqual(await by(setFd, "-", "/store/links"), [0, 0]);
    await check();
    t.deepEqual(await by(setFd, "-", "/init"), [0, errors.enotdir]);
    t.deepEqual(await by(setPath, "/none", "/"), [errors.enoent, errors.einval]);
    await running.succeed(`rm -r /store/links ${store}/there; rm -r /store/ddd*`);
  });

  kernelTest(kernel, "/proc/mounts shows the options; a remount changes none", async (t) => {
    const running = await machine();
    await mountImage(running, "oci", good, "/mnt", "verify=blob");
    const line = await running.succeed("grep ' /mnt ' /proc/mounts");
    t.regex(line, new RegExp(`^none /mnt puzzlefs ro,.*oci_root_dir=${store},image_manifest=${good},verify=blob 0 0\n$`));
    await running.run("mount -o remount,rw /mnt");
    t.regex((await running.run("touch /mnt/new")).stderr, /Read-only file system/);
    for (const changed of [`image_manifest=${absent}`, "verify=none", "share=none"])
      t.not((await running.run(`mount -o remount,${changed} /mnt`)).status, 0, changed);
    t.is(await running.succeed("grep ' /mnt ' /proc/mounts"), line);
    await running.succeed("umount /mnt");
  });

  kernelTest(kernel, "a store may be on an overlay, but not in an image or on two overlays", async (t) => {
    const running = await machine();
    await running.succeed(`set -e
      modprobe overlay; mkdir -p /one /two /empty
      mount -t overlay -o lowerdir=/store:/empty none /one
      mount -t overlay -o lowerdir=/one:/empty none /two`);
    await running.succeed(`${mountCommand({ store: "/one/oci", manifest: good, at: "/mnt" })}; cat /mnt/link/* >/dev/null`);
    for (const [where, message] of [
      ["/mnt", /stores in images are not supported/],
      ["/two/oci", /maximum stacking depth exceeded/],
    ] as const) {
      const { status, log } = await running.run(mountCommand({ store: where, manifest: good, at: "/b" }));
      t.not(status, 0, where);
      t.regex(log, message);
    }
    await running.succeed("umount /mnt /two /one");
  });

  kernelTest(kernel, "the module cannot be unloaded while it is used, and can be loaded again", async (t) => {
    const running = await machine();
    for (let round = 0; round < 3; round++) {
      await mountImage(running, "oci", good, "/mnt");
      t.not((await running.run("rmmod puzzlefs")).status, 0);
      await running.succeed("cat /mnt/link/file-1 >/dev/null && umount /mnt && rmmod puzzlefs");
      t.not((await running.run(mountCommand({ store, manifest: good, at: "/mnt" }))).status, 0);
      await running.succeed("insmod /puzzlefs.ko");
    }
  });

  kernelTest(kernel, "a lazy unmount during reads lets the readers finish", (t) => unmountUnderLoad(t, machine, good));

  kernelTest(kernel, "the kernel reported no fault", async (t) => {
    const running = await machine();
    await running.succeed("umount /store && rmmod puzzlefs");
    await t.notThrowsAsync(running.close());
  });
}

async function unmountUnderLoad(t: ExecutionContext, machine: () => Promise<Machine>, manifest: string): Promise<void> {
  const running = await machine();
  for (const more of [undefined, "verify=blob"]) {
    await mountImage(running, "oci", manifest, "/mnt", more);
    const before = await running.succeed("cd /mnt && sha256sum directory/*");
    // The readers keep a file and their directory open until the mount is detached, then read everything again.
    const { status, stdout } = await running.run(`
      rm -f /tmp/detached /tmp/reads-*
      for reader in 1 2 3; do (cd /mnt && exec 5</mnt/directory/file-7 && : >/tmp/reads-$reader
        echo 3 >/proc/sys/vm/drop_caches; sha256sum directory/*
        until [ -e /tmp/detached ]; do usleep 10000; done
        echo 3 >/proc/sys/vm/drop_caches; sha256sum directory/*) >/tmp/read-$reader 2>&1 & done
      until [ -e /tmp/reads-1 ] && [ -e /tmp/reads-2 ] && [ -e /tmp/reads-3 ]; do usleep 10000; done
      umount /mnt && exit 9
      umount -l /mnt || exit 8
      : >/tmp/detached
      wait; cat /tmp/read-1 /tmp/read-2 /tmp/read-3`);
    t.is(status, 0);
    t.is(stdout, before.repeat(6));
    await running.succeed("for i in $(seq 100); do rmmod puzzlefs && break; sleep 1; done; insmod /puzzlefs.ko");
  }
}
