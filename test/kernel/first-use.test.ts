/** Images that record their tree: the driver checks each inode, and each directory with its names, at its first use. */
import { encodeRootfs, type InodeValue, type RootfsValue } from "@puzzlefs/format";
import { type KernelName, type Machine, storeDisk } from "@puzzlefs/qemu";
import test, { type ExecutionContext } from "ava";
import { Scratch } from "../support/scratch.ts";
import { CostlyStore } from "./costly-images.ts";
import { bootDriver, kernels, kernelTest, missingFor, mountImage } from "./driver.ts";

const owner = { uid: 0, gid: 0, permissions: 0o755 };
const name = (text: string): Buffer => Buffer.from(text);

/** A directory with what the image records of it. */
const dir = (ino: number, entries: Record<string, number>, parent: number, links = 2): InodeValue => ({
  ...owner,
  ino,
  mode: {
    kind: "dir",
    dir: { entries: Object.entries(entries).map(([text, child]) => ({ name: name(text), ino: child })), links, parent },
  },
});
const file = (ino: number, more: Partial<InodeValue> = {}): InodeValue => ({
  ...owner,
  ino,
  mode: { kind: "file", file: [] },
  ...more,
});

const inodes = [
  dir(1, { bad: 3, cycle: 4, good: 2, kind: 9, parent: 5, slash: 6, twice: 7, xattr: 8 }, 1, 7),
  dir(2, { file: 10, link: 10 }, 1),
  // Twice in its parent, and once in another directory.
  dir(7, {}, 1),
  file(10, { additional: { links: 2 } }),
  file(3, { permissions: 0o10000 }),
  dir(4, { again: 4, good: 2, self: 7 }, 1),
  dir(5, {}, 2),
  dir(6, { "a/b": 10 }, 1),
  file(8, { additional: { xattrs: [{ key: name("user.a"), val: name("b") }] } }),
  { ...owner, ino: 9, mode: { kind: "wht" } },
].toSorted((a, b) => a.ino - b.ino) as InodeValue[];
const totals: Partial<RootfsValue> = { inodes: 10, contentBytes: 123_456, traits: 0 };

const scratch = new Scratch();
const directory = scratch.directory("store");
test.after.always(() => scratch.remove());
const store = new CostlyStore(`${directory}/oci`);
const good = store.image(encodeRootfs({ metadatas: [{ inodes }], manifestVersion: 3, ...totals }));
const noRoot = store.image(encodeRootfs({ metadatas: [{ inodes: inodes.slice(1) }], manifestVersion: 3, ...totals }));
const badRoot = store.image(
  encodeRootfs({ metadatas: [{ inodes: [dir(1, { "": 2 }, 1), ...inodes.slice(1)] }], manifestVersion: 3, ...totals }),
);
const walked = store.image(encodeRootfs({ metadatas: [{ inodes }], manifestVersion: 3 }));

/** What a look-up of a name returns, and the rule in the log. */
const refusals: [path: string, rule: string][] = [
  ["bad", "permissions-range (inode 3, "],
  ["parent", "recorded-parent (inode 5, "],
  ["slash", "dir-entry-name-slash (inode 6, "],
  ["xattr", "recorded-totals (inode 8, "],
  ["cycle/again", "recorded-parent (inode 4, "],
  ["cycle/self", "recorded-parent (inode 7, "],
];

for (const kernel of kernels) {
  if (missingFor(kernel) === "") declare(kernel);
  else kernelTest(kernel, "first uses", () => undefined);
}

function declare(kernel: KernelName): void {
  const disk = storeDisk(directory);
  let booted: Promise<Machine> | undefined;
  const machine = (): Promise<Machine> => (booted ??= bootDriver(kernel, { disks: [disk] }));
  test.after.always(async () => {
    (await booted?.catch(() => undefined))?.kill();
    disk.remove();
  });

  kernelTest(kernel, "a mount refuses what it uses: a missing root, a bad one; images that do not record their tree as a whole", async (t) => {
    const running = await machine();
    for (const [image, rule] of [
      [noRoot, "root-inode (inode 1, "],
      [badRoot, "dir-entry-name-length (inode 1, "],
      [walked, "(inode 3, "],
    ] as const) {
      const { status, log } = await running.run(`mount -t puzzlefs -o oci_root_dir=/store/oci,image_manifest=${image} none /mnt`);
      t.not(status, 0, rule);
      t.true(log.includes("corrupt metadata ") && log.includes(rule), log);
    }
  });

  kernelTest(kernel, "an inode that breaks a rule is refused by each look-up, and logged; the others are not affected", (t) => refused(t, machine));

  kernelTest(kernel, "the kernel reported no fault", async (t) => {
    const running = await machine();
    await running.succeed("umount /store && rmmod puzzlefs");
    await t.notThrowsAsync(running.close());
  });
}

async function refused(t: ExecutionContext, machine: () => Promise<Machine>): Promise<void> {
  const running = await machine();
  await mountImage(running, "oci", good, "/mnt");
  const device = (await running.succeed(`awk '$5 == "/mnt" { print $3 }' /proc/self/mountinfo`)).trim();
  t.is(await running.succeed("cd /mnt && echo *"), "bad cycle good parent slash twice xattr\n", "names are listed, whiteouts are not");
  for (const [path, rule] of refusals) {
    await running.succeed("dmesg -c >/dev/null");
    const { status, stderr } = await running.run(`cat /mnt/${path}`);
    t.not(status, 0, path);
    t.true(stderr.includes("Structure needs cleaning"), stderr);
    const lines = (await running.succeed("dmesg -c")).split("\n").filter((line) => line.includes("puzzlefs ("));
    const wanted = `(${device}/${good.slice(0, 12)}): corrupt metadata `;
    t.is(lines.filter((line) => line.includes(wanted) && line.includes(rule)).length, 1, lines.join("\n"));
  }
  // More often than the work that the image allows would suffice for.
  await running.succeed("dmesg -c >/dev/null; i=0; while [ $i -lt 2000 ]; do read x </mnt/bad; i=$((i + 1)); done 2>/dev/null; true");
  const flood = (await running.succeed("dmesg -c")).split("\n").filter((line) => line.includes("corrupt metadata"));
  t.true(flood.length > 0 && flood.length <= 200, `${flood.length} lines`);
  t.is(await running.succeed("stat -c '%n %h %s' /mnt /mnt/good /mnt/good/file /mnt/twice /mnt/cycle"),
    "/mnt 7 0\n/mnt/good 2 0\n/mnt/good/file 2 0\n/mnt/twice 2 0\n/mnt/cycle 2 0\n");
  t.is(await running.succeed("stat -f -c '%c' /mnt"), "10\n");
  // Evicted inodes are not checked again, and their work is not spent twice.
  await running.succeed("i=0; while [ $i -lt 30 ]; do echo 2 >/proc/sys/vm/drop_caches; stat /mnt/good/link /mnt/twice >/dev/null || exit 1; i=$((i + 1)); done");
  await running.succeed("umount /mnt");
}
